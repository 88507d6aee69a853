"""Folder layouts that are understood as they come; nobody rearranges a download.

Each recogniser looks at one folder and answers with what it found, or None when the folder is laid
out differently. Only names are read, so 100 000 files are indexed without opening one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace

from crosslevel.data.formats.readers import READERS, stem_of
from crosslevel.data.layouts.folder import (
    IMAGE_FOLDERS,
    MASK_FOLDERS,
    Folder,
    Found,
    describe_passed_over,
    in_part,
    merge,
    plain,
)
from crosslevel.data.layouts.names import after_others, as_seen, is_like_a_mask, owner_of
from crosslevel.data.layouts.pairing import all_of_one, pair
from crosslevel.data.layouts.ph2 import ph2
from crosslevel.data.layouts.siblings import (
    ask_which,
    describe_beside,
    describe_no_images,
    describe_no_masks,
    describe_predictions,
    is_named_like_masks,
    is_unlabelled,
    may_hold_masks,
    num_images,
    unlabelled_images,
    without_masks,
    written_here,
)
from crosslevel.data.quality.bad_files import BadFile

UNDERSTOOD = (
    "Understood are: images/ and masks/ with equal stems; ISIC 2018 Task 1 as downloaded; "
    "TrainDataset, ValidationDataset, TestDataset (or train, val, test) with images/ and masks/ "
    "in each; a folder for each patient or set with images/ and masks/; images alone (all "
    "unlabelled); a CSV file with the columns image, mask and, if wanted, group, part."
)
PARTS = {
    **dict.fromkeys(("train", "training", "traindataset"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "valdataset", "validationdataset"), "val"),
    **dict.fromkeys(("test", "testing", "testdataset"), "test"),
}
_ISIC_2018 = re.compile(r"isic2018_task1(?:-2)?_(\w+)_(input|groundtruth)", re.IGNORECASE)
_FEWEST_GROUPS = 6  # so many folders of different names are patients, not data sets


def recognise(folder: Folder) -> Found | None:
    """What the first layout that fits finds in a folder, or None if none fits.

    Folders that say they are unlabelled are no part of the layout: their images are added. Nor are
    runs and predictions that lie there.
    """
    own = written_here(folder)
    beside = describe_predictions(folder, own)
    folder = folder.without(own)
    unlabelled = [name for name in folder.folders if is_unlabelled(name)]
    rest = folder.without(unlabelled)
    for layout in LAYOUTS:
        found = layout(rest)
        if found is not None:
            name = found.layout or layout.__name__.replace("_", " ")
            found = _with_unlabelled(folder, found, unlabelled).warning(beside)
            return replace(found, layout=name)
    return None


def _with_unlabelled(folder: Folder, found: Found, names: Iterable[str]) -> Found:
    sets = {name: unlabelled_images(folder.sub_folder(name)) for name in names}
    sets = {name: images for name, images in sets.items() if images.cases or images.warnings}
    return merge({"": found, **sets}) if sets else found


def images_and_masks(folder: Folder) -> Found | None:
    """`images/` and `masks/`, under any of their usual names; images may lie beside `masks/`."""
    images = [sub for sub in _sub_folders(folder, IMAGE_FOLDERS) if sub.images]
    mask_folders = _mask_folders(folder)
    if not images and folder.images:
        images = [folder]
    elif len(images) == 1 and not mask_folders and not folder.masks:
        others = _other_masks(folder, images[0], [])
        mask_folders = [sub for sub in others if is_named_like_masks(sub)]
    if not images or not (mask_folders or folder.masks):
        return None
    if len(images) > 1:
        names = " or ".join(sub.path.name for sub in images)
        return Found(faults=[f"{folder.path}: which one, {names}? Keep one of them there."])
    masks = [sub for sub in mask_folders if sub.images] or _deeper(mask_folders)
    if mask_folders and not masks:
        return Found(faults=[describe_no_masks(mask_folders[0])])
    asked = masks if folder.masks else [*masks, *_other_masks(folder, images[0], mask_folders)]
    if len(asked) > 1:
        return Found(faults=[ask_which(folder, asked)])
    return _used(folder, images[0], masks)


def _used(folder: Folder, images: Folder, masks: list[Folder]) -> Found:
    """Pair what was chosen, and name what lies beside."""
    of_masks = masks[0] if masks else replace(images, images=[], folders=[], others=[])
    inside = images is folder
    used = [_top(folder, sub) for sub in (*masks, images) if sub is not folder]
    found = pair(images.without(folder.folders) if inside else images, of_masks)
    beside = describe_beside(folder, used)
    loose = [] if inside else describe_passed_over(folder.path, folder.images)
    return found.warning([*beside, *loose])


def _mask_folders(folder: Folder) -> list[Folder]:
    """Folders named like masks, or the one that was named."""
    if folder.masks is None:
        return _sub_folders(folder, MASK_FOLDERS)
    chosen = [name for name in folder.folders if plain(name) == plain(folder.masks)]
    return [folder.inside(name) for name in chosen]


def _deeper(masks: Collection[Folder]) -> list[Folder]:
    """Folders inside one that only holds annotators' folders."""
    subs = [sub.sub_folder(name) for sub in masks for name in sub.folders]
    return [sub for sub in subs if sub.images]


