"""Which pixels of a mask without named classes are foreground, if its values say so.

Few exact values, in areas of their own, are classes, objects or pixels to ignore, and are refused
with the option that says which. Values between dark and bright on edges alone are softened edges,
and cut in the middle.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from crosslevel.data.formats.drawing import Drawing, Values
from crosslevel.data.formats.unclear import Kind, Level, UnclearMaskError, kind_of
from crosslevel.errors import DataError

LARGEST_NOISE = 15
"""Grey value of JPEG compression on an all-black mask; real data show up to about 8."""
_FEW = 16  # distinct values; softened edges and noise have more
_FEWEST_SOLID = 0.0005  # share of the pixels that the areas of an unexpected value cover
_MANY_COLOURS = 64
_GREY_SPREAD = 48  # of the channels, or of a channel in an area, that JPEG makes of one grey
_EVEN = 4  # likewise, of neighbours inside an area: photographs are not so even
_GREY_OF_A_PICTURE = 0.3  # share of its pixels; a small mask's blurred edges are fewer
_SAME_HUE = 8  # largest difference of a channel along a softened edge


def foreground(path: Path, drawing: Drawing) -> NDArray[np.uint8]:
    """Cut a mask into background (0) and foreground (1).

    Raises:
        UnclearMaskError: Its values may mean several things.
    """
    if drawing.is_lossy:
        return _of_jpeg(path, drawing)
    if drawing.values.ndim == 3:
        return _of_colours(path, drawing)
    return _of_greys(path, drawing)


def objects(path: Path, drawing: Drawing) -> NDArray[np.uint8]:
    """Take every number or colour that is not background as foreground (1).

    Raises:
        DataError: JPEG, which blurs numbers.
    """
    if drawing.is_lossy:
        line = f"{path}: JPEG blurs the numbers of objects. Save the mask as PNG or TIFF."
        raise DataError([line])
    is_drawn = drawing.codes != 0
    if is_drawn.all() and drawing.indices is not None:
        is_drawn = drawing.indices != 0
    return np.asarray(is_drawn, np.uint8)


def _of_greys(path: Path, drawing: Drawing) -> NDArray[np.uint8]:
    levels = drawing.distinct[0]
    lowest, brightest = int(levels[0]), int(levels[-1])
    if brightest <= 1 and lowest >= 0:
        return drawing.codes.astype(np.uint8)
    full = 255 if brightest <= 255 else 65535
    shown = [int(level) for level in levels if level]
    if lowest < 0 or not full // 2 < brightest <= full:
        raise _unclear(path, shown, [])
    if len(levels) == 2 and lowest > full // 2:
        raise UnclearMaskError(path, "classes", shown)
    areas = _areas_between(drawing, full) if len(levels) > 2 else []
    if areas:
        raise _unclear(path, shown, areas)
    return np.asarray(drawing.codes > full // 2, np.uint8)


def _unclear(path: Path, levels: Sequence[int], areas: Sequence[int]) -> UnclearMaskError:
    """Few exact values as they are; of many, those that cover areas."""
    if len(levels) <= _FEW or not areas or len(areas) > _FEW:
        kind: Kind = kind_of(levels) if min(levels) > 0 else "picture"
        return UnclearMaskError(path, kind, levels)
    return UnclearMaskError(path, "softened", areas)


def _areas_between(drawing: Drawing, full: int) -> list[int]:
    """Return values neither dark nor bright that fill areas, not only edges."""
    levels, counts = drawing.distinct
    if len(levels) <= _FEW:
        return _few_between(drawing, levels, full)
    dark, bright = (LARGEST_NOISE * full) // 255, full - (LARGEST_NOISE * full) // 255
    areas = _dark_areas(drawing, dark)
    between = drawing.is_area & (drawing.codes > dark) & (drawing.codes < bright)
    solid, num_solid = np.unique(drawing.codes[between], return_counts=True)
    if num_solid.max(initial=0) >= max(9, _FEWEST_SOLID * drawing.codes.size):
        most = np.sort(num_solid)[::-1][:6].sum()
        if most >= 0.8 * num_solid.sum():
            areas += [int(v) for v in solid[num_solid >= 0.05 * num_solid.sum()]]
    if areas:
        areas += _bright_area(drawing, bright)
    is_between = (levels > dark) & (levels < bright)
    if not areas and counts[is_between].sum() >= counts[levels >= bright].sum() / 2:
        areas += _many_between(drawing, levels[is_between])
    return areas


def _bright_area(drawing: Drawing, bright: int) -> list[int]:
    """Return the value next to white that most pixels of an area have, if any is there."""
    levels, counts = np.unique(drawing.codes[drawing.codes >= bright], return_counts=True)
    return [int(levels[counts.argmax()])] if len(levels) else []


def _many_between(drawing: Drawing, levels: Values) -> list[int]:
    """Likewise, of a label map, in which most of what is drawn lies between dark and bright."""
    is_between = np.isin(drawing.codes, levels)
    is_drawn = is_between & drawing.is_solid
    return levels.tolist() if is_drawn.sum() >= max(9, 0.1 * is_between.sum()) else []


def _few_between(drawing: Drawing, levels: Values, full: int) -> list[int]:
    """Likewise, of a mask of few exact values, which small objects may be drawn with."""
    inner = levels[(levels != 0) & (levels != full)]
    is_noise = (inner < 8) | (inner > full - 8)
    if is_noise.all() and (inner > full - 8).any():  # the rest of a JPEG that was saved again
        return []
    is_inner = np.isin(drawing.codes, inner)
    has_area = bool((drawing.is_solid & is_inner).any())
    is_edge = drawing.is_transitional[is_inner]
    return inner.tolist() if has_area or is_edge.mean() < 0.5 else []


def _dark_areas(drawing: Drawing, dark: int) -> list[int]:
    """Return values next to 0 that stand out of their neighbours, as classes do among noise."""
    counts = np.bincount(np.clip(drawing.codes, 0, dark + 1).ravel(), minlength=dark + 2)
    fewest = 4 * _FEWEST_SOLID * drawing.codes.size
    return [
        value
        for value in range(1, dark)
        if counts[value] >= max(9, fewest)
        and counts[value] >= 4 * max(counts[value - 1] if value > 1 else 0, counts[value + 1])
        and (drawing.is_area & (drawing.codes == value)).any()
    ]


def _of_colours(path: Path, drawing: Drawing) -> NDArray[np.uint8]:
    codes, counts = drawing.distinct
    if len(codes) == 1:
        return np.asarray(drawing.grey > 127, np.uint8)
    if len(codes) == 2:
        background = _background_of_two(path, drawing)
        return np.asarray(drawing.codes != background, np.uint8)
    softened = _one_hue(drawing)
    if softened is not None:
        return _of_greys(path, softened)
    if len(codes) > _FEW:
        solid, counts = np.unique(drawing.codes[drawing.is_solid], return_counts=True)
        codes = solid.astype(np.int64)[counts >= max(9, _FEWEST_SOLID * drawing.codes.size)]
    drawn = [_colour(code) for code in codes if code]
    if len(drawn) > _MANY_COLOURS or len(drawn) < 2:
        raise UnclearMaskError(path, "picture", drawn)
    raise UnclearMaskError(path, "labels" if len(drawn) > _FEW else "classes", drawn)


def _background_of_two(path: Path, drawing: Drawing) -> int:
    """Code of the background: black, else the dark one of a dark and a bright colour."""
    codes = [int(code) for code in drawing.distinct[0]]
    if codes[0] == 0:
        return 0
    dark = [code for code in codes if max(_channels(code)) <= 127]
    if len(dark) != 1:
        raise UnclearMaskError(path, "classes", [_colour(code) for code in codes])
    first = None if drawing.indices is None else drawing.indices == 0
    if first is not None and first.any() and (drawing.codes[first] != dark[0]).any():
        raise UnclearMaskError(path, "classes", [_colour(code) for code in codes])
    return dark[0]


def _one_hue(drawing: Drawing) -> Drawing | None:
    """Return the greys of a mask in black and one colour with softened edges, brightened to 255."""
    codes, counts = drawing.distinct
    if codes[0] != 0:
        return None
    main = np.array(_channels(int(codes[1:][counts[1:].argmax()])))
    colours = np.stack([codes >> 16, (codes >> 8) & 255, codes & 255], axis=1)
    share = colours.max(axis=1, keepdims=True) / main.max()
    if np.abs(colours - share * main).max() > _SAME_HUE or share.max() > 1:
        return None
    return Drawing(np.rint(drawing.grey * (255 / main.max())).astype(np.uint8))


def _of_jpeg(path: Path, drawing: Drawing) -> NDArray[np.uint8]:
    """Cut in the middle, unless areas (not edges) are of other greys or of several colours."""
    grey = drawing.grey
    if drawing.values.ndim == 3 and np.ptp(drawing.values, axis=2).max() <= _GREY_SPREAD:
        drawing = Drawing(grey, is_lossy=True)
    if grey.max() <= LARGEST_NOISE:
        return np.zeros(grey.shape, np.uint8)
    is_grey = (grey > 64) & (grey < 192)
    if drawing.is_even(_EVEN).mean() < 0.5 and is_grey.mean() > _GREY_OF_A_PICTURE:
        raise UnclearMaskError(path, "picture", ())
    drawn = _areas_of_jpeg(drawing)
    is_plain = all(max(np.atleast_1d(level)) >= 192 for level in drawn) and len(drawn) < 2
    if grey.max() <= 127 or not is_plain:
        levels = [_end_of_range(level) for level in drawn] or [int(grey.max())]
        raise UnclearMaskError(path, "classes", levels, is_blurred=True)
    return np.asarray(grey > 127, np.uint8)


def _areas_of_jpeg(drawing: Drawing) -> list[Level]:
    """About which greys or colours, beside black and white, fill areas; nearly equal ones once."""
    channels = np.atleast_3d(drawing.values)
    solid = channels[drawing.is_area].astype(np.int64)  # (N, 1 or 3)
    solid = solid[solid.max(axis=1, initial=0) > _GREY_SPREAD]
    fewest = max(12, _FEWEST_SOLID * drawing.codes.size)
    found: list[NDArray[np.int64]] = []
    while len(solid) >= fewest:
        buckets, counts = np.unique(solid // 32, axis=0, return_counts=True)
        middle = buckets[counts.argmax()] * 32 + 16
        near = np.abs(solid - middle).max(axis=1) <= _GREY_SPREAD
        if near.sum() < fewest:
            break
        found.append(np.median(solid[near], axis=0).astype(np.int64))
        solid = solid[~near]
    return [int(c[0]) if np.ptp(c) <= _GREY_SPREAD else _colour_of(c) for c in found]


def _end_of_range(level: Level) -> Level:
    """Return what JPEG has made of a channel next to 0 or 255."""
    red, green, blue = (
        0 if channel <= LARGEST_NOISE else 255 if channel >= 255 - LARGEST_NOISE else channel
        for channel in (level if isinstance(level, tuple) else (level,) * 3)
    )
    return (red, green, blue) if isinstance(level, tuple) else red


def _channels(code: int) -> tuple[int, int, int]:
    return code >> 16, (code >> 8) & 255, code & 255


def _colour(code: int) -> Level:
    red, green, blue = _channels(int(code))
    return red if red == green == blue else (red, green, blue)


def _colour_of(channels: NDArray[np.int64]) -> Level:
    red, green, blue = (int(channel) for channel in channels)
    return red, green, blue
