"""How deep the images of a data set are, the window that follows, and what does not fit in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from crosslevel.data.intensity import Levels, beyond, choose_window, describe_window
from crosslevel.data.quality.findings import Findings
from crosslevel.data.quality.naming import limited
from crosslevel.types import Case, Reading, Window

EIGHT_BITS = "8-bit"
_MOST_TINT = 8  # difference of the channels that JPEG leaves in a grey image


@dataclass(frozen=True, slots=True)
class Depths:
    """How the values of a data set's images become 8 bits.

    Attributes:
        window: As in `Reading`, settled; empty where every image has 8 bits.
        text: What the values are and what is done with them, for a person.
        warnings: What does not fit together.
    """

    window: Window
    text: str
    warnings: tuple[str, ...] = ()


def depths_of(cases: Iterable[Case], found: Findings, reading: Reading) -> Depths:
    """Do as `settle_window`, for the readable images of these cases; colours are looked at, too."""
    readable = [(case.image, found.images[case.id]) for case in cases if case.id in found.images]
    depths = settle_window(reading, [(path, image.levels) for path, image in readable])
    colours = _about_colours([(path, image.thumbnail) for path, image in readable])
    return replace(depths, warnings=(*depths.warnings, *colours))


def settle_window(reading: Reading, images: Sequence[tuple[Path, Levels | None]]) -> Depths:
    """Choose the window of a data set.

    Args:
        reading: What was asked for.
        images: Each readable image, with its levels if it is deeper than 8 bits.
    """
    deep = [levels for _, levels in images if levels]
    kinds = Counter(levels.kind if levels else EIGHT_BITS for _, levels in images)
    if not deep:
        asked = reading.window not in ("auto", ())
        no_effect = "--window has no effect: every image has 8 bits."
        return Depths((), "8 bits, taken as they are", (no_effect,) if asked else ())
    window, origin = _chosen(reading, deep)
    held = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
    lowest = min(min(levels.lowest) for levels in deep)
    highest = max(max(levels.highest) for levels in deep)
    shown = describe_window(window) if isinstance(window, tuple) else "as each file says"
    text = f"{held}, from {lowest:g} to {highest:g}; {shown} ({origin})"
    return Depths(window, text, (*_about_kinds(kinds, images), *_outliers(window, images)))


def _chosen(reading: Reading, deep: Sequence[Levels]) -> tuple[Window, str]:
    if reading.window != "auto":
        return reading.window, "as asked for"
    own = {levels.window for levels in deep}
    if len(own) == 1 and (same := own.pop()):
        return same, "the window all files name"
    return choose_window(deep, per_channel=bool(reading.channels)), "by what the images hold"


def _about_kinds(kinds: Counter[str], images: Sequence[tuple[Path, Levels | None]]) -> list[str]:
    """Different numbers in one folder, and different windows of their own."""
    lines = []
    if len(kinds) > 1:
        first = {levels.kind if levels else EIGHT_BITS: path for path, levels in reversed(images)}
        named = ", ".join(f"{count} {kind} (as {first[kind]})" for kind, count in kinds.items())
        lines.append(
            f"the images are of different depth: {named}. Check that equal greys mean the same in "
            "all of them."
        )
    own = {levels.window for _, levels in images if levels and levels.window}
    if len(own) > 1:
        lines.append(
            f"the files name {len(own)} different windows, so one was chosen for all of them. "
            "--window file takes each file's own."
        )
    return lines


def _about_colours(thumbnails: Sequence[tuple[Path, NDArray[np.uint8]]]) -> list[str]:
    """Grey images among coloured ones, by what they show: a file of RGB may show only greys."""
    grey: list[Path] = []
    coloured: list[Path] = []
    for path, pixels in thumbnails:
        red, green, blue = (pixels[..., channel] for channel in range(3))
        lowest, highest = np.minimum(red, green), np.maximum(red, green)
        tint = (np.maximum(highest, blue) - np.minimum(lowest, blue)).max()
        (coloured if tint > _MOST_TINT else grey).append(path)
    if not grey or not coloured:
        return []
    few, what, others = min(
        (grey, "grey", "have colours"), (coloured, "coloured", "are grey"), key=lambda s: len(s[0])
    )
    number = f"{len(few)} of the {len(thumbnails)} images {'is' if len(few) == 1 else 'are'}"
    return [f"{few[0]}: {number} {what}, the others {others}. Check that they were taken alike."]


def _outliers(
    window: tuple[float, ...] | str, images: Iterable[tuple[Path, Levels | None]]
) -> list[str]:
    if isinstance(window, str):
        return []
    odd = ((path, beyond(levels, window)) for path, levels in images if levels)
    return limited(
        f"{path}: {what}. Check that it was taken like the others." for path, what in odd if what
    )
