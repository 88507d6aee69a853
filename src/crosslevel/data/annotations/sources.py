"""Which files in a folder are annotations, and of which tool."""

from __future__ import annotations

import csv
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from crosslevel.data.annotations import TOOLS, yolo
from crosslevel.data.annotations.found import Found, Tool
from crosslevel.data.annotations.parsing import forget, load_json
from crosslevel.data.annotations.via import CSV_COLUMNS
from crosslevel.data.formats.opening import reading
from crosslevel.data.formats.readers import READERS, suffix_of
from crosslevel.data.ours import OF_A_RUN
from crosslevel.data.quality.naming import some
from crosslevel.errors import DataError
from crosslevel.system.folders import walk

SUFFIXES = (".json", ".xml", ".csv", ".yaml", ".yml", ".zip")
_WRITTEN_HERE = (OF_A_RUN, {"confidence.csv"})
"""What tells the folder of a run and of predicted masks, which are not data."""
_TRIED = 8  # of one ending in a folder, where masks are used and only a warning depends on it
_KEPT = 4  # files, so that one command reads each once


@dataclass(slots=True)
class Tree:
    """The files below a folder, but for hidden ones, runs and predictions.

    Attributes:
        images: Image files.
        others: Files that may be annotations, by their ending.
    """

    images: list[Path] = field(default_factory=list)
    others: dict[str, list[Path]] = field(default_factory=dict)

    def add(self, folder: Path) -> Tree:
        """Add all files below a folder."""
        for path, folders, files in walk(folder):
            if any(written <= set(files) for written in _WRITTEN_HERE):
                folders.clear()
                continue
            for name in files:
                suffix = suffix_of(name)
                if suffix in READERS:
                    self.images.append(path / name)
                elif suffix in SUFFIXES:
                    self.others.setdefault(suffix, []).append(path / name)
        return self

    def __getitem__(self, suffix: str) -> list[Path]:
        """Files that may be annotations, of one ending."""
        return self.others.get(suffix, [])


def may_be_annotated(source: Path) -> bool:
    """Whether there is any file that may be annotations, by its name alone."""
    if source.is_file():
        return source.suffix.lower() != ".csv" or _is_via_csv(source)
    for place, _, names in walk(source):
        suffixes = (*SUFFIXES, ".txt") if yolo.is_in_labels(place, source) else SUFFIXES
        if any(name.lower().endswith(suffixes) for name in names):
            return True
    return False


def read_file(path: Path) -> Found:
    """Read a file that somebody says is annotations.

    Raises:
        DataError: No tool writes such files, or it is damaged.
    """
    tool = tool_of(path)
    if tool is None:
        raise DataError(
            [
                f"{path}: not annotations that are understood. Export as COCO, CVAT for images "
                f"1.1, Label Studio JSON, LabelMe, YOLO or VIA, or masks as PNG."
            ]
        )
    return _read(tool, path)


def read_all(folder: Path, tree: Tree) -> tuple[list[Found], list[Path]]:
    """Read all annotations below a folder.

    Returns:
        What was found in each file, and files of the same endings that are something else.

    Raises:
        DataError: A file is damaged.
    """
    files = (*tree[".json"], *tree[".xml"], *tree[".csv"])
    if (labels := yolo.label_files(folder)) and _are_numbers(labels):
        beside = next(filter(None, map(_with_shapes, files)), None)
        return [_of_yolo(folder, tree), *([beside] if beside else [])], []
    found, others = [], []
    for path in files:
        tool = tool_of(path)
        if tool is None:
            others.append(path)
        else:
            found.append(_read(tool, path))
    return found, others


def describe_unused(folder: Path) -> list[str]:
    """Return a line on annotations below a folder whose masks, drawn as images, are used."""
    tree = Tree().add(folder)
    files = (*tree[".json"], *tree[".xml"], *tree[".csv"])
    found = next(((path, tool) for path in _some_of(files) if (tool := _tool_if_any(path))), None)
    if found is None and (labels := yolo.label_files(folder)) and _are_numbers(labels):
        found = labels[0], TOOLS["yolo"]
    forget()
    if found is None:
        return []
    path, tool = found
    return [
        f"{path}: annotations of {tool.name} are not used, since there are masks drawn as images. "
        f"If the annotations are meant, move the masks out of {folder}."
    ]


