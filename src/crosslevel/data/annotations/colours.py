"""Colours of classes, as tools write them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crosslevel.data.annotations.shapes import Colour

PALETTE: tuple[Colour, ...] = (
    (230, 159, 0),
    (86, 180, 233),
    (0, 158, 115),
    (240, 228, 66),
    (0, 114, 178),
    (213, 94, 0),
    (204, 121, 167),
)
"""M. Okabe and K. Ito, "Color Universal Design", 2008: the colour-blind can distinguish them."""
_CHANNELS = 3


def hex_of(colour: Colour) -> str:
    """Return a colour as #rrggbb.

    Example:
        >>> hex_of((230, 159, 0)), colour_of("#e69f00")
        ('#e69f00', (230, 159, 0))
    """
    return f"#{bytes(colour).hex()}"


def colour_of(value: Any) -> Colour | None:
    """Return a colour that is written as #rrggbb or as three numbers, else None."""
    try:
        numbers = bytes.fromhex(value.removeprefix("#")) if isinstance(value, str) else bytes(value)
    except (TypeError, ValueError):
        return None
    return (numbers[0], numbers[1], numbers[2]) if len(numbers) == _CHANNELS else None


def with_colours(labels: Mapping[str, Colour | None]) -> dict[str, Colour]:
    """Return the same with a colour for each class that has none."""
    taken = {colour for colour in labels.values() if colour}
    free = [colour for colour in PALETTE if colour not in taken] or list(PALETTE)
    missing = [name for name, colour in labels.items() if colour is None]
    given = {name: free[place % len(free)] for place, name in enumerate(missing)}
    return {name: colour or given[name] for name, colour in labels.items()}
