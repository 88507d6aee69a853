"""Folder layouts that are understood as they come; nobody rearranges a download.

Each recogniser looks at one folder and answers with what it found, or None when the folder is laid
out differently. Only names are read, so 100 000 files are indexed without opening one.
"""

from __future__ import annotations

import bisect
import difflib
import os
import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from crosslevel.types import Case

UNDERSTOOD = (
    "Understood are: images/ and masks/ with equal stems; ISIC 2018 Task 1 as downloaded; "
    "TrainDataset, ValidationDataset, TestDataset (or train, val, test) with images/ and masks/ "
    "in each; images alone (all unlabelled); a CSV file with the columns image, mask and, if "
    "wanted, group, part."
)
IMAGE_FOLDERS = frozenset({"image", "images", "img", "imgs", "original"})
MASK_FOLDERS = frozenset(
    {"mask", "masks", "label", "labels", "annotation", "annotations", "groundtruth", "gt"}
)
PARTS = {
    **dict.fromkeys(("train", "training", "traindataset"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "valdataset", "validationdataset"), "val"),
    **dict.fromkeys(("test", "testing", "testdataset"), "test"),
}
IMAGE_SUFFIXES = frozenset(
    {".bmp", ".gif", ".jp2", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".ppm", ".tif", ".tiff"}
    | {".webp"}
)
_MASK_ENDING = re.compile(r"_(mask|segmentation|seg|label|gt)$", re.IGNORECASE)
_ISIC_2018 = re.compile(r"isic2018_task1(?:-2)?_(\w+)_(input|groundtruth)", re.IGNORECASE)
_NEIGHBOURS = 1000  # sorted stems to either side in which the nearest one is looked for
_SUGGESTIONS = 20  # after that many, stray masks are listed without one


@dataclass(frozen=True, slots=True)
class Folder:
    """Names inside a folder: image files (by extension) and sub-folders, hidden ones left out."""

    path: Path
    images: list[str]
    folders: list[str]

    @classmethod
    def scan(cls, path: Path) -> Folder:
        """Read the names in a folder, sorted."""
        images, folders = [], []
        with os.scandir(path) as entries:
            for entry in entries:
                if entry.name.startswith((".", "__MACOSX")):
                    continue
                if entry.is_dir():
                    folders.append(entry.name)
                elif os.path.splitext(entry.name)[1].lower() in IMAGE_SUFFIXES:
                    images.append(entry.name)
        return cls(path, sorted(images), sorted(folders))

    def inside(self, name: str) -> Folder:
        """A sub-folder; where it only wraps another one (as unpacked archives do), that one."""
        folder = Folder.scan(self.path / name)
        while not folder.images and len(folder.folders) == 1:
            folder = Folder.scan(folder.path / folder.folders[0])
        return folder


@dataclass(frozen=True, slots=True)
class Found:
    """Cases of a recognised folder, and one line for everything wrong with it."""

    cases: list[Case] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def recognise(folder: Folder) -> Found | None:
    """What the first layout that fits finds in a folder, or None if none fits."""
    for layout in LAYOUTS:
        found = layout(folder)
        if found is not None:
            return found
    return None


def images_and_masks(folder: Folder) -> Found | None:
    """`images/` and `masks/`, under any of their usual names; images may lie beside `masks/`."""
    mask_folders = _sub_folders(folder, MASK_FOLDERS)
    images = [sub for sub in _sub_folders(folder, IMAGE_FOLDERS) if sub.images]
    if not images and folder.images:
        images = [folder]
    if not images or not mask_folders:
        return None
    masks = [sub for sub in mask_folders if sub.images]
    if not masks:
        line = f"{mask_folders[0].path}: holds no mask. Fill it, or remove it if no image has one."
        return Found(problems=[line])
    for several in (images, masks):
        if len(several) > 1:
            names = " or ".join(sub.path.name for sub in several)
            return Found(problems=[f"{folder.path}: which one, {names}? Keep one of them there."])
    return _pair(images[0], masks[0])


def isic_2018(folder: Folder) -> Found | None:
    """ISIC 2018 Task 1; several of training, validation and test fix the part of their cases."""
    pairs: dict[str, dict[str, Folder]] = {}
    for name in folder.folders:
        if match := _ISIC_2018.fullmatch(name):
            part, kind = match.group(1).lower(), match.group(2).lower()
            pairs.setdefault(PARTS.get(part, part), {})[kind] = folder.inside(name)
    sets = {
        part: _pair(pair["input"], pair.get("groundtruth", replace(pair["input"], images=[])))
        for part, pair in pairs.items()
        if "input" in pair
    }
    if not sets:
        return None
    if len(sets) > 1:
        sets = {part: _in_part(found, part) for part, found in sets.items()}
    found = _merge(sets)
    for part in pairs.keys() - sets.keys():
        path = pairs[part]["groundtruth"].path
        line = f"{path}: the Input folder of these masks is missing. Add it, or remove the masks."
        found.problems.append(line)
    return found


def fixed_parts(folder: Folder) -> Found | None:
    """Sub-folders for train, validation and test, each in any of the other layouts."""
    names = [name for name in folder.folders if _plain(name) in PARTS]
    if len(names) < 2:
        return None
    sets = {}
    for name in names:
        inside = folder.inside(name)
        found = recognise(inside) or Found(problems=[describe_unknown(inside)])
        sets[name] = _in_part(found, PARTS[_plain(name)])
    return _merge(sets)


