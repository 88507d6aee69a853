"""What every tool's shapes become: outlines or runs of pixels, painted into an array.

A coordinate counts from the upper left corner of the upper left pixel, so that pixel (0, 0) reaches
from 0 to 1. A pixel is inside an outline if its centre is, to a fifth of a pixel.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from crosslevel.errors import InputError

Ring = NDArray[np.float64]
"""(N, 2) corners x, y; the last is joined to the first."""
Bits = NDArray[np.bool_]
Colour = tuple[int, int, int]
_FEWEST_CORNERS = 3
_DECIMALS = 4  # of corners in pixels that are written as shares
_FINE = 5  # points along a pixel's side


class Geometry(Protocol):
    """Which pixels a shape covers."""

    def paint(self, canvas: NDArray[np.uint8], value: int) -> None:
        """Set its pixels in an array (H, W)."""

    def content(self) -> bytes:
        """Return what decides its pixels."""


@dataclass(frozen=True, slots=True, eq=False)
class Outlines:
    """One object of one or more parts.

    Attributes:
        parts: Of each part its outline and then its holes.
        is_relative: Corners are shares (0…1) of the image's width and height, not pixels.
    """

    parts: tuple[tuple[Ring, ...], ...]
    is_relative: bool = False

    def paint(self, canvas: NDArray[np.uint8], value: int) -> None:
        """Set the pixels whose centre is in a part and in none of its holes."""
        for part in self.in_pixels(canvas.shape).parts:
            _fill(canvas, part, value)

    def in_pixels(self, size: tuple[int, ...]) -> Outlines:
        """Return the same in an image of this height and width, with corners in pixels."""
        if not self.is_relative:
            return self
        scale = np.array([size[1], size[0]])
        return Outlines(
            tuple(tuple((ring * scale).round(_DECIMALS) for ring in part) for part in self.parts)
        )

    def content(self) -> bytes:
        """Return all corners."""
        rings = [ring for part in self.parts for ring in (*part, np.full((1, 2), np.nan))]
        return bytes([self.is_relative]) + b"|".join(ring.tobytes() for ring in rings)


@dataclass(frozen=True, slots=True, eq=False)
class Runs:
    """Pixels of a box, counted: first those outside the object, then those inside, and so on.

    Attributes:
        counts: (N,) whole numbers; what they leave over is outside.
        box: Top, left, height and width.
        by_column: Columns are counted one after the other, as COCO does, not rows.
    """

    counts: NDArray[np.int64]
    box: tuple[int, int, int, int]
    by_column: bool = False

    def bits(self) -> Bits:
        """Return which pixels of the box are inside.

        Raises:
            InputError: More pixels are counted than the box has.
        """
        _, _, height, width = self.box
        total = int(self.counts.sum())
        if total > height * width or (self.counts < 0).any():
            raise InputError(
                f"its run lengths count {total} pixels, but its box of {width} x {height} has "
                f"{height * width}. Export it again."
            )
        inside = np.arange(len(self.counts)) % 2 == 1
        flat = np.zeros(height * width, np.bool_)
        flat[:total] = np.repeat(inside, self.counts)
        return flat.reshape(width, height).T if self.by_column else flat.reshape(height, width)

    def paint(self, canvas: NDArray[np.uint8], value: int) -> None:
        """Set the pixels that are inside; what lies outside the array is left out."""
        paint_bits(canvas, self.bits(), self.box[:2], value)

    def content(self) -> bytes:
        """Return counts and box."""
        return repr((self.box, self.by_column)).encode() + self.counts.tobytes()

    @classmethod
    def of(cls, bits: Bits, corner: tuple[int, int] = (0, 0), *, by_column: bool = False) -> Runs:
        """Count the pixels of a box whose top left corner (row, column) is given."""
        flat = (bits.T if by_column else bits).ravel()
        ends = np.flatnonzero(flat[1:] != flat[:-1]) + 1
        counts = np.diff(np.concatenate([[0], ends, [flat.size]])).astype(np.int64)
        if flat.size and flat[0]:
            counts = np.concatenate([[0], counts])
        height, width = bits.shape
        return cls(counts, (*corner, height, width), by_column)


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """One object with the name of its class.

    Attributes:
        label: The name.
        geometry: Its pixels.
        score: How sure a segmenter is of it (0…1), if one drew it.
    """

    label: str
    geometry: Geometry
    score: float | None = None

    def paint(self, canvas: NDArray[np.uint8], value: int) -> None:
        """Set its pixels in an array (H, W)."""
        self.geometry.paint(canvas, value)

    def content(self) -> bytes:
        """Return what decides its pixels."""
        return type(self.geometry).__name__.encode() + self.geometry.content()

    @property
    def single_ring(self) -> Ring | None:
        """Its outline in pixels, if it has one part and no hole, else None."""
        outlines = self.geometry
        if not isinstance(outlines, Outlines) or outlines.is_relative:
            return None
        is_single = [len(part) for part in outlines.parts] == [1]
        return outlines.parts[0][0] if is_single else None

    def bits(self, size: tuple[int, int]) -> Bits:
        """Return its pixels in an image of this height and width."""
        canvas = np.zeros(size, np.uint8)
        self.paint(canvas, 1)
        return canvas.astype(np.bool_)


def paint_bits(canvas: NDArray[np.uint8], bits: Bits, corner: Sequence[int], value: int) -> None:
    """Set pixels of a box whose top left corner (row, column) is given, where they are inside."""
    (top, left), (height, width) = corner, bits.shape
    first_row, first_column = max(0, top), max(0, left)
    part = canvas[first_row : max(0, top + height), first_column : max(0, left + width)]
    inside = bits[first_row - top :, first_column - left :][: part.shape[0], : part.shape[1]]
    part[inside] = value


def cropped(bits: Bits) -> tuple[Bits, tuple[int, int]]:
    """Return the smallest box of pixels with all that are inside, and its top left corner."""
    rows, columns = np.flatnonzero(bits.any(axis=1)), np.flatnonzero(bits.any(axis=0))
    if not len(rows):
        return bits[:0, :0], (0, 0)
    top, left = int(rows[0]), int(columns[0])
    return bits[top : int(rows[-1]) + 1, left : int(columns[-1]) + 1], (top, left)


def ring_of(numbers: Iterable[object]) -> Ring | None:
    """Return an outline from x, y, x, y, …; None for fewer than three corners.

    Raises:
        InputError: These are not pairs of finite numbers.
    """
    try:
        flat = np.array(list(numbers), np.float64)
    except (TypeError, ValueError):
        flat = np.full(1, np.nan)
    if flat.ndim != 1 or len(flat) % 2 or not np.isfinite(flat).all():
        raise InputError("its outline is not a list of pairs of numbers. Export it again.")
    return flat.reshape(-1, 2) if len(flat) >= 2 * _FEWEST_CORNERS else None


def rectangle(left: float, top: float, right: float, bottom: float) -> Ring:
    """Return the outline of a rectangle, whichever of its corners come first."""
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float64)


def ellipse(centre: Sequence[float], radii: Sequence[float], degrees: float = 0.0) -> Ring:
    """Return the outline of an ellipse, at most a tenth of a pixel from it.

    Args:
        centre: x and y.
        radii: Along x and along y, before it is turned.
        degrees: Clockwise, as images are looked at.
    """
    largest = max(1.0, *map(abs, radii))
    count = int(np.ceil(np.pi / np.arccos(1 - 0.1 / largest))) + 8
    turn, angles = np.deg2rad(degrees), np.arange(count) * 2 * np.pi / count
    x, y = radii[0] * np.cos(angles), radii[1] * np.sin(angles)
    around = [x * np.cos(turn) - y * np.sin(turn), x * np.sin(turn) + y * np.cos(turn)]
    return np.stack(around, axis=1) + np.asarray(centre, np.float64)


def _fill(canvas: NDArray[np.uint8], rings: Sequence[Ring], value: int) -> None:
    """Set the pixels that an odd number of the outlines' sides lies above.

    Sides are drawn on a grid five times as fine, and columns are cut at their middle: the rule of
    COCO's own reader, to which CVAT and others convert, so that masks are theirs to the pixel.
    """
    height, width = canvas.shape
    limits = np.array([width, height])
    u, v, is_start = _walk([np.clip(ring, -limits, 2 * limits) for ring in rings])
    steps = np.flatnonzero((u[1:] != u[:-1]) & ~is_start[1:]) + 1
    fine = np.where(u[steps] < u[steps - 1], u[steps], u[steps] - 1)
    is_middle = (fine % _FINE == _FINE // 2) & (fine >= 0) & (fine < width * _FINE)
    steps, column = steps[is_middle], fine[is_middle] // _FINE
    if not len(steps):
        return
    above = (np.minimum(v[steps], v[steps - 1]) + 0.5) / _FINE - 0.5
    row = np.ceil(np.clip(above, 0, height)).astype(np.int64)
    low, left = int(row.min()), int(column.min())
    crossings = np.zeros((int(row.max()) + 1 - low, int(column.max()) + 1 - left), np.int32)
    np.add.at(crossings, (row - low, column - left), 1)
    inside = np.cumsum(crossings, axis=0) % 2 == 1
    paint_bits(canvas, inside, (low, left), value)


def _walk(rings: Sequence[Ring]) -> tuple[NDArray[np.int64], NDArray[np.int64], Bits]:
    """Return the points x, y of the fine grid along all sides, and which begin an outline."""
    start = _on_grid(np.concatenate(rings))
    end = _on_grid(np.concatenate([np.roll(ring, -1, axis=0) for ring in rings]))
    across, down = np.abs(end - start).T
    is_flat = across >= down
    is_flipped = np.where(is_flat, start[:, 0] > end[:, 0], start[:, 1] > end[:, 1])
    first = np.where(is_flipped[:, None], end, start)
    last = np.where(is_flipped[:, None], start, end)
    length = np.maximum(across, down)
    side = np.repeat(np.arange(len(start)), length + 1)
    place = np.arange(len(side)) - np.repeat(np.cumsum(length + 1) - (length + 1), length + 1)
    step = np.where(is_flipped[side], length[side] - place, place)
    rise = np.where(is_flat, last[:, 1] - first[:, 1], last[:, 0] - first[:, 0])
    slope = (rise / np.maximum(length, 1))[side]
    other = np.where(is_flat, first[:, 1], first[:, 0])[side]
    rounded = np.trunc(other + slope * step + 0.5).astype(np.int64)
    main = np.where(is_flat, first[:, 0], first[:, 1])[side] + step
    is_start = np.zeros(len(side), np.bool_)
    starts = np.cumsum([0, *(len(ring) for ring in rings[:-1])])
    is_start[(np.cumsum(length + 1) - (length + 1))[starts]] = True
    flat = is_flat[side]
    return np.where(flat, main, rounded), np.where(flat, rounded, main), is_start


def _on_grid(corners: Ring) -> NDArray[np.int64]:
    return np.trunc(_FINE * corners + 0.5).astype(np.int64)
