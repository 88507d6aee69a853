"""One mask file in, one array of class indices out.

What a file's numbers are is read in `drawing`; what they mean without named classes is decided in
`foreground`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from crosslevel.data.formats.drawing import Drawing, Values, read_drawing
from crosslevel.data.formats.foreground import LARGEST_NOISE, foreground, objects
from crosslevel.data.formats.unclear import Level, sort_levels
from crosslevel.errors import DataError
from crosslevel.types import IGNORED, Classes, MaskFiles, UnitedMasks

_FEW = 16  # distinct values


@dataclass(frozen=True, slots=True)
class MaskContent:
    """What a mask file holds.

    Attributes:
        indices: (H, W) class indices, `IGNORED` where pixels count nowhere.
        drawn: How it is drawn, in words.
        levels: The values or colours it is drawn with but for 0, if they are few.
        between: Of a binary mask, the share (0…1) drawn neither dark nor bright: small at softened
            edges, large in a photograph.
        unnamed: Values and colours of no class, each with the share of the pixels it covers.
        is_turned: The file says that its pixels do not lie upright.
        softened: Share of pixels at softened edges, which took the class of the nearest pixel.
    """

    indices: NDArray[np.uint8]
    drawn: str = ""
    levels: tuple[Level, ...] = ()
    between: float = 0.0
    unnamed: dict[Level, float] = field(default_factory=dict)
    softened: float = 0.0
    is_turned: bool = False


def inspect_mask(
    source: MaskFiles, classes: Classes, frame: int | None = None, axis: int = 2
) -> MaskContent:
    """Read any mask as class indices, upright; what is fully transparent is background.

    A binary mask may be drawn in 0/1 or 0/255, in grey, in one colour on black, with a palette (by
    its colours), 1 or 16 bits, with softened edges or blurred by JPEG. Anything else needs
    `classes`: whole numbers are grey values (or entries of a coloured palette), triples RGB
    colours. In JPEG files, whose values are blurred, each pixel takes the nearest class.

    Args:
        source: A file of any known kind, or several of which each holds one object.
        classes: Empty for a binary mask, else the value or colour of each class.
        frame: Which page, frame or slice, where the file has several.
        axis: Across which axis of a volume its slices lie.

    Returns:
        The class indices, and what else is to be known of the file.

    Raises:
        DataError: The file cannot be read.
        UnclearMaskError: Its values do not say what is foreground.
    """
    if isinstance(source, UnitedMasks):
        return _united(source, classes, frame, axis)
    return _inspect_file(source, classes, frame, axis)


def _united(source: UnitedMasks, classes: Classes, frame: int | None, axis: int) -> MaskContent:
    """All objects together; they share no pixel, unless somebody says that they are objects."""
    first, *others = source.files
    united = _inspect_file(first, classes, frame, axis)
    indices = united.indices.copy()
    for file in others:
        content = _inspect_file(file, classes, frame, axis)
        if content.indices.shape != indices.shape:
            line = f"{file}: not of the size of {first}, its image's other mask."
            raise DataError([line])
        shared = int(((content.indices > 0) & (indices > 0)).sum())
        if shared and not classes.instances:
            line = (
                f"{file}: shares {shared} pixels with other masks of its image (the first is "
                f"{first}), which masks of separate objects do not. Keep one of them, or unite "
                f"them by --instances."
            )
            raise DataError([line])
        indices = np.maximum(indices, content.indices)
        united = replace(united, levels=tuple(sort_levels([*united.levels, *content.levels])))
    return replace(united, indices=indices, drawn=f"{united.drawn}, in a file for each object")


def _inspect_file(path: Path, classes: Classes, frame: int | None, axis: int) -> MaskContent:
    drawing = read_drawing(path, frame, axis)
    content = _with_classes(drawing, classes) if classes.values else _binary(path, drawing, classes)
    return replace(content, is_turned=drawing.is_turned)


def _binary(path: Path, drawing: Drawing, classes: Classes) -> MaskContent:
    ignored = None
    if classes.ignore is not None:
        if drawing.is_lossy:
            raise DataError([f"{path}: JPEG blurs the value to ignore. Save it as PNG or TIFF."])
        ignored = _equal(drawing, classes.ignore, by_index=_is_by_index(drawing, classes))
        drawing = _without(drawing, ignored)
    read = objects if classes.instances else foreground
    indices = read(path, drawing)
    if ignored is not None:
        indices[ignored] = IGNORED
    levels = () if drawing.is_lossy else _few_levels(drawing)
    drawn = "in JPEG, with blurred edges" if drawing.is_lossy else _in_words(levels, drawing)
    return MaskContent(indices, drawn, levels, _share_between(drawing.grey))


def _few_levels(drawing: Drawing) -> tuple[Level, ...]:
    """Return what it is drawn with beside 0; nothing if that is much, as at softened edges."""
    codes = drawing.distinct[0]
    is_colour = drawing.values.ndim == 3
    few = codes if len(codes) <= _FEW else codes[:0]
    return tuple(_level(int(code), is_colour=is_colour) for code in few if code)


def _in_words(levels: Sequence[Level], drawing: Drawing) -> str:
    if not levels:
        return "with softened edges" if drawing.codes.any() else "all black"
    if len(levels) > 1:
        return "in a few values"
    return f"in {levels[0]} on 0"


def _with_classes(drawing: Drawing, classes: Classes) -> MaskContent:
    if drawing.is_lossy:
        return MaskContent(_nearest_class(drawing, classes))
    by_index = _is_by_index(drawing, classes)
    indices = np.zeros(drawing.shape, np.uint8)
    is_named = drawing.codes == 0
    for index, value in [*enumerate(classes.values.values(), start=1), (IGNORED, classes.ignore)]:
        if value is not None:
            found = _equal(drawing, value, by_index=by_index)
            indices[found] = index
            is_named |= found
    if is_named.all():
        return MaskContent(indices)
    return _with_unnamed(drawing, indices, ~is_named, by_index=by_index)


def _with_unnamed(
    drawing: Drawing, indices: NDArray[np.uint8], unnamed: NDArray[np.bool_], *, by_index: bool
) -> MaskContent:
    """Softened edges take the class of the nearest pixel; areas of other values are background."""
    codes = drawing.indices if by_index and drawing.indices is not None else drawing.codes
    values, counts = np.unique(codes[unnamed], return_counts=True)
    are_areas = np.isin(values, codes[unnamed & drawing.is_solid])
    if len(values) <= 2 or (len(values) <= _FEW and drawing.is_transitional[unnamed].mean() < 0.5):
        are_areas[:] = True
    areas = np.isin(codes, values[are_areas]) & unnamed
    edges = unnamed & ~areas
    if edges.any():  # on which a value that has a name is met by chance, too
        edges |= drawing.is_transitional & ~areas
        nearest = distance_transform_edt(edges, return_distances=False, return_indices=True)
        indices = indices[tuple(nearest)]
    shares = counts[are_areas] / unnamed.size
    is_colour = drawing.values.ndim == 3 and codes is drawing.codes
    found = {
        _level(int(value), is_colour=is_colour): float(share)
        for value, share in zip(values[are_areas], shares, strict=True)
    }
    return MaskContent(indices, unnamed=found, softened=float(edges.mean()))


def _is_by_index(drawing: Drawing, classes: Classes) -> bool:
    """Return whether classes are entries of the palette: in colours, or if only they fit."""
    if drawing.indices is None:
        return False
    if drawing.values.ndim == 3:
        return True
    known = {0, classes.ignore, *classes.values.values()}
    fits = [set(np.unique(found).tolist()) <= known for found in (drawing.codes, drawing.indices)]
    return not fits[0] and fits[1]


def _equal(drawing: Drawing, value: Level, *, by_index: bool) -> NDArray[np.bool_]:
    if isinstance(value, int) and by_index and drawing.indices is not None:
        return np.asarray(drawing.indices == value)
    red, green, blue = (value,) * 3 if isinstance(value, int) else value
    if drawing.values.ndim == 3:
        code = (red << 16) | (green << 8) | blue if max(red, green, blue) <= 255 else -1
        return np.asarray(drawing.codes == code)
    if not red == green == blue:
        return np.zeros(drawing.shape, np.bool_)
    return np.asarray(drawing.codes == red)


def _without(drawing: Drawing, pixels: NDArray[np.bool_]) -> Drawing:
    """Return the same with these pixels drawn as background."""
    where = pixels if drawing.values.ndim == 2 else pixels[:, :, None]
    indices = None if drawing.indices is None else np.where(pixels, 0, drawing.indices)
    return Drawing(np.where(where, 0, drawing.values), indices, drawing.is_lossy)


def _share_between(grey: Values) -> float:
    """Return the share of pixels in the middle half of the range that the brightest reveals."""
    brightest = int(grey.max())
    if brightest <= LARGEST_NOISE:
        return 0.0
    full = 255 if brightest <= 255 else 65535
    return float(((grey > full // 4) & (grey < full - full // 4)).mean())


def _nearest_class(drawing: Drawing, classes: Classes) -> NDArray[np.uint8]:
    """Index of the class each pixel of a JPEG is nearest to."""
    channels = np.atleast_3d(drawing.values).astype(np.int32)
    index_of = {0: 0} | {v: i for i, v in enumerate(classes.values.values(), start=1)}
    if classes.ignore is not None:
        index_of[classes.ignore] = IGNORED
    distances = [np.abs(channels - np.asarray(value)).max(axis=2) for value in index_of]
    nearest = np.stack(distances).argmin(axis=0)
    indices = np.array(list(index_of.values()), np.uint8)
    return np.asarray(indices[nearest])


def _level(code: int, *, is_colour: bool) -> Level:
    return (code >> 16, (code >> 8) & 255, code & 255) if is_colour else code
