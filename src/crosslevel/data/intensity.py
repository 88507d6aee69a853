"""From the values of pixels to 8-bit RGB: which value is black and which is white.

Images of 8 bits are taken as they are. For all deeper ones of a data set one window is chosen by
what they hold, not by what their files could hold: 12 bits in files of 16 fill the whole range.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosslevel.data.formats.channels import chosen_channels
from crosslevel.data.formats.picture import Picture, Pixels
from crosslevel.errors import DataError
from crosslevel.types import SIXTEEN_BITS, Reading

_MOST_PIXELS = 1 << 16  # of an image are looked at
_QUANTILES = (np.arange(257) + 0.5) / 257
_TAIL = 0.1  # per cent of all pixels that may be darker than black, and brighter than white
_LEAST_BITS = 8
_LARGEST_OUTSIDE = 0.05  # share of the pixels of an image that may lie outside the window
_LEAST_FILLED = 0.125  # share of the window that the values of an image should span
_LEAST_SHARE = 0.5  # of the range of so many bits that is filled, else the pixels tell the window


@dataclass(frozen=True, slots=True)
class Levels:
    """What values an image deeper than 8 bits holds.

    Attributes:
        kind: Its numbers, as in "16-bit" or "32-bit float".
        lowest: Smallest value of each channel.
        highest: Largest value of each channel.
        quantiles: (257, C) evenly spaced over the pixels.
        window: What the file itself says is black and white, if it does.
    """

    kind: str
    lowest: tuple[float, ...]
    highest: tuple[float, ...]
    quantiles: NDArray[np.float32]
    window: tuple[float, float] | None = None


def measure(path: Path, picture: Picture, reading: Reading) -> Levels | None:
    """Return the levels of an image, None if it has 8 bits.

    Raises:
        DataError: Some of its values are not numbers, or `reading` does not fit its channels.
    """
    pixels = picture.pixels
    if pixels.dtype == np.uint8:
        return None
    channels = np.atleast_3d(chosen_channels(path, pixels, reading.channels))
    if not np.isfinite(channels).all():
        line = f"{path}: some of its values are not finite numbers. Replace them, by 0 perhaps."
        raise DataError([line])
    step = max(1, int((channels.shape[0] * channels.shape[1] / _MOST_PIXELS) ** 0.5))
    few = channels[::step, ::step].reshape(-1, channels.shape[2])
    return Levels(
        kind=kind_of(pixels.dtype),
        lowest=tuple(map(float, channels.min(axis=(0, 1)))),
        highest=tuple(map(float, channels.max(axis=(0, 1)))),
        quantiles=np.quantile(few, _QUANTILES, axis=0).astype(np.float32),
        window=picture.window,
    )


def to_rgb(path: Path, picture: Picture, reading: Reading) -> NDArray[np.uint8]:
    """Return an image as (H, W, 3) RGB in 0…255.

    Args:
        path: Its file, to name it.
        picture: As it is stored.
        reading: Which channels are meant, and the window; where that is "auto", it is chosen by
            the values of this image alone.

    Raises:
        DataError: `reading` does not fit the image.
    """
    pixels = chosen_channels(path, picture.pixels, reading.channels)
    if pixels.dtype != np.uint8:
        pixels = _windowed(pixels, _window(path, picture, reading))
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    if pixels.shape[2] == 1:
        return np.repeat(pixels, 3, axis=2)
    if pixels.shape[2] == 2:
        return np.concatenate([pixels, np.zeros_like(pixels[..., :1])], axis=2)
    return np.asarray(pixels, np.uint8)


def _window(path: Path, picture: Picture, reading: Reading) -> tuple[float, ...]:
    if isinstance(reading.window, tuple):
        if not reading.window:
            line = (
                f"{path}: holds {kind_of(picture.pixels.dtype)} values, but the segmenter was "
                "trained on images of 8 bits, so it is not known which value is black and which "
                "is white. Convert it to 8 bits as the training images were, or train on images "
                "like this one."
            )
            raise DataError([line])
        return reading.window
    if reading.window == "file":
        if picture.window is None:
            line = f"{path}: says no window. Give one as --window [BLACK,WHITE]."
            raise DataError([line])
        return picture.window
    levels = measure(path, picture, reading)
    assert levels is not None, "images of 8 bits need no window"
    return picture.window or choose_window([levels], per_channel=bool(reading.channels))


def _windowed(pixels: Pixels, window: Sequence[float]) -> NDArray[np.uint8]:
    """Return values as shares of the window, 0…255; one window, or one for each channel."""
    values = pixels[..., None] if pixels.ndim == 2 else pixels
    exact = values.astype(np.float32 if pixels.dtype.itemsize <= 2 else np.float64)
    black = np.asarray(window[0::2], exact.dtype)
    shares = (exact - black) * np.asarray(
        255 / np.subtract(window[1::2], window[0::2]), exact.dtype
    )
    return np.asarray(np.rint(shares.clip(0, 255)), np.uint8)


def choose_window(levels: Sequence[Levels], *, per_channel: bool) -> tuple[float, ...]:
    """Return black and white for these images together.

    Where the values fill at least half of what so many bits can hold (or of 0…1, for fractions),
    that range is taken; else the one that all but 0.1 % of the pixels at either end lie in.

    Args:
        levels: Of each image, at least one.
        per_channel: Choose for each channel by itself; else for all of them together.
    """
    num_channels = max(len(one.lowest) for one in levels)
    groups = [[c] for c in range(num_channels)] if per_channel else [list(range(num_channels))]
    return tuple(end for group in groups for end in _range_of(levels, group))


def _range_of(levels: Sequence[Levels], channels: Sequence[int]) -> tuple[float, float]:
    own = [(one, [c for c in channels if c < len(one.lowest)]) for one in levels]
    lowest = min(one.lowest[c] for one, there in own for c in there)
    highest = max(one.highest[c] for one, there in own for c in there)
    values = np.concatenate([one.quantiles[:, there].ravel() for one, there in own])
    low, high = map(float, np.percentile(values, [_TAIL, 100 - _TAIL]))
    num_bits = max(_LEAST_BITS, math.ceil(highest).bit_length())
    full = 1.0 if highest <= 1 else float((1 << num_bits) - 1)
    if lowest >= 0 and high - low >= _LEAST_SHARE * full:
        return 0.0, full
    if low < high:
        return low, high
    return (lowest, highest) if lowest < highest else (lowest, lowest + 1)


def beyond(levels: Levels, window: tuple[float, ...]) -> str:
    """Return how an image does not fit into a window, "" if it does."""
    black, white = window[0::2], window[1::2]
    values = levels.quantiles
    outside = float(((values < black) | (values > white)).mean())
    inside = values.clip(black, white)
    spans = np.percentile(inside, 99, axis=0) - np.percentile(inside, 1, axis=0)
    filled = float((spans / (np.asarray(white) - black)).max())
    if outside <= _LARGEST_OUTSIDE and filled >= _LEAST_FILLED:
        return ""
    what = f"{outside:.0%} of its pixels lie outside"
    if outside <= _LARGEST_OUTSIDE:
        what = f"its pixels fill only {filled:.0%} of"
    return f"{what} the range in which {describe_window(window)}"


def unlike_training(levels: Levels | None, reading: Reading) -> str:
    """Return how an image differs from those a segmenter was trained on, "" if it does not.

    Args:
        levels: Of the image, None if it has 8 bits.
        reading: As at training.
    """
    if isinstance(reading.window, str) or not reading.window:
        return ""
    if levels is not None:
        return beyond(levels, reading.window)
    if reading.window == SIXTEEN_BITS:  # may have had images of 8 bits too
        return ""
    return f"holds 8 bits, but the training images were deeper ({describe_window(reading.window)})"


def describe_window(window: tuple[float, ...]) -> str:
    """Return a window as a person reads it."""
    pairs = zip(window[0::2], window[1::2], strict=True)
    return ", ".join(f"{black:g} is black, {white:g} is white" for black, white in pairs)


def kind_of(dtype: np.dtype[Any]) -> str:
    """Return numbers as a person calls them.

    Example:
        >>> kind_of(np.dtype(np.int16)), kind_of(np.dtype(np.float32))
        ('16-bit signed', '32-bit float')
    """
    names = {"u": "", "i": " signed", "f": " float"}
    return f"{8 * dtype.itemsize}-bit{names[dtype.kind]}"
