"""Score a trained segmenter on images with masks: per_image.csv, summary.json and a table."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from jsonargparse import ArgumentParser, Namespace

EXAMPLE = """\
examples:
  crosslevel evaluate runs/first
  crosslevel evaluate runs/first --data other_hospital --subset all --out scores/other"""


def configure(parser: ArgumentParser) -> None:
    """Name the options."""
    parser.add_argument("run", type=Path, help="run folder")
    parser.add_argument("--data", type=Path | None, help="images; those of the run if left out")
    parser.add_argument(
        "--subset",
        type=Literal["test", "val", "all"],
        default="test",
        help="a part of the run's own split, or all images of --data that have a mask",
    )
    parser.add_argument(
        "--metric_size",
        type=Literal["original", "input"],
        default="original",
        help="score at each mask's own size, or at the network's (as the paper's tables)",
    )
    parser.add_argument(
        "--flips", action="store_true", help="average over mirror images; four times the work"
    )
    parser.add_argument(
        "--runtime",
        type=Literal["auto", "torch", "onnx", "openvino"],
        default="torch",
        help="what computes; onnx and openvino score what `export` wrote",
    )
    parser.add_argument(
        "--allow_overlap", action="store_true", help="score images the run was trained on, too"
    )
    parser.add_argument("--out", type=Path | None, help="folder for the scores")
    parser.add_argument("--threads", type=int | None, help="CPU threads; all cores if left out")


def run(arguments: Namespace) -> None:
    """Evaluate and print the mean scores."""
    from crosslevel.data.cases import check_source
    from crosslevel.runs.folder import RunFolder
    from crosslevel.system.console import Reporter

    RunFolder(arguments.run).config()
    if arguments.data:
        check_source(arguments.data)
    from crosslevel.evaluation.evaluate import evaluate  # after the paths, since it imports torch

    reporter = Reporter()
    result = evaluate(
        arguments.run,
        arguments.data,
        subset=arguments.subset,
        metric_size=arguments.metric_size,
        flips=arguments.flips,
        runtime=arguments.runtime,
        out=arguments.out,
        allow_overlap=arguments.allow_overlap,
        reporter=reporter,
    )
    print(result.to_text())  # noqa: T201
    reporter.say(f"Done: {result.per_image_file}")
