"""A map of methods: what each gains over the reference, against what it costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes

from crosslevel.report.drawing import TEXT, Rows, draw
from crosslevel.report.page import Chart
from crosslevel.report.palette import marks
from crosslevel.runs.compare import Difference, against, references
from crosslevel.runs.finished import FinishedRun

FEWEST = 2
"""Compared rows of which a map says more than a table."""
HEIGHT, LABEL = 4.2, 0.048
"""Inches of the drawing; how much of its height a name takes."""


@dataclass(frozen=True)
class Place:
    """One row on the map.

    Attributes:
        name: Of the row.
        cost: Minutes of a run, as a multiple of the reference's.
        gain: Difference of Dice to the reference.
    """

    name: str
    cost: float
    gain: Difference


def gain_map(rows: Rows) -> Chart | None:
    """Return gain of Dice with its interval, against the time of a run.

    Returns:
        None if fewer than `FEWEST` rows are compared with the reference, or no time is known.
    """
    reference = references(rows)[0]
    places = _places(rows, reference)
    if len(places) < FEWEST:
        return None
    look = marks(rows)

    def paint(axis: Axes) -> None:
        axis.axhline(0, color=TEXT, linewidth=1)
        for place in places:
            colour, gain = look[place.name].placeholder, place.gain
            axis.plot([place.cost] * 2, [gain.low, gain.high], color=colour, alpha=0.6)
            axis.plot([place.cost], [gain.mean], "o", color=colour)
        axis.set(xlabel=f"Time of a run, {reference} = 1", ylabel=f"Dice against {reference}")
        axis.set_xscale("log", base=2)
        axis.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        low, high = axis.get_ylim()
        heights = _apart([place.gain.mean for place in places], LABEL * (high - low))
        for place, height in zip(places, heights, strict=True):
            axis.text(place.cost * 1.04, height, place.name, fontsize="small", va="center")
        axis.margins(x=0.25)

    told = [
        f"{place.name} {place.gain.mean:+.1f} at {place.cost:.1f} times the time"
        for place in sorted(places, key=lambda place: -place.gain.mean)
    ]
    return draw(
        paint,
        HEIGHT,
        f"What each row gains over {reference}, with its 95 % interval, against the time of a run. "
        "Up is better, left is cheaper.",
        f"Dice against {reference}: {'; '.join(told)}.",
    )


def _places(rows: Rows, reference: str) -> list[Place]:
    basis = _seconds(rows[reference])
    found = []
    for name, runs in rows.items():
        gain, seconds = against(runs, rows[reference]), _seconds(runs)
        if gain is not None and np.isfinite([gain.low, gain.high]).all() and basis and seconds:
            found.append(Place(name, seconds / basis, gain))
    return found


def _seconds(runs: Sequence[FinishedRun]) -> float:
    """Return the median time of a run: other work on the machine makes some of them long."""
    return float(np.median([run.seconds for run in runs]))


def _apart(heights: Sequence[float], least: float) -> list[float]:
    """Move heights up until no two are nearer than `least`, in their order.

    Example:
        >>> _apart([0.0, 5.0, 0.1], 1.0)
        [0.0, 5.0, 1.0]
    """
    moved = list(heights)
    order = sorted(range(len(moved)), key=moved.__getitem__)
    for below, above in pairwise(order):
        moved[above] = max(moved[above], moved[below] + least)
    return moved