def named_sets(folder: Folder) -> Found | None:
    """Data sets side by side, each `images/` and `masks/`; ids start with the set's name."""
    sets = {name: images_and_masks(folder.inside(name)) for name in folder.folders}
    complete = {name: found for name, found in sets.items() if found is not None}
    if len(complete) < 2 or len(complete) < len(sets):
        return None
    return _merge(complete, is_prefixed=True)


def images_alone(folder: Folder) -> Found | None:
    """Images in one folder, unlabelled unless `x_mask` lies beside `x`."""
    if not folder.images or folder.folders:
        return None
    stems = {_stem(name) for name in folder.images}
    masks = [name for name in folder.images if _without_ending(name) in stems - {_stem(name)}]
    images = sorted(set(folder.images) - set(masks))
    return _pair(replace(folder, images=images), replace(folder, images=masks))


def wrapped(folder: Folder) -> Found | None:
    """Nothing but one sub-folder with a layout of its own, as in `Kvasir-SEG/`."""
    if folder.images or len(folder.folders) != 1 or _plain(folder.folders[0]) in MASK_FOLDERS:
        return None
    return recognise(Folder.scan(folder.path / folder.folders[0]))


LAYOUTS: tuple[Callable[[Folder], Found | None], ...] = (
    *(images_and_masks, isic_2018, fixed_parts, named_sets, images_alone, wrapped),
)


def describe_unknown(folder: Folder) -> str:
    """One line on a folder no layout fits: what is there, and what is understood."""
    kinds = Counter(Path(name).suffix or name for name in os.listdir(folder.path))
    if not folder.images and not folder.folders:
        there = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common(4))
        there = f"holds {there} but no images" if there else "is empty"
        return f"{folder.path}: {there}. {UNDERSTOOD}"
    there = ", ".join(f"{name}/" for name in folder.folders[:6])
    beside = f", beside {len(folder.images)} images" if folder.images else ""
    return f"{folder.path}: layout not understood (sub-folders: {there}{beside}). {UNDERSTOOD}"


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]", "", name).lower()


def _stem(name: str) -> str:
    return os.path.splitext(name)[0]


def _without_ending(name: str) -> str:
    return _MASK_ENDING.sub("", _stem(name))


def _sub_folders(folder: Folder, names: Collection[str]) -> list[Folder]:
    return [folder.inside(name) for name in folder.folders if _plain(name) in names]


def _in_part(found: Found, part: str) -> Found:
    return replace(found, cases=[replace(case, part=part) for case in found.cases])


def _merge(sets: Mapping[str, Found], *, is_prefixed: bool = False) -> Found:
    """Join sets; an id starts with its set's name where it must, to be unique, or `is_prefixed`."""
    counts = Counter(case.id for found in sets.values() for case in found.cases)
    merged = Found()
    for name, found in sets.items():
        merged.problems.extend(found.problems)
        merged.cases.extend(
            replace(case, id=f"{name}/{case.id}") if is_prefixed or counts[case.id] > 1 else case
            for case in found.cases
        )
    return merged


def _pair(images: Folder, masks: Folder) -> Found:
    """Give each image the mask of its stem; an image without one is unlabelled."""
    found = Found()
    image_of: dict[str, str] = {}
    for name in images.images:
        twin = image_of.setdefault(_stem(name), name)
        if twin != name:
            line = f"{images.path / name}: has the same stem as {twin}. Rename or remove one."
            found.problems.append(line)
    mask_of: dict[str, str] = {}
    strays = []
    for name in masks.images:
        owner = _stem(name) if _stem(name) in image_of else _without_ending(name)
        if owner not in image_of:
            strays.append(name)
        elif mask_of.setdefault(owner, name) != name:
            twin = f"{masks.path / name}: second mask of image {image_of[owner]}, beside "
            found.problems.append(f"{twin}{mask_of[owner]}. Keep one.")
    found.problems.extend(_describe_strays(strays, masks, images, are_all=not mask_of))
    for stem, name in image_of.items():
        mask = masks.path / mask_of[stem] if stem in mask_of else None
        found.cases.append(Case(stem, images.path / name, mask))
    return found


def _describe_strays(
    strays: list[str], masks: Folder, images: Folder, *, are_all: bool
) -> list[str]:
    """One line for each mask without an image; a single one if no mask has an image."""
    stems = sorted(_stem(name) for name in images.images)
    if are_all and len(strays) > 1:
        return [
            f"{masks.path}: none of the {len(strays)} masks (the first: {strays[0]}) has the stem "
            f"of an image in {images.path} (the first: {images.images[0]}). Name each mask like "
            f"its image; _mask, _segmentation, _seg, _label or _gt may follow."
        ]
    lines = []
    for count, name in enumerate(strays):
        near = _nearest(_without_ending(name), stems) if count < _SUGGESTIONS else ""
        hint = f" (the nearest is {near})" if near else ""
        lines.append(
            f"{masks.path / name}: no image has this stem{hint}. Rename the mask like its image, "
            f"or remove it."
        )
    return lines


def _nearest(stem: str, stems: list[str]) -> str:
    """The most similar of the sorted stems, looked for around the place `stem` would have."""
    place = bisect.bisect(stems, stem)
    window = stems[max(0, place - _NEIGHBOURS) : place + _NEIGHBOURS]
    return next(iter(difflib.get_close_matches(stem, window, n=1)), "")
