"""Generated lesion images, for `make demo` and for every test: no download, no patient data.

A lesion differs from its surroundings by texture and smoothness, not by its mean colour, which is
matched to the ring of tissue around it. That is the situation the method was made for: "local
attributes such as texture, luster and smoothness are very important factors" (Zhao et al.,
*Cross-level contrastive learning and consistency constraint*, ISBI 2022, abstract). Half of the
images look like endoscopy (a smooth lesion in grainy mucosa), half like dermoscopy (a mottled
lesion in finer skin). Every field is drawn on a grid of fixed resolution and then enlarged, so an
image of one seed shows the same scene at every size.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from crosslevel.errors import InputError

Field = NDArray[np.float32]

MIN_SIZE = 32
MIN_AREA, MAX_AREA = 0.02, 0.35
"""Smallest and largest lesion area, as a fraction of the image."""
STRONG, WEAK = (0.045, 0.09), (0.15, 0.38)
"""Amplitude of the stronger texture, and the weaker one relative to it: the difficulty."""
HAIR_SUPERSAMPLING = 3


@dataclass(frozen=True, slots=True)
class _Style:
    """What an image shows: two colours of tissue, and the grain that tells the lesion apart.

    Grains are counted in grid cells across the image; `is_smooth` says whether the lesion has the
    weaker texture or the stronger one.
    """

    colours: tuple[tuple[float, float, float], tuple[float, float, float]]
    tissue_grain: int
    lesion_grain: int
    is_smooth: bool
    has_hairs: bool


_BLOOD = np.array((0.55, 1.15, 1.0), dtype=np.float32)
"""How much of red, green and blue light blood and pigment take away, relative to each other."""

_STYLES = (
    _Style(((0.80, 0.46, 0.36), (0.62, 0.26, 0.24)), 40, 12, is_smooth=True, has_hairs=False),
    _Style(((0.64, 0.57, 0.64), (0.46, 0.38, 0.52)), 46, 24, is_smooth=False, has_hairs=False),
    _Style(((0.86, 0.68, 0.58), (0.66, 0.50, 0.44)), 52, 30, is_smooth=False, has_hairs=True),
    _Style(((0.60, 0.43, 0.34), (0.46, 0.31, 0.25)), 34, 14, is_smooth=True, has_hairs=True),
)
"""Mucosa with a smooth polyp, dyed mucosa with a villous one, a mottled naevus, a smooth plaque."""


def make_lesion(rng: np.random.Generator, size: int) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Draw one image with one or two lesions.

    Args:
        rng: Source of all randomness.
        size: Height and width in pixels, at least 32.

    Returns:
        The (size, size, 3) image and the (size, size) mask, true inside a lesion.

    Raises:
        InputError: If `size` is below 32.

    Example:
        >>> image, mask = make_lesion(np.random.default_rng(0), 64)
        >>> image.shape, mask.shape, bool(mask.any())
        ((64, 64, 3), (64, 64), True)
    """
    if size < MIN_SIZE:
        raise InputError(f"size must be at least {MIN_SIZE} pixels, got {size}")
    style = _STYLES[rng.integers(len(_STYLES))]
    distance = _lesions(rng, size)
    alpha = _soft_inside(distance, rng.uniform(0.06, 0.16))
    image = _tissue_colour(rng, size, style) * _shading(rng, size, alpha)[..., None]
    image += _textures(rng, size, style, alpha)[..., None]
    _match_mean_colour(image, distance, alpha)
    image = _clutter(rng, image, style)
    image += 0.012 * rng.standard_normal(image.shape, dtype=np.float32)
    return (image.clip(0, 1) * 255).round().astype(np.uint8), distance < 1


def write_synthetic(
    folder: Path, num_images: int, *, size: int = 160, masks: int | None = None, seed: int = 0
) -> Path:
    """Write `images/lesion_0000.jpg`, … and `masks/lesion_0000.png`, … (0 or 255).

    Image i depends on (seed, i, size) alone: a larger set begins with the smaller one.

    Args:
        folder: Where `images/` and `masks/` go; made if it is missing.
        num_images: How many images.
        size: Height and width in pixels, at least 32.
        masks: How many images get a mask, counted from the first; None for all.
        seed: Seed of the whole set, not negative.

    Returns:
        `folder`.

    Raises:
        InputError: If an argument is out of range, or `images/` or `masks/` holds files that are
            not of this set (they would be taken for part of it).
    """
    num_masks = num_images if masks is None else masks
    if num_images < 1 or not 0 <= num_masks <= num_images or seed < 0:
        raise InputError(
            "expected num_images >= 1, 0 <= masks <= num_images and seed >= 0, "
            f"got num_images={num_images}, masks={masks}, seed={seed}"
        )
    names = [f"lesion_{index:04d}" for index in range(num_images)]
    _prepare(folder / "images", {f"{name}.jpg" for name in names})
    _prepare(folder / "masks", {f"{name}.png" for name in names[:num_masks]})
    for index, name in enumerate(names):
        image, mask = make_lesion(np.random.default_rng((seed, index)), size)
        Image.fromarray(image).save(folder / "images" / f"{name}.jpg", quality=95, subsampling=0)
        if index < num_masks:
            Image.fromarray(mask.astype(np.uint8) * 255).save(folder / "masks" / f"{name}.png")
    return folder