def _other_masks(folder: Folder, images: Folder, masks: Collection[Folder]) -> list[Folder]:
    """Folders of other names that hold masks of these images, too."""
    known = {_top(folder, sub) for sub in (*masks, images) if sub is not folder}
    others = [folder.inside(name) for name in folder.folders if name not in known]
    return [sub for sub in others if may_hold_masks(sub, images)]


def _top(folder: Folder, sub: Folder) -> str:
    """Name of the folder directly inside that leads to another one."""
    return sub.path.relative_to(folder.path).parts[0]


def isic_2018(folder: Folder) -> Found | None:
    """ISIC 2018 Task 1; several of training, validation and test fix the part of their cases."""
    pairs: dict[str, dict[str, Folder]] = {}
    for name in folder.folders:
        if match := _ISIC_2018.fullmatch(name):
            part, kind = match.group(1).lower(), match.group(2).lower()
            pairs.setdefault(PARTS.get(part, part), {})[kind] = folder.inside(name)
    sets = {
        part: pair(of["input"], of.get("groundtruth", replace(of["input"], images=[])))
        for part, of in pairs.items()
        if "input" in of
    }
    if not sets:
        return None
    if len(sets) > 1:
        sets = {part: in_part(found, part) for part, found in sets.items()}
    found = merge(sets)
    for part in pairs.keys() - sets.keys():
        path = pairs[part]["groundtruth"].path
        line = f"{path}: the Input folder of these masks is missing. Add it, or remove the masks."
        found.faults.append(line)
    used = [name for name in folder.folders if _ISIC_2018.fullmatch(name)]
    return found.warning(describe_beside(folder, used))


def fixed_parts(folder: Folder) -> Found | None:
    """Sub-folders for train, validation and test, each in any of the other layouts."""
    names = [name for name in folder.folders if plain(name) in PARTS]
    if len(names) < 2:
        return None
    sets = {}
    for name in names:
        inside = folder.inside(name)
        found = recognise(inside) or Found(faults=[describe_unknown(inside)])
        sets[name] = in_part(found, PARTS[plain(name)])
    loose = describe_passed_over(folder.path, folder.images)
    return merge(sets).warning([*describe_beside(folder, names), *loose])


def nested_groups(folder: Folder) -> Found | None:
    """`images/p1/`, `images/p2/`, … with `masks/p1/`, `masks/p2/`, …: a folder for each patient."""
    images = [sub for sub in _sub_folders(folder, IMAGE_FOLDERS) if _holds_groups(sub)]
    masks = [sub for sub in _mask_folders(folder) if _holds_groups(sub)]
    if len(images) != 1 or len(masks) != 1 or not set(images[0].folders) & set(masks[0].folders):
        return None
    if images[0].images and masks[0].images:
        return None
    sets = _grouped(_nested(images[0], masks[0]))
    beside = describe_beside(folder, [_top(folder, images[0]), _top(folder, masks[0])])
    loose = [
        line
        for sub in (images[0], masks[0])
        for line in (*_describe_loose(sub), *describe_passed_over(sub.path, sub.others))
    ]
    return merge(sets, is_prefixed=True).warning([*beside, *loose])


def _describe_loose(folder: Folder) -> list[str]:
    if not folder.images:
        return []
    first, count = folder.path / folder.images[0], len(folder.images)
    return [f"{first}: {count} beside the folders are not used. Move them into one."]


def _holds_groups(folder: Folder) -> bool:
    """Whether a folder holds others, and few images beside them."""
    return bool(folder.folders) and 2 * len(folder.images) <= num_images(folder)


def _nested(images: Folder, masks: Folder) -> dict[str, Found]:
    """Pair the folders of equal names in two folders, and those in them."""
    sets = {}
    for name in images.folders:
        inside = images.inside(name)
        empty = replace(inside, images=[], folders=[], others=[])
        has_masks = name in masks.folders
        own = masks.sub_folder(name) if has_masks else empty
        if inside.folders and not inside.images and not own.images:
            sets[name] = merge(_nested(inside, own), is_prefixed=True)
        else:
            sets[name] = pair(inside, masks.inside(name) if has_masks else empty)
    for name in sorted(set(masks.folders) - set(images.folders)):
        path = masks.path / name
        line = f"{path}: no folder of images has this name. Rename it, or remove it."
        sets[name] = Found(faults=[line])
    return sets


def named_sets(folder: Folder) -> Found | None:
    """Data sets or patients side by side, each `images/` and `masks/`; ids start with the name."""
    sets = {name: _one_set(folder.inside(name)) for name in folder.folders}
    complete = {name: found for name, found in sets.items() if found is not None}
    if not any(case.mask for found in complete.values() for case in found.cases):
        return None
    if len(complete) < 2 or folder.images:
        return None
    if any(found is None and num_images(folder.sub_folder(n)) for n, found in sets.items()):
        return None
    return merge(_grouped(complete), is_prefixed=True)


