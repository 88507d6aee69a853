"""What lies beside the images and masks that are used: named, unlabelled, or asked about."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from crosslevel.data.formats.opening import reading
from crosslevel.data.formats.readers import READERS, suffix_of
from crosslevel.data.layouts.folder import (
    MASK_FOLDERS,
    OF_THE_SYSTEM,
    Folder,
    Found,
    how_to_convert,
    kinds,
    merge,
    plain,
)
from crosslevel.data.layouts.pairing import owners_of, pair
from crosslevel.data.ours import LOCK, OF_A_RUN, PREDICTED
from crosslevel.system.folders import walk

_UNLABELLED = re.compile(r"un(labell?ed|annotated|masked)|no(label|mask|annotation)s?")
_NOT_MASKS = re.compile(r"overlay|preview|vis|heatmap|depth|prob|pred|thumb|original|image|img|raw")
_LIKE_MASKS = re.compile(r"mask|label|annot|manual|truth|gt|seg|expert|reader|observer")
_UNNAMED_DICOM = "These are DICOM files: let their names end in .dcm."
_ANNOTATIONS = frozenset({".json", ".xml", ".txt", ".zip"})


def is_unlabelled(name: str) -> bool:
    """Whether a folder's name says that its images have no masks.

    Example:
        >>> is_unlabelled("Unlabelled images"), is_unlabelled("labelled")
        (True, False)
    """
    return _UNLABELLED.search(plain(name)) is not None


def unlabelled_images(folder: Folder) -> Found:
    """All images of a folder that says it is unlabelled, and of all folders in it but for masks."""
    sets: dict[str, Found] = {}
    waiting, seen = [folder], set()
    while waiting:
        inside = waiting.pop(0)
        if (place := inside.path.resolve()) in seen:
            continue  # a link that leads back
        seen.add(place)
        of_images = [name for name in inside.folders if plain(name) not in MASK_FOLDERS]
        used = [*of_images, *written_here(inside)]
        found = without_masks(inside.without(inside.folders))
        name = inside.path.relative_to(folder.path).as_posix().removeprefix(".")
        sets[name] = found.warning(describe_beside(inside, used))
        waiting += [inside.sub_folder(name) for name in of_images]
    return merge(sets)


def without_masks(images: Folder) -> Found:
    """The images of a folder, none of which has a mask."""
    found = pair(images, replace(images, images=[]))
    return replace(found, faults=[])


def written_here(folder: Folder) -> list[str]:
    """Sub-folders that are runs or predictions of ours, unless they are named like masks."""
    return [name for name in folder.folders if _is_written_here(folder, name)]


def _is_written_here(folder: Folder, name: str) -> bool:
    path = folder.path / name
    has = {file for file in (*OF_A_RUN, LOCK, PREDICTED) if os.path.exists(path / file)}
    if PREDICTED in has:
        is_chosen = plain(name) == plain(folder.masks or "")
        return not is_chosen and not is_named_like_masks(folder.sub_folder(name))
    inside = folder.sub_folder(name)
    if has >= OF_A_RUN:
        return not inside.images
    if LOCK in has:  # a run that has just begun
        return not num_images(inside)
    if inside.images or not inside.folders:
        return False
    return all(_is_written_here(inside, below) for below in inside.folders)


def describe_predictions(folder: Folder, names: Iterable[str]) -> list[str]:
    """A line on each of these sub-folders that `predict` wrote."""
    return [
        f"{folder.path / name}: masks of `predict`, which are no part of the data. If they are "
        f"corrected, use them with --masks '{name}'."
        for name in names
        if (folder.path / name / PREDICTED).exists()
    ]


def num_images(folder: Folder) -> int:
    """How many image files lie in a folder and below."""
    return sum(suffix_of(name) in READERS for _, _, names in walk(folder.path) for name in names)


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
    paths = [sub.path.relative_to(folder.path) for sub in masks]
    names = [path.parts[0] for path in paths]
    if len(set(names)) < len(names):
        listed = " or ".join(path.as_posix() for path in paths)
        return f"{folder.path}: which folder holds the masks, {listed}? Move the others away."
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


def describe_no_images(folder: Folder, otherwise: str) -> str:
    """One line on a folder of files of which none is an image, "" if there are images.

    Args:
        folder: It, and all below it.
        otherwise: What to do where the files do not say it.
    """
    files = [
        place / name
        for place, _, names in walk(folder.path)
        for name in names
        if name.lower() not in OF_THE_SYSTEM
    ]
    if not files or num_images(folder):
        return ""
    names = [path.name for path in files]
    remedy = how_to_convert(names) or (_UNNAMED_DICOM if _is_dicom(files[0]) else otherwise)
    return f"{folder.path}: holds {kinds(names)} but no images. {remedy}"


def _is_dicom(path: Path) -> bool:
    with reading(path), path.open("rb") as file:
        return file.read(132)[128:] == b"DICM"


def describe_no_masks(masks: Folder) -> str:
    """One line on a folder for masks that holds none."""
    annotations = [n for n in masks.others if os.path.splitext(n)[1].lower() in _ANNOTATIONS]
    if not annotations:
        return f"{masks.path}: holds no mask. Fill it, or remove it if no image has one."
    return (
        f"{masks.path}: holds {kinds(annotations)}, which may be annotations, but no masks as "
        f"images. Export masks as PNG from the tool they were drawn with."
    )