def _prepare(folder: Path, expected: set[str]) -> None:
    if not expected and not folder.exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    strangers = sorted(path.name for path in folder.iterdir() if path.name not in expected)
    if strangers:
        raise InputError(
            f"{folder}: holds {len(strangers)} file(s) that are not of this set, "
            f"such as {strangers[0]}; choose an empty folder"
        )


def _noise(rng: np.random.Generator, size: int, cells: int) -> Field:
    """Smooth noise (size, size) of mean 0 and deviation 1 with `cells` bumps along an axis."""
    grid = Image.fromarray(rng.standard_normal((cells, cells), dtype=np.float32))
    field = np.asarray(grid.resize((size, size), Image.Resampling.BICUBIC))
    return np.asarray((field - field.mean()) / (field.std() + 1e-6), dtype=np.float32)


def _axes(size: int) -> tuple[Field, Field]:
    """Return rows (size, 1) and columns (1, size), both from -1 to 1 over the image."""
    line = (np.arange(size, dtype=np.float32) + 0.5) * (2 / size) - 1
    return line[:, None], line[None, :]


def _lesions(rng: np.random.Generator, size: int) -> Field:
    """Relative distance to the centre of the nearest lesion; below 1 inside."""
    area = math.exp(rng.uniform(math.log(1.1 * MIN_AREA), math.log(MAX_AREA)))
    if rng.random() < 0.8 or area < 3 * MIN_AREA:
        return _blob(rng, size, area)
    share = rng.uniform(0.35, 0.65)
    return np.minimum(_blob(rng, size, area * share), _blob(rng, size, area * (1 - share)))


def _blob(rng: np.random.Generator, size: int, area: float) -> Field:
    """Return an ellipse with a wavy outline that covers `area` (a fraction) of the image."""
    orders = np.arange(2, 7)
    waves = rng.normal(0, 0.36, len(orders)) / orders
    phases = rng.uniform(0, 2 * math.pi, len(orders))
    aspect = rng.uniform(0.6, 1.0)
    radius = math.sqrt(4 * area / (math.pi * aspect * (1 + float(waves @ waves) / 2)))
    reach = max(0.0, 0.95 - radius)
    (row, column), turn = rng.uniform(-reach, reach, 2), rng.uniform(0, math.pi)
    rows, columns = _axes(size)
    along = (columns - column) * math.cos(turn) + (rows - row) * math.sin(turn)
    across = ((rows - row) * math.cos(turn) - (columns - column) * math.sin(turn)) / aspect
    angle = np.arctan2(across, along)
    outline = np.ones_like(angle)
    for order, wave, phase in zip(orders, waves, phases, strict=True):
        outline += wave * np.cos(order * angle + phase)
    distance = np.hypot(along, across) / (radius * np.maximum(outline, 0.3))
    return np.asarray(distance, dtype=np.float32)


def _soft_inside(distance: Field, softness: float) -> Field:
    """Return 1 well inside, 0 well outside, 0.5 on the outline."""
    ramp = ((1 - distance) / (2 * softness) + 0.5).clip(0, 1)
    return np.asarray(ramp * ramp * (3 - 2 * ramp), dtype=np.float32)


def _tissue_colour(rng: np.random.Generator, size: int, style: _Style) -> Field:
    """Colour without light: a mix of the two colours that drifts, and patches that mislead."""
    first, second = (np.array(c, dtype=np.float32) for c in style.colours)
    mix = (rng.uniform(0.1, 0.9) + 0.18 * _noise(rng, size, 3)).clip(0, 1)[..., None]
    tint = 1 + rng.normal(0, 0.07, 3).astype(np.float32)
    colour = (first * mix + second * (1 - mix)) * tint
    for _ in range(rng.integers(1, 4)):
        stain = _soft_inside(_blob(rng, size, rng.uniform(0.02, 0.15)), rng.uniform(0.1, 0.4))
        shift = rng.normal(-0.03, 0.07) * _BLOOD + rng.normal(0, 0.012, 3)
        colour += stain[..., None] * shift.clip(-0.16, 0.12).astype(np.float32)
    return np.asarray(colour, dtype=np.float32)


