"""What is odd about the images of a data set: their sizes, how they lie, and copies."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Sequence

from crosslevel.data.quality.bad_files import BadFile
from crosslevel.data.quality.findings import Findings
from crosslevel.data.quality.naming import limited, some
from crosslevel.types import Case

_SMALLEST_SIDE = 4  # pixels; less shows nothing
_FAR_SMALLER = 8  # times smaller than the middle one of the data set
_SMALLER = 4  # likewise, but only doubted
_FEWEST = 8  # images that show how large those of a data set are
_QUARTER_TURNS = (5, 6, 7, 8)
"""EXIF orientations that exchange height and width."""


def too_small(cases: Sequence[Case], found: Findings) -> list[BadFile]:
    """Return images in which nothing can be seen, or nothing at the others' scale."""
    sides = {case_id: min(image.size) for case_id, image in found.images.items()}
    middle = statistics.median(sides.values()) if sides else 0
    bad_files = []
    for case in cases:
        side = sides.get(case.id)
        if side is None or (side >= _SMALLEST_SIDE and side * _FAR_SMALLER >= middle):
            continue
        height, width = found.images[case.id].size
        others = f", while the others are about {middle:.0f} px" if middle > side else ""
        line = f"{case.image}: {height} x {width} px{others}. Replace it by the full image."
        bad_files.append(BadFile(case.image, line, case.id))
    return bad_files


def about_small(cases: Sequence[Case], found: Findings, size: int) -> list[str]:
    """Return doubts about images that are much smaller than the others, or than the training's."""
    sides = {case.id: min(found.images[case.id].size) for case in cases if case.id in found.images}
    middle = statistics.median(sides.values()) if sides else 0
    lines = []
    if len(sides) >= _FEWEST and middle * _FAR_SMALLER <= size:
        lines.append(
            f"the images are about {middle:.0f} px, and a training enlarges them to {size} px. "
            f"Check that they are not previews; a smaller --size takes less time."
        )
    small = [
        case.image
        for case in cases
        if sides.get(case.id, middle) * _SMALLER < middle <= sides[case.id] * _FAR_SMALLER
    ]
    if small:
        lines.append(
            f"{some(small)}: {len(small)} of the images are less than a quarter as large as "
            f"the others (about {middle:.0f} px). Check that they are not previews or cut-outs."
        )
    return lines


def about_like_masks(cases: Sequence[Case], found: Findings) -> list[str]:
    """Return a doubt about images that are black and white alone, as masks among images are."""
    images = found.images
    alike = [c.image for c in cases if c.id in images and images[c.id].is_like_a_mask]
    if not alike:
        return []
    verb = "image is" if len(alike) == 1 else "images are"
    return [
        f"{some(alike)}: {len(alike)} {verb} black and white alone, as masks are. Put masks into a "
        f"folder masks/ beside images/."
    ]


def about_turned(cases: Sequence[Case], found: Findings) -> list[str]:
    """Return a hint if masks may have been drawn on images as they are stored, not upright."""
    doubtful = []
    for case in cases:
        image, mask = found.images.get(case.id), found.masks.get(case.id)
        if image is None or mask is None or image.orientation == 1 or mask.is_turned:
            continue
        is_quarter = image.orientation in _QUARTER_TURNS
        if not is_quarter or image.size[0] == image.size[1]:
            doubtful.append(case.image)
    if not doubtful:
        return []
    return [
        f"{some(doubtful)}: {len(doubtful)} images are turned upright, as their EXIF orientation "
        f"says, and their masks have no orientation. Look at one: if masks were drawn on the "
        f"images as they are stored, turn the masks, too."
    ]


def about_copies(
    cases: Sequence[Case], found: Findings, alike: Sequence[Sequence[str]]
) -> list[str]:
    """Return a line on each set of equal, or nearly equal, images."""
    path_of = {case.id: case.image for case in cases}
    same: dict[str, list[str]] = defaultdict(list)
    for case_id, digest in found.hashes.items():
        same[digest].append(case_id)
    remedy = "Keep one of them; until then a random split keeps them together."
    sets: list[tuple[Sequence[str], str]] = [
        (ids, "files with the same content") for ids in same.values() if len(ids) > 1
    ]
    sets += [
        (ids, "files that show nearly the same image")
        for ids in alike
        if len({found.hashes[case_id] for case_id in ids}) > 1
    ]
    lines = [f"{some([path_of[i] for i in ids])}: {len(ids)} {what}" for ids, what in sets]
    return limited(f"{line}. {remedy}" for line in lines)
