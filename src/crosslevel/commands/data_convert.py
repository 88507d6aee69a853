"""Write the masks of a data set as annotations of a tool, or as PNG; images are not copied."""

from __future__ import annotations

from pathlib import Path

from jsonargparse import ArgumentParser, Namespace

from crosslevel.commands.image_options import add_reading_arguments, to_reading
from crosslevel.commands.mask_options import add_mask_arguments, to_classes, to_layout
from crosslevel.types import AnnotationTarget

EXAMPLE = """\
examples:
  crosslevel data convert polyps --to coco --out polyps_coco
  crosslevel data convert task_annotations.zip --to masks --out polyps_masks
  crosslevel data convert cells --instances --to cvat --out cells_cvat"""


def configure(parser: ArgumentParser) -> None:
    """Name the options."""
    parser.add_argument("data", type=Path, help="folder, annotation file, or CSV of paths")
    parser.add_argument("--to", type=AnnotationTarget, required=True, help="what is written")
    parser.add_argument("--out", type=Path, required=True, help="new folder to write into")
    add_mask_arguments(parser)
    add_reading_arguments(parser)


def run(arguments: Namespace) -> None:
    """Convert."""
    from crosslevel.data.annotations.converting import Source, convert
    from crosslevel.system.console import Reporter

    reporter = Reporter()
    source = Source(
        path=arguments.data,
        classes=to_classes(arguments),
        reading=to_reading(arguments),
        layout=to_layout(arguments),
    )
    done = convert(source, arguments.to, arguments.out, reporter)
    reporter.say(f"Done: {done} images in {arguments.out}")
