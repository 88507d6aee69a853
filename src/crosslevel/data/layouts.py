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

from crosslevel.data.formats.readers import READERS, stem_of, suffix_of
from crosslevel.data.quality.bad_files import BadFile
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
OF_THE_SYSTEM = frozenset({"desktop.ini", "thumbs.db"})
_MASK_ENDING = re.compile(r"_(mask|segmentation|seg|label|gt)$", re.IGNORECASE)
_ISIC_2018 = re.compile(r"isic2018_task1(?:-2)?_(\w+)_(input|groundtruth)", re.IGNORECASE)
_NEIGHBOURS = 1000  # sorted stems to either side in which the nearest one is looked for
_SUGGESTIONS = 20  # after that many, stray masks are listed without one


@dataclass(frozen=True, slots=True)
class Folder:
    """Names inside a folder, hidden ones left out.

    Attributes:
        path: The folder.
        images: Image files, by extension.
        folders: Sub-folders.
        others: Everything else.
    """

    path: Path
    images: list[str]
    folders: list[str]
    others: list[str]

    @classmethod
    def scan(cls, path: Path) -> Folder:
        """Read the names in a folder, sorted."""
        images, folders, others = [], [], []
        with os.scandir(path) as entries:
            for entry in entries:
                if entry.name.startswith((".", "__MACOSX")):
                    continue
                if _is_folder(entry):
                    folders.append(entry.name)
                elif suffix_of(entry.name) in READERS:
                    images.append(entry.name)
                elif entry.name.lower() not in OF_THE_SYSTEM:
                    others.append(entry.name)
        return cls(path, sorted(images), sorted(folders), sorted(others))

    def inside(self, name: str) -> Folder:
        """Return a sub-folder, or what it only wraps, as unpacked archives do."""
        folder = Folder.scan(self.path / name)
        while not folder.images and len(folder.folders) == 1:
            folder = Folder.scan(folder.path / folder.folders[0])
        return folder


@dataclass(frozen=True, slots=True)
class Found:
    """Cases of a recognised folder, and one line for everything wrong with it.

    Attributes:
        cases: What could be told.
        faults: What no single file is to blame for.
        bad_files: Files without which the others could be used.
        warnings: What was passed over.
    """

    cases: list[Case] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    bad_files: list[BadFile] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def problems(self) -> list[str]:
        """Everything that stops a training."""
        return [*(bad.problem for bad in self.bad_files), *self.faults]


def recognise(folder: Folder) -> Found | None:
    """Return what the first layout that fits finds in a folder, or None if none fits."""
    for layout in LAYOUTS:
        found = layout(folder)
        if found is not None:
            return found
    return None


def images_and_masks(folder: Folder) -> Found | None:
    """Read `images/` and `masks/` under any usual names; images may lie beside `masks/`."""
    mask_folders = _sub_folders(folder, MASK_FOLDERS)
    images = [sub for sub in _sub_folders(folder, IMAGE_FOLDERS) if sub.images]
    if not images and folder.images:
        images = [folder]
    if not images or not mask_folders:
        return None
    masks = [sub for sub in mask_folders if sub.images]
    if not masks:
        line = f"{mask_folders[0].path}: holds no mask. Fill it, or remove it if no image has one."
        return Found(faults=[line])
    for several in (images, masks):
        if len(several) > 1:
            names = " or ".join(sub.path.name for sub in several)
            return Found(faults=[f"{folder.path}: which one, {names}? Keep one of them there."])
    found = _pair(images[0], masks[0])
    if images[0] is folder:
        return found
    return replace(
        found, warnings=[*describe_passed_over(folder.path, folder.images), *found.warnings]
    )


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
        found.faults.append(line)
    return found


def fixed_parts(folder: Folder) -> Found | None:
    """Sub-folders for train, validation and test, each in any of the other layouts."""
    names = [name for name in folder.folders if _plain(name) in PARTS]
    if len(names) < 2:
        return None
    sets = {}
    for name in names:
        inside = folder.inside(name)
        found = recognise(inside) or Found(faults=[describe_unknown(inside)])
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
    """Read images in one folder, unlabelled unless `x_mask` lies beside `x`."""
    if not folder.images or folder.folders:
        return None
    stems = {_stem(name) for name in folder.images}
    masks = [name for name in folder.images if _without_ending(name) in stems - {_stem(name)}]
    images = sorted(set(folder.images) - set(masks))
    return _pair(replace(folder, images=images), replace(folder, images=masks))


def wrapped(folder: Folder) -> Found | None:
    """Read a folder of nothing but one sub-folder with a layout of its own, as in `Kvasir-SEG/`."""
    if folder.images or len(folder.folders) != 1 or _plain(folder.folders[0]) in MASK_FOLDERS:
        return None
    return recognise(Folder.scan(folder.path / folder.folders[0]))


LAYOUTS: tuple[Callable[[Folder], Found | None], ...] = (
    *(images_and_masks, isic_2018, fixed_parts, named_sets, images_alone, wrapped),
)


def describe_unknown(folder: Folder) -> str:
    """Return one line on a folder no layout fits: what is there, and what is understood."""
    kinds = Counter(Path(name).suffix or name for name in os.listdir(folder.path))
    if not folder.images and not folder.folders:
        there = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common(4))
        there = f"holds {there} but no images" if there else "is empty"
        return f"{folder.path}: {there}. {UNDERSTOOD}"
    there = ", ".join(f"{name}/" for name in folder.folders[:6])
    beside = f", beside {len(folder.images)} images" if folder.images else ""
    return f"{folder.path}: layout not understood (sub-folders: {there}{beside}). {UNDERSTOOD}"


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads back to itself
        return False


