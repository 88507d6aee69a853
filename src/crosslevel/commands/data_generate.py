"""Make synthetic lesion images with masks: they differ by texture, not by mean colour."""

from __future__ import annotations

from pathlib import Path

from jsonargparse import ArgumentParser, Namespace

EXAMPLE = """\
example:
  crosslevel data generate lesions --num 60 --masks 20"""


def configure(parser: ArgumentParser) -> None:
    """Name the options."""
    parser.add_argument("folder", type=Path, help="folder to write images/ and masks/ into")
    parser.add_argument("--num", type=int, default=60, help="images")
    parser.add_argument("--masks", type=int | None, help="images that get a mask; all if left out")
    parser.add_argument("--size", type=int, default=160, help="side in pixels")
    parser.add_argument("--seed", type=int, default=0, help="of everything random")


def run(arguments: Namespace) -> None:
    """Write the images."""
    from crosslevel.data.synthetic import write_synthetic
    from crosslevel.system.console import Reporter

    folder = write_synthetic(
        arguments.folder,
        arguments.num,
        size=arguments.size,
        masks=arguments.masks,
        seed=arguments.seed,
    )
    reporter = Reporter()
    reporter.say(f"Done: {folder}")
    if arguments.masks == 0:
        reporter.say(f"Draw masks for it with `crosslevel annotate {folder}`")
    else:
        reporter.say(f"Train on it with `crosslevel train --data {folder} --out RUN`")
