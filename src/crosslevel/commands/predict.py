"""Write a mask for each image, at the image's own size (PNG; 0 and 255, or class indices)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

from jsonargparse import ArgumentParser, Namespace

from crosslevel.commands.options import RUN_OR_MODEL, add_options, add_threads, chosen
from crosslevel.inference.options import InferenceOptions, Outputs

EXAMPLE = """\
examples:
  crosslevel predict runs/first new_images --out masks
  crosslevel predict runs/first 'clinic/*.jpg' one.png --out masks --overlay
  crosslevel predict runs/first new_images --out masks --format label-studio
  crosslevel export runs/first --format openvino    # predict is faster after it"""

NUM_NAMED = 3


def configure(parser: ArgumentParser) -> None:
    """Name the options."""
    parser.add_argument("run", type=Path, help=RUN_OR_MODEL)
    parser.add_argument("images", nargs="+", help="files, folders or patterns")
    parser.add_argument("--out", type=Path, required=True, help="folder for the masks")
    add_options(parser, Outputs)
    add_options(parser, InferenceOptions)
    add_threads(parser)


def run(arguments: Namespace) -> int:
    """Predict; images that cannot be read are listed at the end."""
    from crosslevel.errors import one_line
    from crosslevel.inference.listing import CONFIDENCE_FILE
    from crosslevel.inference.manifest import WHOLE, Shard
    from crosslevel.inference.predict import predict
    from crosslevel.system.console import Reporter
    from crosslevel.system.distributed import gathered, joined_place

    outputs = Outputs(**chosen(arguments, Outputs))
    with joined_place() as place:
        reporter = Reporter(quiet=not place.is_first)
        if place.world > 1:
            outputs = replace(outputs, shard=f"{place.rank + 1}/{place.world}")
        result = predict(
            arguments.run,
            arguments.images,
            arguments.out,
            outputs=outputs,
            reporter=reporter,
            **chosen(arguments, InferenceOptions),
        )
        problems = [line for lines in gathered(place, result.problems) for line in lines]
        num_written = sum(gathered(place, result.num_written))
        pace = describe_pace(gathered(place, (result.num_computed, result.seconds, result.busy)))
    for problem in problems:
        reporter.say(f"skipped: {problem}")
    if not result.expected_dice:
        reporter.say(
            "No expected Dice: it is told where a training measured it, of whole images at the "
            "model's own threshold."
        )
    if result.num_written > NUM_NAMED:
        table = Shard.parse(outputs.shard or WHOLE).name(CONFIDENCE_FILE)
        what, values = "expected Dice", result.expected_dice
        if not values:
            what, values = "confidence", result.confidence
        reporter.say(f"Lowest {what} (all in {arguments.out / table}):")
        for image, value in islice(values.items(), NUM_NAMED):
            reporter.say(f"  {value:.2f}  {one_line(str(image))}")
    reporter.say(f"Done: {num_written} masks in {arguments.out}{pace}")
    if len(arguments.images) == 1 and Path(folder := arguments.images[0]).is_dir():
        reporter.say(f"Correct them with `crosslevel annotate {folder} --run {arguments.run}`")
    return 1 if problems else 0


def describe_pace(processes: Sequence[tuple[int, float, float | None]]) -> str:
    """Return how fast processes went together, and how busy they kept their cores.

    Args:
        processes: Of each, images computed, in how many seconds, share of cores busy or None.

    Example:
        >>> describe_pace([(30, 2.0, 0.5), (30, 3.0, 0.25)])
        ' (20.0 images/s, processor 75 % busy)'
    """
    num, seconds = sum(n for n, _, _ in processes), max(s for _, s, _ in processes)
    if not num:
        return ""
    shares = [busy for _, _, busy in processes if busy is not None]
    together = min(1.0, sum(shares))
    busy = f", processor {together:.0%} busy".replace("%", " %") if shares else ""
    return f" ({num / seconds:.1f} images/s{busy})"
