"""Any data set with masks becomes annotations of a tool, or masks drawn as images."""

from __future__ import annotations

import csv
import io
import os
import shlex
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from crosslevel.data.annotations.classes import settle
from crosslevel.data.annotations.colours import with_colours
from crosslevel.data.annotations.found import Drawing
from crosslevel.data.annotations.objects import IGNORE, shapes_of_case
from crosslevel.data.annotations.painting import is_not_counted
from crosslevel.data.annotations.shapes import Colour
from crosslevel.data.annotations.writing import check_new, names_of, write_annotations
from crosslevel.data.cases import find_cases
from crosslevel.data.formats.readers import stem_of
from crosslevel.data.quality.naming import limited
from crosslevel.data.reading import read_case_mask
from crosslevel.errors import DataError, InputError
from crosslevel.images.writing import write_mask
from crosslevel.system.console import Reporter
from crosslevel.system.files import atomic_file, write_text
from crosslevel.system.threads import map_files
from crosslevel.types import IGNORED, AnnotationTarget, Case, Classes, Layout, Reading

LIST_FILE = "cases.csv"
MASKS = "masks"
_ONLY_LISTED = ("coco", "cvat")
"""Tools whose files cannot say that an image without shapes is healthy."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """What is converted.

    Attributes:
        path: A folder or file that `index_cases` understands.
        classes: How masks are read; for annotations, which labels are taken.
        reading: Which frames are images.
        layout: What is said about folders and names.
    """

    path: Path
    classes: Classes = field(default_factory=Classes)
    reading: Reading = field(default_factory=Reading)
    layout: Layout = field(default_factory=Layout)


def convert(
    source: Source, to: AnnotationTarget, out: Path, reporter: Reporter | None = None
) -> int:
    """Write the masks of a data set in another form; images are not copied.

    Objects that were drawn apart stay apart. Masks drawn as images are taken as one object for
    each connected area, unless they are numbered (`instances`).

    Args:
        source: The data set.
        to: A tool, or "masks": PNG files and a CSV file that lists them with their images.
        out: A new folder.
        reporter: Who tells the user; silent if left out.

    Returns:
        How many images were written.

    Raises:
        DataError: All problems of the data at once.
        InputError: There is no mask, or something is in `out`.
    """
    reporter = reporter or Reporter(quiet=True)
    check_new(out)
    found = find_cases(source.path, source.reading, source.layout)
    if found.problems:
        raise DataError(found.problems)
    classes, left_out = settle(source.classes, found.labels)
    for warning in limited([*found.warnings, *left_out]):
        reporter.say(f"warning: {warning}")
    cases = [case for case in found.cases if case.mask is not None]
    _check(cases, source.path)
    if to == "masks":
        ignores = classes.ignore is not None or any(map(is_not_counted, found.labels))
        _write_masks(found.cases, classes, source.reading, out, ignores=ignores)
        reporter.say(f"Train on them with `{_command(classes, out, ignores=ignores)}`")
    else:
        labels = {name: found.labels.get(name) or _colour(classes, name) for name in classes.names}
        drawings = _draw(cases, classes, source.reading.axis)
        if any(shape.label == IGNORE for drawing in drawings for shape in drawing.shapes):
            labels[IGNORE] = None
        write_annotations(to, drawings, labels, out)
        _warn_of_healthy(to, drawings, reporter)
    return len(cases)


def _check(cases: Sequence[Case], path: Path) -> None:
    if not cases:
        raise InputError(f"{path}: no image has a mask: there is nothing to convert.")
    framed = next((case for case in cases if case.frame is not None), None)
    if framed is not None:
        raise InputError(
            f"{framed.image}: holds several images, which annotations cannot name. Save each as a "
            "file of its own."
        )


def _colour(classes: Classes, name: str) -> Colour | None:
    value = classes.values.get(name)
    return value if isinstance(value, tuple) else None


def _draw(cases: Sequence[Case], classes: Classes, axis: int) -> list[Drawing]:
    names = names_of(case.image for case in cases)

    def draw(case: Case) -> Drawing | list[str]:
        try:
            shapes, size = shapes_of_case(case, classes, axis)
        except DataError as error:
            return error.problems
        return Drawing(names[case.image], case.image, size, shapes)

    drawings, problems = [], []
    for result in map_files(draw, cases):
        if isinstance(result, Drawing):
            drawings.append(result)
        else:
            problems += result
    if problems:
        raise DataError(problems)
    return drawings


def _warn_of_healthy(to: str, drawings: Sequence[Drawing], reporter: Reporter) -> None:
    healthy = sum(not drawing.shapes for drawing in drawings)
    if healthy and to in _ONLY_LISTED:
        reporter.say(
            f"warning: images without a shape: {healthy}. These files cannot say that they are "
            "healthy: read them back with --without_shapes healthy."
        )


def _write_masks(
    cases: Sequence[Case], classes: Classes, reading: Reading, out: Path, *, ignores: bool
) -> None:
    """Write a PNG for each mask, and a list of all images with their masks.

    Where some pixels count nowhere, these are 255 in every mask, which is not foreground then.
    """
    names = names_of(case.image for case in cases)
    colours = with_colours({name: _colour(classes, name) for name in classes.names})
    files: dict[str, str] = {}

    def write(case: Case) -> None:
        file = f"{MASKS}/{stem_of(names[case.image])}.png"
        files[case.id] = file
        indices = read_case_mask(case, classes, reading)
        if classes.num_channels == 1 and not ignores:
            write_mask(out / file, indices, 1)
        else:
            _write_palette(out / file, indices, list(colours.values()))

    deque(map_files(write, [case for case in cases if case.mask is not None]), maxlen=0)
    text = io.StringIO(newline="")
    table = csv.writer(text)
    table.writerow(["image", "mask", "group", "part"])
    for case in cases:
        image = os.path.relpath(case.image.absolute(), out.absolute())
        table.writerow([image, files.get(case.id, ""), case.group or "", case.part or ""])
    write_text(out / LIST_FILE, text.getvalue())


def _command(classes: Classes, out: Path, *, ignores: bool) -> str:
    """Return the command that trains on what was written."""
    named = [
        shlex.quote(f"--classes.{name}") + f" {i}" for i, name in enumerate(classes.values, start=1)
    ]
    named += [f"--ignore {IGNORED}"] if ignores else []
    data = shlex.quote(str(out / LIST_FILE))
    return " ".join([f"crosslevel train --data {data} --out RUN", *named])


def _write_palette(path: Path, indices: NDArray[np.uint8], colours: Sequence[Colour]) -> None:
    """Write class indices with the colours of the classes, so that a person sees them."""
    palette = np.zeros((IGNORED + 1, 3), np.uint8)
    palette[1 : len(colours) + 1], palette[IGNORED] = colours, 255
    picture = Image.fromarray(indices)
    picture.putpalette(palette.tobytes())
    with atomic_file(path) as file:
        picture.save(file, format="PNG", compress_level=1)
