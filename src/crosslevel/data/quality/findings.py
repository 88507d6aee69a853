"""What opening each file gives: one pass over images, one over the masks that may be opened."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from crosslevel.data.formats.readers import read_hashed_picture
from crosslevel.data.formats.unclear import Level, UnclearMaskError
from crosslevel.data.intensity import Levels, choose_window, kind_of, measure, to_rgb
from crosslevel.data.quality.bad_files import BadFile
from crosslevel.data.quality.duplicates import SIDE, look_alikes, thumbnail
from crosslevel.data.quality.objects import NONE, Objects, count_objects
from crosslevel.data.reading import inspect_mask
from crosslevel.errors import DataError
from crosslevel.system.threads import map_files
from crosslevel.types import IGNORED, Case, Classes, Reading

_BY_ITSELF = Reading()
LARGE = 0.2
"""Share of a mask that its foreground covers, if it may be a field of view."""
_NEAR_END = 15  # grey values that JPEG makes of black or white
_FEWEST_OF_EACH, _NEARLY_ALL = 0.01, 0.99  # shares of the pixels
DEFAULT_SIZE = 256
"""Of a `TrainConfig`, in pixels."""


@dataclass(frozen=True, slots=True)
class ImageFinding:
    """Of one readable image.

    Attributes:
        digest: Hash of its content.
        size: Height and width.
        thumbnail: To compare it with others.
        levels: Its values, if it is deeper than 8 bits.
        orientation: How its pixels lie in the file, by EXIF's number; 1 is upright.
        is_like_a_mask: It is black and white alone.
        kind: How deep its pixels are, and grey or in colours, in words.
    """

    digest: str
    size: tuple[int, int]
    thumbnail: NDArray[np.uint8]
    levels: Levels | None = None
    orientation: int = 1
    is_like_a_mask: bool = False
    kind: str = ""


@dataclass(frozen=True, slots=True)
class MaskFinding:
    """Of one readable mask, shares (0…1) of its pixels.

    Attributes:
        path: The mask.
        shares: Of background and of each class.
        border: Foreground among the outermost pixels.
        between: Neither dark nor bright.
        ignored: Counted nowhere; the other shares are of the rest.
        softened: At softened edges.
        drawn: How it is drawn, in words.
        levels: What a binary mask is drawn with, beside 0.
        unnamed: Values and colours of no class, with the share of each.
        is_turned: The file says that its pixels do not lie upright.
        objects: Its connected areas, and which vanish when it is resized.
        outline: Where its foreground is, (SIDE, SIDE) in 0…255, if that is large.
    """

    path: Path
    shares: tuple[float, ...]
    border: float
    between: float
    ignored: float = 0.0
    softened: float = 0.0
    drawn: str = ""
    levels: tuple[Level, ...] = ()
    unnamed: dict[Level, float] = field(default_factory=dict)
    is_turned: bool = False
    objects: Objects = NONE
    outline: NDArray[np.uint8] | None = None


@dataclass(frozen=True, slots=True)
class Findings:
    """By case id, what was found; cases whose files cannot be used are in `bad_files`.

    Masks whose values do not say what is foreground are in `unclear`: only all of them together
    show what they mean.
    """

    images: dict[str, ImageFinding] = field(default_factory=dict)
    masks: dict[str, MaskFinding] = field(default_factory=dict)
    unclear: dict[str, UnclearMaskError] = field(default_factory=dict)
    bad_files: list[BadFile] = field(default_factory=list)

    @property
    def problems(self) -> list[str]:
        """One line for each bad file."""
        return [bad.problem for bad in self.bad_files]

    @property
    def hashes(self) -> dict[str, str]:
        """By case id, SHA-256 of the image file."""
        return {case_id: image.digest for case_id, image in self.images.items()}

    def look_alikes(self) -> list[list[str]]:
        """Sets of ids whose images show the same picture in different bytes (or in equal ones)."""
        ids = list(self.images)
        thumbnails = [self.images[case_id].thumbnail for case_id in ids]
        stack = np.stack([np.zeros((SIDE, SIDE, 3), np.uint8), *thumbnails])[1:]
        return [[ids[index] for index in indices] for indices in look_alikes(stack)]


def examine_images(
    cases: Sequence[Case],
    progress: Callable[[], object] | None = None,
    reading: Reading = _BY_ITSELF,
) -> Findings:
    """Decode every image; `progress` is called after each."""
    found = Findings()

    def examine(case: Case) -> ImageFinding | list[BadFile]:
        return _examine_image(case, reading)

    for case, result in zip(cases, map_files(examine, cases), strict=True):
        if isinstance(result, ImageFinding):
            found.images[case.id] = result
        else:
            found.bad_files.extend(result)
        if progress:
            progress()
    return found


def examine_masks(
    found: Findings,
    cases: Iterable[Case],
    classes: Classes,
    only: Collection[str] | None = None,
    axis: int = 2,
    size: int = DEFAULT_SIZE,
) -> Findings:
    """As found before, with the masks of these cases.

    Args:
        found: Of their images.
        cases: The data set.
        classes: How masks are read.
        only: Ids of the cases whose masks may be opened; None for all of them.
        axis: Across which axis of a volume its slices lie.
        size: Side in pixels to which the training resizes them.
    """
    allowed = None if only is None else frozenset(only)
    masked = [c for c in cases if c.mask and (allowed is None or c.id in allowed)]
    masks, unclear, bad_files = dict(found.masks), dict(found.unclear), list(found.bad_files)

    def examine(case: Case) -> MaskFinding | UnclearMaskError | list[BadFile]:
        return _examine_mask(case, classes, found.images.get(case.id), axis, size)

    for case, result in zip(masked, map_files(examine, masked), strict=True):
        if isinstance(result, MaskFinding):
            masks[case.id] = result
        elif isinstance(result, UnclearMaskError):
            unclear[case.id] = result
        else:
            bad_files.extend(result)
    return replace(found, masks=masks, unclear=unclear, bad_files=bad_files)


def _examine_image(case: Case, reading: Reading) -> ImageFinding | list[BadFile]:
    try:
        picture, digest = read_hashed_picture(case.image, case.frame, reading.axis)
        levels = measure(case.image, picture, reading)
        if levels and reading.window == "auto":
            own = levels.window or choose_window([levels], per_channel=bool(reading.channels))
            reading = replace(reading, window=own)
        image = to_rgb(case.image, picture, reading)
    except DataError as error:
        return [BadFile(case.image, problem, case.id) for problem in error.problems]
    return ImageFinding(
        digest=digest,
        size=(image.shape[0], image.shape[1]),
        thumbnail=thumbnail(image),
        levels=levels,
        orientation=picture.orientation,
        is_like_a_mask=_is_like_a_mask(image),
        kind=_kind(picture.pixels),
    )


def _kind(pixels: NDArray[Any]) -> str:
    """Return depth and colours; three equal channels are grey."""
    depth = kind_of(pixels.dtype)
    if pixels.ndim == 2 or (pixels == pixels[..., :1]).all():
        return f"{depth} grey"
    return f"{depth} colour" if pixels.shape[2] == 3 else f"{depth} of {pixels.shape[2]} channels"


def _is_like_a_mask(image: NDArray[np.uint8]) -> bool:
    """Tell from every fourth pixel whether an image (H, W, 3) is black and white alone."""
    some = image[::4, ::4, 1]
    black, white = (some <= _NEAR_END).mean(), (some >= 255 - _NEAR_END).mean()
    return bool(min(black, white) >= _FEWEST_OF_EACH and black + white >= _NEARLY_ALL)


def _examine_mask(
    case: Case, classes: Classes, image: ImageFinding | None, axis: int, size: int
) -> MaskFinding | UnclearMaskError | list[BadFile]:
    assert case.mask is not None, "only masks that exist are examined"
    try:
        content = inspect_mask(case.mask, classes, case.frame, axis)
    except UnclearMaskError as error:
        return error
    except DataError as error:
        return [BadFile(case.mask_files[0], problem, case.id) for problem in error.problems]
    mask = content.indices
    if image and mask.shape != image.size:
        return [BadFile(case.mask_files[0], size_mismatch(case, image.size, mask.shape), case.id)]
    counts = np.bincount(mask.ravel(), minlength=IGNORED + 1)
    num_counted = max(1, mask.size - counts[IGNORED])
    border = np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]])
    return MaskFinding(
        path=case.mask_files[0],
        shares=tuple((counts[: len(classes.names) + 1] / num_counted).tolist()),
        border=float(((border > 0) & (border != IGNORED)).mean()),
        between=content.between,
        ignored=float(counts[IGNORED] / mask.size),
        softened=content.softened,
        drawn=content.drawn,
        levels=content.levels,
        unnamed=content.unnamed,
        is_turned=content.is_turned,
        objects=count_objects(mask, size),
        outline=_outline(mask) if counts[1:IGNORED].sum() > LARGE * num_counted else None,
    )


def _outline(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    is_foreground = ((mask > 0) & (mask != IGNORED)).astype(np.uint8) * np.uint8(255)
    image = Image.fromarray(is_foreground)
    return np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BOX))


def size_mismatch(case: Case, size: Sequence[int], mask_size: Sequence[int]) -> str:
    """Return one line on a mask that does not have the size (height, width) of its image."""
    turned = tuple(size) == tuple(reversed(mask_size))
    remedy = "Turn the mask by 90 degrees" if turned else "Give the mask the size of its image"
    return (
        f"{case.mask_files[0]}: {mask_size[0]} x {mask_size[1]} (height x width), but its image "
        f"{case.image} is {size[0]} x {size[1]}. {remedy}, or check that they belong together."
    )
