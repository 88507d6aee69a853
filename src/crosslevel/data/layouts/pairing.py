"""Images and masks of two folders (or of one) become cases by their names."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from crosslevel.data.formats.readers import stem_of
from crosslevel.data.layouts.folder import Folder, Found, describe_passed_over
from crosslevel.data.layouts.names import (
    after_others,
    as_seen,
    by_what_differs,
    derived_from,
    folded,
    is_like_a_mask,
    nearest,
    owner_of,
    without_ending,
)
from crosslevel.data.quality.bad_files import BadFile
from crosslevel.types import Case, MaskSource, UnitedMasks

_SUGGESTIONS = 20  # after that many, stray masks are listed without one


def pair(images: Folder, masks: Folder) -> Found:
    """Give each image the mask of its name; an image without one is unlabelled.

    Several numbered masks of one image are its objects, and are united.
    """
    found = Found()
    images, not_images = _set_apart(images, masks)
    stems = _stems(images, found)
    owners = owners_of(images, masks)
    strays = [name for name in masks.images if name not in owners]
    if not images.images:
        found.faults.append(f"{images.path}: holds no image, but {masks.path} holds masks.")
    elif owners or len(strays) == 1:
        found.bad_files.extend(_describe_strays(strays, masks, images))
    elif strays:
        found.faults.append(_no_stem_fits(strays, masks, images))
    mask_of = _united(owners, stems, masks, found)
    for stem, name in stems.items():
        found.cases.append(Case(stem, images.path / name, mask_of.get(stem)))
    unused = {images.path: _unused(images, masks), masks.path: _unused(masks, images)}
    lines = [line for path in unused for line in describe_passed_over(path, unused[path])]
    return found.warning([*not_images, *lines])


def owners_of(images: Folder, masks: Folder, *, by_rest: bool = True) -> dict[str, tuple[str, str]]:
    """Return, by name of a mask, the stem of its image and what the name adds to it.

    Args:
        images: Where the images lie.
        masks: Where masks may lie.
        by_rest: Also pair names that differ by what all images, or all masks, share.
    """
    image_of = {as_seen(name): name for name in images.images}
    mask_of = {as_seen(name): name for name in masks.images}
    stems = {stem_of(name): name for name in image_of}
    owners = {name: owner for name in mask_of if (owner := owner_of(name, stems))}
    if not owners and by_rest:
        pairs = by_what_differs(list(image_of), list(mask_of))
        owners = {name: (stem, "") for name, stem in pairs.items()}
    own = {stem: stem_of(image_of[name]) for stem, name in stems.items()}
    return {mask_of[name]: (own[stem], addition) for name, (stem, addition) in owners.items()}


def all_of_one(image: Path, masks: Folder) -> Found:
    """One image, all of whose objects lie in a folder of their own."""
    files = tuple(masks.path / name for name in masks.images)
    mask: MaskSource = files[0] if len(files) == 1 else UnitedMasks(files)
    return Found(cases=[Case(stem_of(image.name), image, mask)])


def _set_apart(images: Folder, masks: Folder) -> tuple[Folder, list[str]]:
    """The images without files among them that are named like masks of others, and a warning."""
    stems = {stem_of(name): name for name in images.images}
    own = {as_seen(stem_of(name)) for name in masks.images}
    after = after_others(images.images)
    apart = [
        name
        for name in images.images
        if as_seen(stem_of(name)) not in own
        and (
            name in after
            or (is_like_a_mask(name) and _is_mask_of_another(name, stems))
            or derived_from(name, stems)
        )
    ]
    if not apart:
        return images, []
    line = (
        f"{images.path / apart[0]}: {'is' if len(apart) == 1 else f'and {len(apart) - 1} more are'}"
        f" named like a mask or a drawing of another image there, and not used. Move masks to "
        f"{masks.path.name}/, or rename what is an image."
    )
    kept = set(apart)
    return replace(images, images=[n for n in images.images if n not in kept]), [line]


def _is_mask_of_another(name: str, stems: Mapping[str, str]) -> bool:
    others = {stem: other for stem, other in stems.items() if other != name}
    return owner_of(name, others) is not None


def _stems(images: Folder, found: Found) -> dict[str, str]:
    """Images by their stem; a second one of the same is a bad file."""
    stems: dict[str, str] = {}
    for name in images.images:
        stem = stem_of(name)
        twin = stems.setdefault(stem, name)
        if twin != name:
            path = images.path / name
            line = f"{path}: has the same stem as {twin}. Rename or remove one."
            found.bad_files.append(BadFile(path, line, stem))
    return stems


def _united(
    owners: Mapping[str, tuple[str, str]], stems: Mapping[str, str], masks: Folder, found: Found
) -> dict[str, MaskSource]:
    """By stem of an image, its mask; masks that cannot be parts of one are bad files."""
    of_image: dict[str, list[str]] = defaultdict(list)
    for name, (stem, _) in owners.items():
        of_image[stem].append(name)
    united: dict[str, MaskSource] = {}
    for stem, names in of_image.items():
        first = min(names, key=lambda name: (len(name), name))
        parts = [name for name in names if _are_parts(name, first, owners)]
        for name in names:
            if name not in parts:
                path = masks.path / name
                line = f"{path}: second mask of image {stems[stem]}, beside {first}. Keep one."
                found.bad_files.append(BadFile(path, line, stem))
        files = tuple(masks.path / name for name in sorted(parts))
        united[stem] = files[0] if len(files) == 1 else UnitedMasks(files)
    return united


def _are_parts(name: str, first: str, owners: Mapping[str, tuple[str, str]]) -> bool:
    """Whether two masks are named alike but for a number."""
    if name == first:
        return True
    addition = owners[name][1]
    return bool(addition) and addition == owners[first][1] and stem_of(name) != stem_of(first)


def _unused(folder: Folder, beside: Folder) -> list[str]:
    """What is neither image nor mask in a folder of images (which may hold that of the masks)."""
    above = {beside.path, *beside.path.parents}
    folders = [name for name in folder.folders if folder.path / name not in above]
    return [*folder.others, *(f"{name}/" for name in folders)]


def _no_stem_fits(strays: list[str], masks: Folder, images: Folder) -> str:
    from_label_studio = all(name.startswith("task-") and "-annotation-" in name for name in strays)
    remedy = (
        "These are names of Label Studio's PNG export, which do not say their image: list the "
        "pairs in a CSV file with the columns image,mask, or export the annotations as JSON."
        if from_label_studio
        else "Name each mask like its image; _mask, _segmentation, _seg, _label or _gt may follow."
    )
    return (
        f"{masks.path}: none of the {len(strays)} masks (the first: {strays[0]}) has the stem "
        f"of an image in {images.path} (the first: {images.images[0]}). {remedy}"
    )


def _describe_strays(strays: list[str], masks: Folder, images: Folder) -> list[BadFile]:
    """Each mask without an image, with the name that was perhaps meant."""
    stems = sorted(map(stem_of, images.images), key=folded)
    bad_files = []
    for count, name in enumerate(strays):
        near = nearest(without_ending(name), stems) if count < _SUGGESTIONS else ""
        hint = f" (the nearest is {near})" if near else ""
        path = masks.path / name
        remedy = "Rename the mask like its image, or remove it."
        bad_files.append(BadFile(path, f"{path}: no image has this stem{hint}. {remedy}"))
    return bad_files
