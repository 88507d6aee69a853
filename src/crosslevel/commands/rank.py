"""Say which images to annotate next: those that are new to the network and it is unsure of."""

from __future__ import annotations

from pathlib import Path

from jsonargparse import ArgumentParser, Namespace

from crosslevel.annotate.options import RankOptions
from crosslevel.commands.options import RUN_OR_MODEL, add_options, add_threads, chosen

EXAMPLE = """\
examples:
  crosslevel rank runs/first polyps --out next.csv --num 20
  crosslevel rank runs/first polyps --out next.csv --ranking uncertainty"""

NUM_NAMED = 3


def configure(parser: ArgumentParser) -> None:
    """Name the options."""
    parser.add_argument("run", type=Path, help=RUN_OR_MODEL)
    parser.add_argument("images", type=Path, help="folder of images, some with masks")
    parser.add_argument("--out", type=Path, required=True, help="CSV file to write")
    add_options(parser, RankOptions)
    parser.add_argument(
        "--masks", type=str | None, help="name of the folder of masks, where several could be it"
    )
    add_threads(parser)


def run(arguments: Namespace) -> None:
    """Rank, write the file and name the first images."""
    from crosslevel.annotate.rank import rank, write_order
    from crosslevel.errors import one_line
    from crosslevel.system.console import Reporter
    from crosslevel.types import Layout

    reporter, options = Reporter(), RankOptions(**chosen(arguments, RankOptions))
    order = rank(
        arguments.run,
        arguments.images,
        options,
        layout=Layout(arguments.masks),
        reporter=reporter,
    )
    write_order(arguments.out, order, options.ranking)
    if not order or order[0].look.doubt_from == "expected_dice":
        what = "expected Dice"
    else:
        what = "confidence"
        reporter.say("No expected Dice: the model has no calibration, so confidence is used.")
    reporter.say(f"To annotate first, with the {what} of each (all in {arguments.out}):")
    for placed in order[:NUM_NAMED]:
        reporter.say(f"  {placed.look.sureness:.2f}  {one_line(str(placed.case.image))}")
    reporter.say(f"Done: {len(order)} images in {arguments.out}")
