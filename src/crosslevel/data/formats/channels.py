"""Which channels of an image are meant."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from crosslevel.data.formats.picture import Pixels
from crosslevel.errors import DataError


def chosen_channels(path: Path, pixels: Pixels, channels: tuple[int, ...]) -> Pixels:
    """Return the channels that are meant.

    Args:
        path: The file, to name it.
        pixels: (H, W) or (H, W, C), as they are stored.
        channels: Which ones, from 0; empty for grey and RGB as they are.

    Returns:
        (H, W) or (H, W, C) with C ≤ 3.

    Raises:
        DataError: The image has other channels than those.
    """
    num_channels = 1 if pixels.ndim == 2 else pixels.shape[2]
    if not channels:
        if num_channels in (1, 3):
            return pixels
        colours, example = "red, green and blue", "[0,1,2]"
        if num_channels == 2:
            colours, example = "red and green", "[0,1]"
        line = (
            f"{path}: holds {num_channels} channels. Say which are {colours} (--channels "
            f"{example}), or which one is grey (--channels [0])."
        )
        raise DataError([line])
    if max(channels) >= num_channels:
        line = (
            f"{path}: has {num_channels} channels, so --channels must be from 0 to "
            f"{num_channels - 1}. They are {list(channels)}."
        )
        raise DataError([line])
    return np.atleast_3d(pixels)[..., list(channels)]
