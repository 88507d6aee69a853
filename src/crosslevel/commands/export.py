"""Write a trained segmenter for ONNX Runtime, OpenVINO or TorchScript; predict finds it."""

from __future__ import annotations

from pathlib import Path

from jsonargparse import ArgumentParser, Namespace

from crosslevel.commands.options import RUN_OR_MODEL, add_threads
from crosslevel.types import ExportPrecision, Format

EXAMPLE = """\
examples:
  crosslevel export runs/first --format openvino --precision int8
  crosslevel export runs/first --format onnx --out shipped"""


def configure(parser: ArgumentParser) -> None:
    """Name the options."""
    parser.add_argument("run", type=Path, help=RUN_OR_MODEL)
    parser.add_argument(
        "--format",
        type=Format,
        default="onnx",
        help="torchscript is for other programs; predict does not load it",
    )
    parser.add_argument(
        "--precision",
        type=ExportPrecision,
        default="fp32",
        help="int8 is faster on most CPUs; calibrated on training images",
    )
    parser.add_argument("--out", type=Path | None, help="folder; RUN/model/exported if left out")
    parser.add_argument("--data", type=Path | None, help="images; those of the run if left out")
    add_threads(parser)


def run(arguments: Namespace) -> None:
    """Export, and say what it costs in Dice."""
    from crosslevel.export.write import export
    from crosslevel.inference.exported import TOLERANCE
    from crosslevel.system.console import Reporter

    reporter = Reporter()
    done = export(
        arguments.run,
        arguments.format,
        arguments.precision,
        out=arguments.out,
        data=arguments.data,
        reporter=reporter,
    )
    record = done.record
    reporter.say(
        f"Dice on {record.num_images} {done.compared_on}: {record.dice_original:.2f} as trained, "
        f"{record.dice_exported:.2f} exported"
    )
    if not record.is_faithful:
        reporter.say(
            f"Warning: they differ by more than {TOLERANCE}, so predict does not use this file."
        )
    reporter.say(f"Done: {done.file}")