def _some_of(files: Iterable[Path]) -> Iterator[Path]:
    """Yield the first of each ending in each folder: those beside thousands of images are alike."""
    seen: Counter[tuple[Path, str]] = Counter()
    for path in files:
        kind = path.parent, path.suffix
        seen[kind] += 1
        if seen[kind] <= _TRIED:
            yield path


def _tool_if_any(path: Path) -> Tool | None:
    try:
        return tool_of(path)
    except DataError:  # damaged, so nobody's
        return None


def tool_of(path: Path) -> Tool | None:
    """Return which tool wrote a file, None if none did.

    Raises:
        DataError: It cannot be parsed.
    """
    if path.suffix.lower() not in _PARSERS:
        return None
    with reading(path):
        stat = path.stat()
    return _tool_once(path, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=_KEPT)
def _tool_once(path: Path, mtime_ns: int, size: int) -> Tool | None:
    content = _PARSERS[path.suffix.lower()](path)
    names = _NAMES[path.suffix.lower()]
    return next((TOOLS[name] for name in names if TOOLS[name].fits(content)), None)


def _read(tool: Tool, path: Path) -> Found:
    if tool.name in ("YOLO", "LabelMe"):  # of many small files
        return tool.read(path)
    stat = path.stat()
    return _read_once(tool.name, path, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=_KEPT)
def _read_once(name: str, path: Path, mtime_ns: int, size: int) -> Found:
    found = next(tool for tool in TOOLS.values() if tool.name == name).read(path)
    forget()
    return found


def _of_yolo(folder: Path, tree: Tree) -> Found:
    """Return what `labels` hold, with the classes of the nearest table, `data.yaml` before others.

    A table that names the classes otherwise is warned of.
    """
    tables = [p for p in (*tree[".yaml"], *tree[".yml"]) if tool_of(p) is TOOLS["yolo"]]
    if not tables:
        return _read(TOOLS["yolo"], folder)
    used, *rest = sorted(tables, key=lambda path: (len(path.parts), path.name != yolo.FILE, path))
    found = _read(TOOLS["yolo"], used)
    if unlike := [path for path in rest if _names_in(path) != _names_in(used)]:
        found.warnings.append(
            f"{some(unlike)}: names other classes than {used}, which is used. Give the one to use "
            f"as --data."
        )
    return found


def _names_in(table: Path) -> Any:
    names = _yaml(table)["names"]
    return dict(enumerate(names)) if isinstance(names, list) else names


def _with_shapes(path: Path) -> Found | None:
    """Return what a file beside YOLO's holds, None if it has no shapes or is something else."""
    try:
        tool = tool_of(path)
        found = _read(tool, path) if tool else None
    except DataError:  # of something else, as it was never read
        return None
    return found if found and any(image.shapes for image in found.images) else None


def _are_numbers(files: Iterable[Path]) -> bool:
    """Whether the first file that is not empty has lines of numbers."""
    for file in files:
        with reading(file):
            words = file.read_text("utf-8", errors="replace").split()
        if words:
            return all(map(_is_number, words[:3]))
    return True


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _root_of_xml(path: Path) -> Any:
    """Return the root with nothing below it, None if it is not XML."""
    with reading(path):
        try:
            for _, root in ET.iterparse(path, events=("start",)):
                return root
        except ET.ParseError:
            pass
    return None


def _header_of_csv(path: Path) -> list[str]:
    with reading(path), path.open(newline="", encoding="utf-8-sig", errors="replace") as file:
        return next(csv.reader(file), [])


def _is_via_csv(path: Path) -> bool:
    return set(CSV_COLUMNS) <= {name.lstrip("#") for name in _header_of_csv(path)}


def _yaml(path: Path) -> Any:
    with reading(path):
        try:
            return yaml.safe_load(path.read_text("utf-8"))
        except yaml.YAMLError:
            return None


_PARSERS: dict[str, Callable[[Path], Any]] = {
    ".json": load_json,
    ".xml": _root_of_xml,
    ".csv": _header_of_csv,
    ".yaml": _yaml,
    ".yml": _yaml,
}
_NAMES = {
    ".json": ("coco", "labelme", "label-studio", "via"),
    ".xml": ("cvat",),
    ".csv": ("via",),
    ".yaml": ("yolo",),
    ".yml": ("yolo",),
}
