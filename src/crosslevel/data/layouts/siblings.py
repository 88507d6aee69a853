"""What lies beside the images and masks that are used: named, unlabelled, or asked about."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import replace

from crosslevel.data.formats.readers import READERS, suffix_of
from crosslevel.data.layouts.folder import Folder, Found, kinds, plain
from crosslevel.data.layouts.pairing import owners_of, pair

_UNLABELLED = re.compile(r"un(labell?ed|annotated|masked)|no(label|mask|annotation)s?")
_NOT_MASKS = re.compile(r"overlay|preview|vis|heatmap|depth|prob|pred|thumb|original|image|img|raw")
_LIKE_MASKS = re.compile(r"mask|label|annot|manual|truth|gt|seg|expert|reader|observer")
_ANNOTATIONS = frozenset({".json", ".xml", ".txt", ".zip"})


def is_unlabelled(name: str) -> bool:
    """Whether a folder's name says that its images have no masks.

    Example:
        >>> is_unlabelled("Unlabelled images"), is_unlabelled("labelled")
        (True, False)
    """
    return _UNLABELLED.search(plain(name)) is not None


def unlabelled_images(folder: Folder) -> Found:
    """All images of a folder that says it is unlabelled, or of the only folder in it."""
    inside = folder
    while not inside.images and len(inside.folders) == 1:
        inside = inside.sub_folder(inside.folders[0])
    found = pair(inside, replace(inside, images=[], folders=[], others=[]))
    return replace(found, faults=[])


def num_images(folder: Folder) -> int:
    """How many image files lie in a folder and below."""
    return sum(
        suffix_of(name) in READERS
        for _, _, names in os.walk(folder.path)
        for name in names
        if not name.startswith(".")
    )


def may_hold_masks(folder: Folder, images: Folder) -> bool:
    """Whether most files of a folder are named like masks of these images."""
    name = plain(folder.path.name)
    if not folder.images or _NOT_MASKS.search(name):
        return False
    by_rest = _LIKE_MASKS.search(name) is not None
    return 2 * len(owners_of(images, folder, by_rest=by_rest)) >= len(folder.images)


def is_named_like_masks(folder: Folder) -> bool:
    """Whether a folder's name speaks of masks, as `1st_manual` and `labels-reader2` do."""
    name = plain(folder.path.name)
    return _LIKE_MASKS.search(name) is not None and not _NOT_MASKS.search(name)


def ask_which(folder: Folder, masks: Sequence[Folder]) -> str:
    """One line on several folders of which each may hold the masks."""
    names = [sub.path.relative_to(folder.path).parts[0] for sub in masks]
    counts = " or ".join(
        f"{name}/ ({len(sub.images)} files)" for name, sub in zip(names, masks, strict=True)
    )
    return (
        f"{folder.path}: which folder holds the masks, {counts}? Say so with --masks "
        f"'{names[0]}' (or {', '.join(repr(name) for name in names[1:])}); the others are then "
        f"not used."
    )


def describe_beside(folder: Folder, used: Sequence[str]) -> list[str]:
    """A line on each sub-folder with images that is not used."""
    lines = []
    for name in folder.folders:
        if name in used:
            continue
        count = num_images(folder.sub_folder(name))
        if count:
            lines.append(
                f"{folder.path / name}: {count} images lie there and are not used. If they are to "
                f"be trained on without masks, name the folder unlabelled; else ignore this."
            )
    return lines


def describe_no_masks(masks: Folder) -> str:
    """One line on a folder for masks that holds none."""
    annotations = [n for n in masks.others if os.path.splitext(n)[1].lower() in _ANNOTATIONS]
    if not annotations:
        return f"{masks.path}: holds no mask. Fill it, or remove it if no image has one."
    return (
        f"{masks.path}: holds {kinds(annotations)}, which may be annotations, but no masks as "
        f"images. Export masks as PNG from the tool they were drawn with."
    )