def _one_set(folder: Folder) -> Found | None:
    """One of several sets; of a single image all masks are its own, whatever their names."""
    images, masks = _sub_folders(folder, IMAGE_FOLDERS), _mask_folders(folder)
    if len(images) == 1 and len(images[0].images) == 1 and len(masks) == 1 and masks[0].images:
        only = images[0].images[0]
        if not any(owner_of(name, {stem_of(only): only}) for name in masks[0].images):
            return all_of_one(images[0].path / only, masks[0])
    found = images_and_masks(folder)
    if found is None and len(images) == 1 and images[0].images and not masks:
        return without_masks(images[0])
    return found or images_alone(folder)


def _grouped(sets: dict[str, Found]) -> dict[str, Found]:
    """With the folder as the group of its images, if folders look like patients.

    They do if their names differ by numbers alone, or if they are many.
    """
    patterns = {re.sub(r"\d+", "#", name) for name in sets}
    is_numbered = len(patterns) == 1 and "#" in next(iter(patterns))
    has_several = any(len(found.cases) > 1 for found in sets.values())
    if not has_several or not (is_numbered or len(sets) >= _FEWEST_GROUPS):
        return sets
    return {
        name: replace(found, cases=[replace(c, group=c.group or name) for c in found.cases])
        for name, found in sets.items()
    }


def images_alone(folder: Folder) -> Found | None:
    """Images in one folder, unlabelled unless a mask of `x`, like `x_mask`, lies beside `x`."""
    if not folder.images or folder.folders:
        return None
    stems = {as_seen(stem_of(name)): name for name in folder.images}
    masks: list[str] = []
    strays: list[str] = []
    names = frozenset(folder.images)
    for name in folder.images:
        if is_like_a_mask(name) or stem_of(name) in names:
            (masks if _has_owner(name, stems) else strays).append(name)
    if not masks and (named_after := sorted(after_others(folder.images))):
        return Found(faults=[_ask_about_named_after(folder, named_after)])
    images = sorted(set(folder.images) - set(masks))
    found = pair(replace(folder, images=images), replace(folder, images=masks))
    if not masks:
        strays = []  # so all of them are named
    lost = {stem_of(name) for name in strays}
    for name in strays:
        path = folder.path / name
        line = f"{path}: named like a mask, but no image has this stem. Rename it, or remove it."
        found.bad_files.append(BadFile(path, line))
    return replace(found, cases=[case for case in found.cases if case.id not in lost])


def _ask_about_named_after(folder: Folder, names: list[str]) -> str:
    return (
        f"{folder.path / names[0]}: this and {len(names) - 1} more are named after other images "
        f"there. If they are masks, put them into a folder masks/ beside images/; else into "
        f"a folder that is not given."
    )


def _has_owner(name: str, stems: dict[str, str]) -> bool:
    """Whether a mask belongs to an image other than itself; the stems are left as they were."""
    stem = as_seen(stem_of(name))
    own = stems.pop(stem) if stems[stem] == name else None
    is_owned = owner_of(as_seen(name), stems) is not None
    if own is not None:
        stems[stem] = own
    return is_owned


def wrapped(folder: Folder) -> Found | None:
    """Nothing but one sub-folder with a layout of its own, as in `Kvasir-SEG/`."""
    if folder.images or len(folder.folders) != 1 or plain(folder.folders[0]) in MASK_FOLDERS:
        return None
    return recognise(folder.sub_folder(folder.folders[0]))


LAYOUTS: tuple[Callable[[Folder], Found | None], ...] = (
    *(nested_groups, images_and_masks, isic_2018, fixed_parts),
    *(ph2, named_sets, images_alone, wrapped),
)


def describe_unknown(folder: Folder) -> str:
    """One line on a folder no layout fits: what is there, and what is understood."""
    if not (folder.images or folder.folders or folder.others):
        return f"{folder.path}: is empty. {UNDERSTOOD}"
    if line := describe_no_images(folder, UNDERSTOOD):
        return line
    inside = folder
    while not inside.images and len(inside.folders) == 1:
        inside = inside.sub_folder(inside.folders[0])
    for sub in _sub_folders(inside, IMAGE_FOLDERS):
        if line := describe_no_images(sub, f"Images that are read end in {', '.join(READERS)}."):
            return line
    there = ", ".join(f"{name}/" for name in folder.folders[:6])
    beside = f", beside {len(folder.images)} images" if folder.images else ""
    return f"{folder.path}: layout not understood (sub-folders: {there}{beside}). {UNDERSTOOD}"


def _sub_folders(folder: Folder, names: Collection[str]) -> list[Folder]:
    return [folder.inside(name) for name in folder.folders if plain(name) in names]
