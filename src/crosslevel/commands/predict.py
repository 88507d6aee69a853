"""Write a mask for each image, at the image's own size (PNG; 0 and 255, or class indices)."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Literal

from jsonargparse import ArgumentParser, Namespace

EXAMPLE = """\
examples:
  crosslevel predict runs/first new_images --out masks
  crosslevel predict runs/first 'clinic/*.jpg' one.png --out masks --overlay
  crosslevel export runs/first --format openvino    # predict is faster after it"""

NUM_NAMED = 3


def configure(parser: ArgumentParser) -> None:
    """Name the options."""
    parser.add_argument("run", type=Path, help="run folder, or its model folder")
    parser.add_argument("images", nargs="+", help="files, folders or patterns")
    parser.add_argument("--out", type=Path, required=True, help="folder for the masks")
    parser.add_argument("--overlay", action="store_true", help="also draw outlines on the images")
    parser.add_argument(
        "--probabilities", action="store_true", help="also write foreground probabilities"
    )
    parser.add_argument(
        "--dicom_seg",
        action="store_true",
        help="also write a DICOM segmentation of each DICOM image, for viewers to lay over it",
    )
    parser.add_argument(
        "--flips", action="store_true", help="average over mirror images; four times the work"
    )
    parser.add_argument(
        "--sliding_window",
        action="store_true",
        help="look at large images at their own scale; for segmenters trained on crops",
    )
    parser.add_argument(
        "--runtime",
        type=Literal["auto", "torch", "onnx", "openvino"],
        default="auto",
        help="what computes; auto is the fastest that is installed and was exported",
    )
    parser.add_argument("--threads", type=int | None, help="CPU threads; all cores if left out")


def run(arguments: Namespace) -> int:
    """Predict; images that cannot be read are listed at the end."""
    from crosslevel.errors import one_line
    from crosslevel.inference.predict import CONFIDENCE_FILE, Outputs, predict
    from crosslevel.system.console import Reporter

    reporter = Reporter()
    outputs = Outputs(
        overlay=arguments.overlay,
        probabilities=arguments.probabilities,
        dicom_seg=arguments.dicom_seg,
    )
    result = predict(
        arguments.run,
        arguments.images,
        arguments.out,
        outputs=outputs,
        flips=arguments.flips,
        sliding_window=arguments.sliding_window,
        runtime=arguments.runtime,
        reporter=reporter,
    )
    for problem in result.problems:
        reporter.say(f"skipped: {problem}")
    if result.num_written > NUM_NAMED:
        reporter.say(f"Lowest confidence (all in {arguments.out / CONFIDENCE_FILE}):")
        for image, confidence in islice(result.confidence.items(), NUM_NAMED):
            reporter.say(f"  {confidence:.2f}  {one_line(str(image))}")
    reporter.say(f"Done: {result.num_written} masks in {arguments.out}")
    return 1 if result.problems else 0
