"""YOLO-seg: a text file for each image, a line for each object; corners as shares of the image.

A file without lines says that the image is healthy. A line of five numbers is a box.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from crosslevel.data.annotations.found import Drawing, Found, Listed, reading_entry
from crosslevel.data.annotations.shapes import Colour, Outlines, Shape, ring_of
from crosslevel.data.annotations.tracing import trace, without_holes
from crosslevel.data.formats.opening import reading
from crosslevel.data.formats.readers import stem_of
from crosslevel.errors import DataError
from crosslevel.system.folders import walk

FILE = "data.yaml"
LABELS = "labels"
_NUMBERS_OF_A_BOX = 5
_NAME_FILES = ("classes.txt", "obj.names")


def fits(content: Any) -> bool:
    """Whether parsed YAML looks like a data set of YOLO."""
    return isinstance(content, dict) and isinstance(content.get("names"), list | dict)


def read(path: Path) -> Found:
    """Read `data.yaml` and the files in all folders `labels`, or such a folder alone.

    Raises:
        DataError: Naming the first line that is not as YOLO has it.
    """
    folder = path if path.is_dir() else path.parent
    found = Found(path, "YOLO", order="that of data.yaml")
    names = _names(path)
    if names is None:
        found.order = "that of their numbers; no data.yaml or classes.txt names them"
    used: set[str] = set()
    for file in label_files(folder):
        name = stem_of(_image_name(file.relative_to(folder)))
        shapes, num_boxes = _shapes(file, names)
        found.others["box"] += num_boxes
        listed = Listed(name, None, shapes, is_done=not num_boxes, has_others=bool(num_boxes))
        found.images.append(listed)
        used |= {shape.label for shape in shapes}
    of_numbers = sorted(used, key=lambda name: (len(name), name))
    found.labels = dict.fromkeys(names.values() if names is not None else of_numbers)
    found.others += type(found.others)()  # without kinds of which there are none
    return found


def label_files(folder: Path) -> list[Path]:
    """Return the text files in all folders `labels` in a folder, or in that folder itself."""
    inside = []
    for place, _, files in walk(folder):
        if is_in_labels(place, folder):
            inside += [place / name for name in files if name.endswith(".txt")]
    return [file for file in inside if file.name not in _NAME_FILES]


def is_in_labels(place: Path, folder: Path) -> bool:
    """Return whether a folder, or a place in it, is `labels` or lies in one."""
    return LABELS in (part.lower() for part in (folder.name, *place.relative_to(folder).parts))


def write(
    drawings: Sequence[Drawing], colours: Mapping[str, Colour], out: Path
) -> Iterator[tuple[str, str]]:
    """Yield `data.yaml` and a file for each image; holes and parts are joined to one outline."""
    numbers = {name: number for number, name in enumerate(colours)}
    names = {number: name for name, number in numbers.items()}
    about = {"path": ".", "train": "images", "val": "images", "names": names}
    yield FILE, yaml.safe_dump(about, sort_keys=False, allow_unicode=True)
    for drawing in drawings:
        lines = [f"{numbers[s.label]} {_corners(s, drawing.size)}\n" for s in drawing.shapes]
        yield f"{LABELS}/{stem_of(drawing.name)}.txt", "".join(lines)


def _corners(shape: Shape, size: tuple[int, int]) -> str:
    outlines = shape.geometry
    if not isinstance(outlines, Outlines) or outlines.is_relative:
        outlines = trace(shape.bits(size))
    shares = without_holes(outlines) / np.array([size[1], size[0]])
    return " ".join(f"{number:.8f}" for number in shares.clip(0, 1).ravel().tolist())


def _names(path: Path) -> dict[int, str] | None:
    """Return the classes by their numbers, None if nothing names them."""
    if path.is_file():
        with reading(path), reading_entry(str(path)):
            names = yaml.safe_load(path.read_text("utf-8"))["names"]
            pairs = names.items() if isinstance(names, dict) else enumerate(names)
            return {int(number): str(name) for number, name in sorted(pairs)}
    files = [place / n for place in (path, path / LABELS, path.parent) for n in _NAME_FILES]
    for file in files:
        if file.is_file():
            with reading(file):
                lines = file.read_text("utf-8").splitlines()
            return dict(enumerate(line.strip() for line in lines if line.strip()))
    return None


def _image_name(label: Path) -> str:
    """Return where YOLO looks for the image: in `images` in place of `labels`."""
    parts = ["images" if part.lower() == LABELS else part for part in label.parts]
    return Path(*parts).as_posix()


def _shapes(file: Path, names: Mapping[int, str] | None) -> tuple[tuple[Shape, ...], int]:
    with reading(file):
        lines = file.read_text("utf-8").splitlines()
    shapes, num_boxes = [], 0
    for number, line in enumerate(lines, start=1):
        words = line.split()
        if len(words) == _NUMBERS_OF_A_BOX:
            num_boxes += 1
        elif words:
            with reading_entry(f"{file}, line {number}"):
                shapes.append(_shape(words, names))
    return tuple(shapes), num_boxes


def _shape(words: Sequence[str], names: Mapping[int, str] | None) -> Shape:
    key = int(words[0])
    label = f"class{key}" if names is None else names.get(key)
    ring = ring_of(words[1:])
    if label is None:
        known = json.dumps(names)
        raise DataError([f"the class {key} is not among the names {known}. Correct data.yaml."])
    if ring is None:
        raise ValueError("fewer than three corners")
    return Shape(label, Outlines(((ring,),), is_relative=True))
