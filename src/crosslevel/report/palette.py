"""The look of each row, the same in every drawing, legend and table of a page."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

COLOURS = (
    ("#0072b2", "#4aa3e0"),
    ("#d55e00", "#ff8c42"),
    ("#00805c", "#2fc797"),
    ("#c0569b", "#f08cc4"),
    ("#9a6a00", "#f2c14e"),
    ("#2f86c0", "#8fd3ff"),
    ("#6a4fb0", "#b79cf0"),
    ("#6b7280", "#a9b4c2"),
)
"""On a light and on a dark page; after Okabe and Ito, which the colour-blind can distinguish."""
DASHES = ((), (5, 2), (1.5, 1.5))
"""Of lines: for rows beyond the colours, and for losses of one row."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Colour and dash of a row.

    Attributes:
        colour: Index into `COLOURS`.
        dashes: Lengths of stroke and gap, empty for a solid line.
    """

    colour: int
    dashes: tuple[float, ...]

    @property
    def placeholder(self) -> str:
        """A colour that no drawing uses, to be replaced by the page's own."""
        return f"#0102{0x10 + self.colour:02x}"

    @property
    def css(self) -> str:
        """The page's own colour, light or dark."""
        return f"var(--row{self.colour})"

    @property
    def line(self) -> object:
        """As matplotlib's `linestyle`."""
        return (0, self.dashes) if self.dashes else "-"


def marks(rows: Iterable[str]) -> dict[str, Mark]:
    """Return a mark for each row, by its place."""
    return {
        name: Mark(place % len(COLOURS), DASHES[place // len(COLOURS) % len(DASHES)])
        for place, name in enumerate(rows)
    }
