"""Fit a trained segmenter to another clinic's images, without any mask; RUN stays as it is."""

from __future__ import annotations

from pathlib import Path

from jsonargparse import ArgumentParser, Namespace

from crosslevel.commands.options import RUN_OR_MODEL, add_options, add_threads, chosen
from crosslevel.training.adapt_options import AdaptOptions

EXAMPLE = """\
examples:
  crosslevel adapt runs/first their_images --out runs/theirs
  crosslevel adapt runs/first 'clinic/*.jpg' --out runs/theirs --threshold
  crosslevel evaluate runs/theirs --data their_masks --subset all    # does it help?"""


def configure(parser: ArgumentParser) -> None:
    """Name the options."""
    parser.add_argument("run", type=Path, help=RUN_OR_MODEL)
    parser.add_argument("images", nargs="+", help="files, folders or patterns; no masks are needed")
    parser.add_argument("--out", type=Path, required=True, help="new run folder")
    add_options(parser, AdaptOptions)
    add_threads(parser)


def run(arguments: Namespace) -> int:
    """Adapt; images that cannot be read are listed at the end."""
    from crosslevel.system.console import Reporter
    from crosslevel.training.adapt import adapt

    reporter = Reporter()
    done = adapt(
        arguments.run,
        arguments.images,
        arguments.out,
        options=AdaptOptions(**chosen(arguments, AdaptOptions)),
        reporter=reporter,
    )
    for problem in done.problems:
        reporter.say(f"skipped: {problem}")
    reporter.say(
        f"Done: {arguments.out}. It has no expected Dice: whether it helps, only masks of these "
        f"images can say (`crosslevel evaluate {arguments.out} --data DIR --subset all`)."
    )
    return 1 if done.problems else 0