def _shading(rng: np.random.Generator, size: int, alpha: Field) -> Field:
    """Light: uneven illumination, folds, a vignette and a faint relief of the lesion."""
    rows, columns = _axes(size)
    turn = rng.uniform(0, 2 * math.pi)
    toward = rows * math.sin(turn) + columns * math.cos(turn)
    folds = np.sin(2 * math.pi * (rng.uniform(0.4, 1.1) * toward + 0.25 * _noise(rng, size, 3)))
    vignette = np.maximum(rows**2 + columns**2 - rng.uniform(0.4, 0.9), 0)
    drop_row, drop_column = np.gradient(alpha, 2 / size)
    relief = drop_row * math.sin(turn) + drop_column * math.cos(turn)
    relief *= rng.uniform(0, 0.10) / np.abs(relief).max()
    light = 1 + 0.07 * _noise(rng, size, 4) + rng.uniform(0, 0.10) * folds + relief
    return np.asarray(light - rng.uniform(0.1, 0.4) * vignette, dtype=np.float32).clip(0.15, 1.3)


def _textures(rng: np.random.Generator, size: int, style: _Style, alpha: Field) -> Field:
    """Return the tissue's texture, which gives way to the lesion's: the one reliable cue."""
    strong = math.exp(rng.uniform(math.log(STRONG[0]), math.log(STRONG[1])))
    weak = strong * rng.uniform(*WEAK)
    scale = rng.uniform(0.75, 1.3)
    tissue = _grain(rng, size, style.tissue_grain * scale) * (strong if style.is_smooth else weak)
    lesion = _grain(rng, size, style.lesion_grain * scale) * (weak if style.is_smooth else strong)
    return np.asarray(tissue * (1 - alpha) + lesion * alpha, dtype=np.float32)


def _grain(rng: np.random.Generator, size: int, cells: float) -> Field:
    coarse, fine = (_noise(rng, size, round(count)) for count in (cells, 2 * cells))
    return np.asarray(np.tanh(coarse) + 0.4 * fine, dtype=np.float32)


def _match_mean_colour(image: Field, distance: Field, alpha: Field) -> None:
    """Shift the lesion, in place, to the mean colour of the ring around it."""
    inside, ring = distance < 1, (distance >= 1) & (distance < 1.5)
    if ring.any():
        image += alpha[..., None] * (image[ring].mean(axis=0) - image[inside].mean(axis=0))


def _clutter(rng: np.random.Generator, image: Field, style: _Style) -> Field:
    """Vessels and wet highlights, or hairs: all of it strewn without regard to the lesion."""
    size = len(image)
    if style.has_hairs:
        hairs = _hairs(rng, size, num_hairs=int(rng.integers(0, 7)))
        return image * (1 - hairs * rng.uniform(0.4, 0.8))[..., None]
    vessels = np.exp(-((_noise(rng, size, 6) / 0.06) ** 2)) * (_noise(rng, size, 4) > 0)
    image = image - vessels[..., None] * 0.09 * _BLOOD
    spots = _noise(rng, size, 26) + 0.8 * _noise(rng, size, 4)
    gloss = ((spots - np.quantile(spots, rng.uniform(0.97, 0.998))) / 0.35).clip(0, 1)[..., None]
    return np.asarray(image * (1 - 0.9 * gloss) + 0.88 * gloss, dtype=np.float32)


def _hairs(rng: np.random.Generator, size: int, num_hairs: int) -> Field:
    """Cover (size, size) of thin arcs that cross the image, from 0 to 1."""
    side = size * HAIR_SUPERSAMPLING
    canvas = Image.new("L", (side, side))
    draw = ImageDraw.Draw(canvas)
    for points in _arcs(rng, num_hairs):
        draw.line([(x * side, y * side) for x, y in points], fill=255, width=max(1, side // 130))
    cover = np.asarray(canvas.reduce(HAIR_SUPERSAMPLING), dtype=np.float32)
    return cover / np.float32(255)


def _arcs(rng: np.random.Generator, num_arcs: int) -> Iterator[NDArray[np.float64]]:
    """Quadratic curves of (x, y) points, in fractions of the image."""
    time = np.linspace(0, 1, 16)[:, None]
    for _ in range(num_arcs):
        start, end = rng.uniform(-0.3, 1.3, (2, 2))
        bend = (start + end) / 2 + rng.normal(0, 0.15, 2)
        yield (1 - time) ** 2 * start + 2 * time * (1 - time) * bend + time**2 * end
