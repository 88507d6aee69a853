"""Say what is in a folder (images, masks, sizes, foreground) and every problem it has."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from jsonargparse import ArgumentParser, Namespace

from crosslevel.commands.image_options import add_reading_arguments, to_reading
from crosslevel.commands.mask_options import add_mask_arguments, to_classes, to_layout

EXAMPLE = """\
examples:
  crosslevel data check polyps
  crosslevel data check cells --classes.nucleus 1 --classes.membrane 2
  crosslevel data check task_annotations.zip --without_shapes healthy"""


def configure(parser: ArgumentParser) -> None:
    """Name the options."""
    parser.add_argument("data", type=Path, help="folder, annotation file, or CSV of paths")
    add_mask_arguments(parser)
    add_reading_arguments(parser)
    parser.add_argument("--size", type=int, default=256, help="side in pixels of the training")


def run(arguments: Namespace) -> None:
    """Print the report; problems are an error."""
    from crosslevel.data.annotations.classes import settle
    from crosslevel.data.cases import find_cases
    from crosslevel.data.draw import about_few_masks
    from crosslevel.data.quality.report import check_cases
    from crosslevel.errors import DataError
    from crosslevel.report.summary import counted
    from crosslevel.system.console import Reporter

    reading, classes = to_reading(arguments), to_classes(arguments)
    found = find_cases(arguments.data, reading, to_layout(arguments))
    classes, left_out = settle(classes, found.labels)
    with Reporter().task("Checking images", len(found.cases)) as advance:
        report = check_cases(
            found.cases, classes, progress=advance, reading=reading, size=arguments.size
        )
    report = replace(
        report,
        layout=found.layout,
        bad_files=[*found.bad_files, *report.bad_files],
        faults=[*found.faults, *report.faults],
        warnings=[
            *found.warnings,
            *left_out,
            *about_few_masks(found.cases, report.hashes),
            *report.warnings,
        ],
    )
    print(report.to_text())  # noqa: T201
    if report.problems:
        problems = counted(len(report.problems), "problem")
        raise DataError([f"{arguments.data}: {problems}, listed above"])
