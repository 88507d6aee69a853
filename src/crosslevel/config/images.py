"""What a way of reading images has to look like, in a configuration and in a model card."""

from __future__ import annotations

from itertools import pairwise

from crosslevel.errors import InputError
from crosslevel.types import Reading

MOST_CHANNELS = 3


def check_reading(reading: Reading) -> None:
    """Refuse what no image can be read with.

    Raises:
        InputError: Naming the option and what it should be.
    """
    channels, window = reading.channels, reading.window
    if len(channels) > MOST_CHANNELS or any(channel < 0 for channel in channels):
        raise InputError(
            f"channels is {list(channels)}; it must name one channel (grey) to three (red, green, "
            "blue), from 0."
        )
    if isinstance(reading.page, int) and reading.page < 0:
        raise InputError(f"page is {reading.page}; pages are counted from 0.")
    if isinstance(window, str):
        return
    ends = list(pairwise(window))[::2]
    if len(window) % 2 or any(black >= white for black, white in ends):
        raise InputError(
            f"window is {list(window)}; it must be the value that becomes black and the larger "
            "one that becomes white, like [0, 4095]."
        )
    if len(window) > 2 and len(window) != 2 * len(channels):
        raise InputError(
            f"window has {len(window) // 2} pairs of values; it must have one for all channels, "
            f"or one for each of the {len(channels)} in --channels."
        )
