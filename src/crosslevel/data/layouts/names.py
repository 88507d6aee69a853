"""How the name of a mask tells the image it belongs to."""

from __future__ import annotations

import bisect
import difflib
import re
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

from crosslevel.data.formats.readers import stem_of

_WORD = r"mask|masks|segmentation|seg|labels?|annotations?|gt|ground_?truth|manual"
_ENDING = re.compile(rf"[_\-. ]({_WORD})(?:[_\-. ]?(\d+))?$", re.IGNORECASE)
_BEGINNING = re.compile(rf"^({_WORD})[_\-. ]+(?=.)", re.IGNORECASE)
_NUMBER = re.compile(r"[_\-](\d+)$")
_DERIVED = re.compile(r"[_\-](superpixels?|overlay|contours?|heatmap|preview)$", re.IGNORECASE)
_BOUNDARY = re.compile(r"[_\-. ]")
_NEIGHBOURS = 1000  # sorted stems to either side in which the nearest one is looked for


def owner_of(name: str, stems: Mapping[str, str]) -> tuple[str, str] | None:
    """Tell which image a mask belongs to, and which of that image's masks it is.

    Args:
        name: File name of the mask.
        stems: Names of the images by their stems.

    Returns:
        The image's stem, and what the name adds to it without a number: masks of one image with
        the same addition are parts of one mask. None if no image fits.

    Example:
        >>> owner_of("x_mask_1.png", {"x": "x.jpg"}), owner_of("x.jpg.png", {"x": "x.jpg"})
        (('x', '_mask'), ('x', ''))
    """
    stem = stem_of(name)
    if stem in stems:
        return stem, ""
    if (inner := stem_of(stem)) in stems and stems[inner] == stem:
        return inner, ""
    for owner, addition in _readings(stem):
        if owner in stems:
            return owner, addition
    return None


def is_like_a_mask(name: str) -> bool:
    """Whether a name says that the file is a mask, or drawn from one or from an image."""
    stem = stem_of(name)
    return any(pattern.search(stem) for pattern in (_ENDING, _BEGINNING, _DERIVED))


def derived_from(name: str, stems: Collection[str]) -> str | None:
    """The stem of the image that a file like `x_superpixels.png` was made from."""
    stem = stem_of(name)
    base = _DERIVED.sub("", stem)
    return base if base != stem and base in stems else None


def after_others(names: Sequence[str]) -> dict[str, str]:
    """Files named after other files by an addition that most of those have, with their stems.

    Masks and drawings are, whatever the addition; numbers may be the frames of one series.

    Example:
        >>> sorted(after_others(["1.jpg", "2.jpg", "3.jpg", "1_2ndHO.png", "2_2ndHO.png"]))
        ['1_2ndHO.png', '2_2ndHO.png']
    """
    stems = {stem_of(name) for name in names}
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for name in names:
        stem = stem_of(name)
        for place in (match.start() for match in _BOUNDARY.finditer(stem)):
            addition = stem[place:].casefold()
            if stem[:place] in stems and not addition[1:].isdecimal():
                found[addition].append((name, stem[:place]))
                break
    num_owners = len(stems) - sum(map(len, found.values()))
    usual = [pairs for pairs in found.values() if 2 * len(pairs) > num_owners > 1]
    return {name: stem for pairs in usual for name, stem in pairs}


def without_ending(name: str) -> str:
    """The stem of a mask without what says that it is one."""
    return _ENDING.sub("", stem_of(name))


def by_what_differs(images: Sequence[str], masks: Sequence[str]) -> dict[str, str]:
    """Pair names that differ from each other only by what all images, or all masks, share.

    Args:
        images: Names of the images.
        masks: Names of the masks.

    Returns:
        By mask, the stem of its image, if every mask finds one of its own; else nothing.

    Example:
        >>> by_what_differs(["01_training.tif", "02_training.tif"],
        ...                 ["01_manual1.gif", "02_manual1.gif"])
        {'01_manual1.gif': '01_training', '02_manual1.gif': '02_training'}
    """
    if len(images) < 2 or len(masks) < 2:
        return {}
    stems = [stem_of(name) for name in images]
    for fold in (str, str.casefold):
        image_of = dict(zip(_keys([fold(stem) for stem in stems]), stems, strict=True))
        mask_keys = _keys([fold(stem_of(name)) for name in masks])
        is_unique = len(image_of) == len(stems) and len(set(mask_keys)) == len(masks)
        if is_unique and all(key in image_of for key in mask_keys):
            return {name: image_of[key] for name, key in zip(masks, mask_keys, strict=True)}
    return {}


def nearest(stem: str, stems: list[str]) -> str:
    """The most similar of stems, whatever their case, among those around its place in their order.

    Args:
        stem: What is looked for.
        stems: Sorted by `folded`.
    """
    place = bisect.bisect(stems, folded(stem), key=folded)
    window = stems[max(0, place - _NEIGHBOURS) : place + _NEIGHBOURS]
    by_letters = {folded(other): other for other in window}
    close = difflib.get_close_matches(folded(stem), by_letters, n=1)
    return by_letters[close[0]] if close else ""


def as_seen(name: str) -> str:
    """A name with each letter as one sign; a Mac may write `ä` as `a` and two dots.

    Example:
        >>> len("a\u0308"), len(as_seen("a\u0308"))
        (2, 1)
    """
    return unicodedata.normalize("NFC", name)


def folded(name: str) -> str:
    """A name as it is compared where case is the same, too."""
    return as_seen(name).casefold()


def _readings(stem: str) -> list[tuple[str, str]]:
    """What may be the image's stem, and the rest, the likeliest first."""
    found = []
    if ending := _ENDING.search(stem):
        found.append((stem[: ending.start()], f"_{ending.group(1).lower()}"))
    if beginning := _BEGINNING.search(stem):
        found.append((stem[beginning.end() :], f"{beginning.group(1).lower()}_"))
    if number := _NUMBER.search(stem):
        found.append((stem[: number.start()], "_"))
    return found


def _keys(stems: Sequence[str]) -> list[str]:
    """Each stem without the words at its begin and end that all of them have."""
    first = _whole_words(_shared(stems), at_end=True)
    last = _whole_words(_shared([stem[::-1] for stem in stems])[::-1], at_end=False)
    return [stem[len(first) : len(stem) - len(last)] or stem for stem in stems]


def _shared(stems: Sequence[str]) -> str:
    """The letters that all begin with."""
    first, last = min(stems), max(stems)  # what these two share, all between them do
    return next((first[:i] for i, letter in enumerate(first) if last[i] != letter), first)


def _whole_words(shared: str, *, at_end: bool) -> str:
    """What is shared, cut where a word begins or ends: not inside a number."""
    places = [match.start() for match in _BOUNDARY.finditer(shared)]
    if not places:
        return ""
    return shared[: places[-1] + 1] if at_end else shared[places[0] :]
