"""The images of a folder as they are annotated: each with its mask, or the place for one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from crosslevel.annotate.targets import mask_targets
from crosslevel.data.cases import find_cases
from crosslevel.data.layouts.folder import MASK_FOLDERS, plain
from crosslevel.data.quality.bad_files import without_bad
from crosslevel.data.quality.naming import limited
from crosslevel.errors import DataError, InputError
from crosslevel.types import Case, Layout, Reading, ShapeMask


@dataclass
class Item:
    """One image to be annotated.

    Attributes:
        case: The image; its mask is set once there is one.
        target: Where its mask is written.
        mark: "" or why a person passed it over: "skipped" or "unsure".
        note: What they said to a colleague.
    """

    case: Case
    target: Path
    mark: str = ""
    note: str = ""


def find_items(folder: Path, reading: Reading, layout: Layout) -> tuple[list[Item], list[str]]:
    """Return the images of a folder that can be annotated, and a line on each that cannot.

    Raises:
        DataError: If it is not a folder that `train` takes.
        InputError: If none of its images can be annotated.
    """
    for name in MASK_FOLDERS:
        _remove_empty(folder, name)
    found = find_cases(folder, reading, layout)
    if found.faults:
        raise DataError(found.faults)
    _refuse_shapes(folder, found.cases)
    usable = without_bad(found.cases, found.bad_files)
    single = [case for case in usable if case.frame is None]
    targets = mask_targets(folder, single, layout.masks)
    items = [Item(case, targets[case.image]) for case in single if case.image in targets]
    lines = [*(bad.problem for bad in found.bad_files), *_left_out(usable, targets)]
    if not items:
        raise InputError("\n".join([f"{folder}: no image can be annotated.", *limited(lines)]))
    return items, limited(lines)


def numbering(items: Sequence[Item]) -> str:
    """Return what differs where the numbers of images mean others: after some came or went."""
    names = "\0".join(item.case.id for item in items)
    return hashlib.sha256(names.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def _refuse_shapes(folder: Path, cases: Iterable[Case]) -> None:
    """Refuse masks that are shapes in a file: PNG files written here would hide all of them."""
    shapes = next((case.mask for case in cases if isinstance(case.mask, ShapeMask)), None)
    if shapes is not None:
        raise InputError(
            f"{folder}: its masks are annotations ({shapes.file.name}), and here masks are PNG "
            f"files. Make them with `crosslevel data convert {folder} --to masks --out NEW`, put "
            "NEW/masks beside the images, and move the annotations away."
        )


def _remove_empty(folder: Path, name: str) -> None:
    """Remove an empty folder for masks, which no layout has; the first mask makes it again."""
    for path in folder.iterdir():
        if path.is_dir() and plain(path.name) == name and not any(path.iterdir()):
            path.rmdir()


def _left_out(cases: Sequence[Case], targets: dict[Path, Path]) -> list[str]:
    lines = []
    for case in cases:
        if case.frame is not None:
            lines.append(f"{case.image}: has several frames, which are not annotated here.")
        elif case.image not in targets:
            lines.append(
                f"{case.image}: no place for its mask is understood in {case.image.parent}. Put "
                "images into images/, beside masks/."
            )
    return list(dict.fromkeys(lines))