def describe_passed_over(path: Path, names: Collection[str]) -> list[str]:
    """Return a warning that these entries of a folder are not used, if there are any."""
    if not names:
        return []
    kinds = Counter(os.path.splitext(name)[1].lower() or name for name in names)
    counts = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common(4))
    first = path / next(iter(names))
    what = "is not" if len(names) == 1 else f"and {len(names) - 1} more are not"
    return [f"{first}: {what} used ({counts}). Convert what is an image, or ignore this."]


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]", "", name).lower()


def _stem(name: str) -> str:
    return stem_of(name)


def _without_ending(name: str) -> str:
    return _MASK_ENDING.sub("", _stem(name))


def _sub_folders(folder: Folder, names: Collection[str]) -> list[Folder]:
    return [folder.inside(name) for name in folder.folders if _plain(name) in names]


def _in_part(found: Found, part: str) -> Found:
    return replace(found, cases=[replace(case, part=part) for case in found.cases])


def _merge(sets: Mapping[str, Found], *, is_prefixed: bool = False) -> Found:
    """Join sets; an id starts with its set's name where it must, to be unique, or `is_prefixed`."""
    counts = Counter(case.id for found in sets.values() for case in found.cases)

    def unique(name: str, case_id: str) -> str:
        return f"{name}/{case_id}" if is_prefixed or counts[case_id] > 1 else case_id

    merged = Found()
    for name, found in sets.items():
        merged.faults.extend(found.faults)
        merged.warnings.extend(found.warnings)
        merged.cases.extend(replace(case, id=unique(name, case.id)) for case in found.cases)
        merged.bad_files.extend(
            replace(bad, case_id=unique(name, bad.case_id)) if bad.case_id else bad
            for bad in found.bad_files
        )
    return merged


def _pair(images: Folder, masks: Folder) -> Found:
    """Give each image the mask of its stem; an image without one is unlabelled."""
    found = Found()
    image_of: dict[str, str] = {}
    for name in images.images:
        twin = image_of.setdefault(_stem(name), name)
        if twin != name:
            path = images.path / name
            line = f"{path}: has the same stem as {twin}. Rename or remove one."
            found.bad_files.append(BadFile(path, line, _stem(name)))
    mask_of: dict[str, str] = {}
    strays = []
    for name in masks.images:
        owner = _stem(name) if _stem(name) in image_of else _without_ending(name)
        if owner not in image_of:
            strays.append(name)
        elif mask_of.setdefault(owner, name) != name:
            path, first = masks.path / name, mask_of[owner]
            line = f"{path}: second mask of image {image_of[owner]}, beside {first}. Keep one."
            found.bad_files.append(BadFile(path, line, owner))
    if not images.images:
        found.faults.append(f"{images.path}: holds no image, but {masks.path} holds masks.")
    elif mask_of or len(strays) == 1:
        found.bad_files.extend(_describe_strays(strays, masks, images))
    elif strays:
        found.faults.append(_no_stem_fits(strays, masks, images))
    for stem, name in image_of.items():
        mask = masks.path / mask_of[stem] if stem in mask_of else None
        found.cases.append(Case(stem, images.path / name, mask))
    unused = {images.path: _unused(images, masks), masks.path: _unused(masks, images)}
    found.warnings.extend(
        line for path in unused for line in describe_passed_over(path, unused[path])
    )
    return found


def _unused(folder: Folder, beside: Folder) -> list[str]:
    """Return what is neither image nor mask in a folder of images, which may hold the masks'."""
    folders = [name for name in folder.folders if folder.path / name not in _and_above(beside.path)]
    return [*folder.others, *folders]


def _and_above(path: Path) -> set[Path]:
    return {path, *path.parents}


def _no_stem_fits(strays: list[str], masks: Folder, images: Folder) -> str:
    return (
        f"{masks.path}: none of the {len(strays)} masks (the first: {strays[0]}) has the stem "
        f"of an image in {images.path} (the first: {images.images[0]}). Name each mask like "
        f"its image; _mask, _segmentation, _seg, _label or _gt may follow."
    )


def _describe_strays(strays: list[str], masks: Folder, images: Folder) -> list[BadFile]:
    """Return each mask without an image, with the name that was perhaps meant."""
    stems = sorted(_stem(name) for name in images.images)
    bad_files = []
    for count, name in enumerate(strays):
        near = _nearest(_without_ending(name), stems) if count < _SUGGESTIONS else ""
        hint = f" (the nearest is {near})" if near else ""
        path = masks.path / name
        remedy = "Rename the mask like its image, or remove it."
        bad_files.append(BadFile(path, f"{path}: no image has this stem{hint}. {remedy}"))
    return bad_files


def _nearest(stem: str, stems: list[str]) -> str:
    """Return the most similar of the sorted stems, sought around the place `stem` would have."""
    place = bisect.bisect(stems, stem)
    window = stems[max(0, place - _NEIGHBOURS) : place + _NEIGHBOURS]
    return next(iter(difflib.get_close_matches(stem, window, n=1)), "")
