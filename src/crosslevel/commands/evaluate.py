"""Score a trained segmenter on images with masks: per_image.csv, summary.json and a table."""

from __future__ import annotations

from pathlib import Path

from jsonargparse import ArgumentParser, Namespace

from crosslevel.commands.options import RUN_OR_MODEL, add_options, add_threads, chosen
from crosslevel.evaluation.options import EvaluateOptions

EXAMPLE = """\
examples:
  crosslevel evaluate runs/first
  crosslevel evaluate runs/first --data other_hospital --subset all --out scores/other"""


def configure(parser: ArgumentParser) -> None:
    """Name the options."""
    parser.add_argument("run", type=Path, help=RUN_OR_MODEL)
    parser.add_argument("--data", type=Path | None, help="images; those of the run if left out")
    add_options(parser, EvaluateOptions)
    parser.add_argument("--out", type=Path | None, help="folder for the scores")
    add_threads(parser)


def run(arguments: Namespace) -> None:
    """Evaluate and print the mean scores."""
    from crosslevel.data.cases import check_source
    from crosslevel.system.console import Reporter

    if arguments.data:
        check_source(arguments.data)
    from crosslevel.evaluation.evaluate import evaluate  # after the paths, since it imports torch
    from crosslevel.system.distributed import joined_place

    with joined_place() as place:
        reporter = Reporter(quiet=not place.is_first)
        result = evaluate(
            arguments.run,
            arguments.data,
            out=arguments.out,
            reporter=reporter,
            place=place,
            **chosen(arguments, EvaluateOptions),
        )
    if place.is_first:
        print(result.to_text())  # noqa: T201
    reporter.say(f"Done: {result.per_image_file}")
    if result.per_image_file.parent == arguments.run:
        reporter.say(f"Look at it with `crosslevel report {arguments.run}`")
