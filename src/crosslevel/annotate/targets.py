"""Where the masks of a folder's images have to lie, so that `train` finds them there.

Each place is proven: a folder of empty files of the same names, with the masks in it, is recognised
as a data set is, and the mask of each image must be the one that would be written.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from crosslevel.data.formats.readers import stem_of
from crosslevel.data.layouts import Folder, Found, recognise
from crosslevel.types import Case

MASKS = "masks"


@dataclass(frozen=True, slots=True)
class Place:
    """A data set, as far as it says where further masks may lie.

    Attributes:
        folder: Its folder.
        masked: Cases with a mask.
        choice: Name of the folder of masks, where somebody said it.
    """

    folder: Path
    masked: Sequence[Case]
    choice: str | None = None

    @property
    def folders(self) -> dict[Path, Path]:
        """By folder of images, the folder that holds most of their masks."""
        found: dict[Path, Counter[Path]] = {}
        for case in self.masked:
            found.setdefault(case.image.parent, Counter())[case.mask_files[0].parent] += 1
        return {images: masks.most_common(1)[0][0] for images, masks in found.items()}


def mask_targets(
    folder: Path, cases: Sequence[Case], choice: str | None = None
) -> dict[Path, Path]:
    """Return, by image, the PNG file its mask is to be written to.

    An image that has a mask keeps it: as PNG it is the file itself, else a PNG beside it. An image
    for which no place is understood (in a folder that says it is unlabelled) is left out.

    Args:
        folder: The data set.
        cases: Its cases, one for each file.
        choice: Name of the folder of masks, where several could be it.

    Example:
        >>> from tempfile import mkdtemp
        >>> folder = Path(mkdtemp())
        >>> (folder / "a.jpg").touch()
        >>> targets = mask_targets(folder, [Case("a", folder / "a.jpg")])
        >>> targets[folder / "a.jpg"].relative_to(folder).as_posix()
        'masks/a.png'
    """
    place = Place(folder, [case for case in cases if case.mask], choice)
    targets = {case.image: _beside(case) for case in place.masked}
    rest = [case for case in cases if case.image not in targets]
    for scheme in SCHEMES:
        if not rest:
            break
        asked = {case.image: scheme(place, case.image) for case in rest}
        proven = _proven(place, cases, asked, targets)
        targets |= proven
        rest = [case for case in rest if case.image not in proven]
    return targets


def _beside(case: Case) -> Path:
    """Return the PNG that takes the place of a mask: itself, or one of the image's name."""
    first = case.mask_files[0]
    is_png = len(case.mask_files) == 1 and first.suffix.lower() == ".png"
    return first if is_png else first.with_name(f"{stem_of(case.image.name)}.png")


def _where_others_are(place: Place, image: Path) -> Path:
    """Return the place in the folder of the masks of other images beside it."""
    folder = place.folders.get(image.parent, place.folder / (place.choice or MASKS))
    return folder / f"{stem_of(image.name)}.png"


def _mirrored(place: Place, image: Path) -> Path:
    """Return the image's path with the folder above all images named as that of the masks."""
    above = image.parent.relative_to(place.folder).parts
    tails = {masks.name for masks in place.folders.values()}
    name = place.choice or (tails.pop() if len(tails) == 1 else MASKS)
    at = next((i for i, part in enumerate(above) if "im" in part.lower()), 0)
    parts = [*above[:at], name, *above[at + 1 :]]
    return place.folder.joinpath(*parts) / f"{stem_of(image.name)}.png"


def _next_to(place: Place, image: Path) -> Path:
    del place
    return image.with_name(f"{stem_of(image.name)}_mask.png")


SCHEMES: tuple[Callable[[Place, Path], Path], ...] = (_where_others_are, _mirrored, _next_to)
"""The first whose masks would be found is taken."""


def _proven(
    place: Place, cases: Sequence[Case], asked: Mapping[Path, Path], known: Mapping[Path, Path]
) -> dict[Path, Path]:
    """Return those of the places at which masks would be found, with one of them or with all."""
    taken = Counter([*asked.values(), *known.values(), *(case.image for case in cases)])
    is_free = {mask: taken[mask] == 1 and not os.path.exists(mask) for mask in asked.values()}
    free = {image: mask for image, mask in asked.items() if is_free[mask]}
    if not free:
        return {}
    with_all = _found(place, free, known)
    proven = {image: mask for image, mask in free.items() if with_all.get(image) == mask}
    if not proven:
        return {}
    first = next(iter(proven))
    alone = _found(place, {first: proven[first]}, {})
    return proven if alone.get(first) == proven[first] else {}


def _found(
    place: Place, masks: Mapping[Path, Path], known: Mapping[Path, Path]
) -> dict[Path, Path]:
    """Return the masks that a folder with these in it would be found to have; none if it is odd.

    Args:
        place: The data set as it is.
        masks: By image, further masks.
        known: By image, those that have taken the place of what is there.
    """
    expected = {case.image: [*case.mask_files] for case in place.masked}
    replaced = {old for image in known for old in expected.get(image, [])}
    expected |= {image: [mask] for image, mask in known.items()}
    there = [path for path in _files(place.folder) if path not in replaced]
    with TemporaryDirectory() as scratch:
        root = Path(scratch)
        for path in [*there, *masks.values(), *known.values()]:
            copy = root / path.relative_to(place.folder)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.touch()
        found = recognise(Folder.scan(root, place.choice)) or Found()
    of_image = {
        place.folder / case.image.relative_to(root): [
            place.folder / file.relative_to(root) for file in case.mask_files
        ]
        for case in found.cases
    }
    kept = all(files == of_image.get(image) for image, files in expected.items())
    if found.problems or not kept:
        return {}
    return {image: files[0] for image, files in of_image.items() if len(files) == 1}


def _files(folder: Path) -> Iterable[Path]:
    for where, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(where) / name for name in names if not name.startswith("."))
