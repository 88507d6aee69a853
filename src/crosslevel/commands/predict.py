"""Write a mask for each image, at the image's own size (PNG; 0 and 255, or class indices)."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from jsonargparse import ArgumentParser, Namespace

from crosslevel.commands.options import add_options, add_threads, chosen
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
    parser.add_argument("run", type=Path, help="run folder, or its model folder")
    parser.add_argument("images", nargs="+", help="files, folders or patterns")
    parser.add_argument("--out", type=Path, required=True, help="folder for the masks")
    add_options(parser, Outputs)
    add_options(parser, InferenceOptions)
    add_threads(parser)


def run(arguments: Namespace) -> int:
    """Predict; images that cannot be read are listed at the end."""
    from crosslevel.errors import one_line
    from crosslevel.inference.predict import CONFIDENCE_FILE, predict
    from crosslevel.system.console import Reporter

    reporter = Reporter()
    result = predict(
        arguments.run,
        arguments.images,
        arguments.out,
        outputs=Outputs(**chosen(arguments, Outputs)),
        reporter=reporter,
        **chosen(arguments, InferenceOptions),
    )
    for problem in result.problems:
        reporter.say(f"skipped: {problem}")
    if result.num_written > NUM_NAMED:
        reporter.say(f"Lowest confidence (all in {arguments.out / CONFIDENCE_FILE}):")
        for image, confidence in islice(result.confidence.items(), NUM_NAMED):
            reporter.say(f"  {confidence:.2f}  {one_line(str(image))}")
    reporter.say(f"Done: {result.num_written} masks in {arguments.out}")
    return 1 if result.problems else 0
