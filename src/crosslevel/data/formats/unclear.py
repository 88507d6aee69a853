"""Masks whose values do not say by themselves what is foreground, and the option that says it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Literal

from crosslevel.errors import DataError

Level = int | tuple[int, int, int]
Kind = Literal["classes", "labels", "ignore", "softened", "picture"]
IGNORE_VALUES = (255, 65535)
"""What pixels that count nowhere are usually drawn with."""
_MOST_CLASSES = 16  # more exact values than that are objects, not classes
_FEWEST_LABELS = 6  # so many numbers 1, 2, 3, … without a gap are objects, too
_NAMED = 8
_MANY = 64
_BLUR = 48  # by which JPEG may change a channel


class UnclearMaskError(DataError):
    """A mask that could mean several things.

    Args:
        path: The file.
        kind: What it looks like.
        levels: The values or colours it is drawn with, without background.
        is_blurred: JPEG has changed them a little, in each file otherwise.
    """

    def __init__(
        self, path: Path, kind: Kind, levels: Collection[Level], *, is_blurred: bool = False
    ) -> None:
        self.path, self.kind, self.levels = path, kind, tuple(sort_levels(levels))
        self.is_blurred = is_blurred
        super().__init__([f"{path}: holds {describe([self])}"])


def sort_levels(levels: Iterable[Level]) -> list[Level]:
    """Greys before colours, each in their order, none twice."""
    return sorted(set(levels), key=lambda level: (isinstance(level, tuple), level))


def kind_of(levels: Collection[int]) -> Kind:
    """Tell what exact grey values look like.

    Example:
        >>> kind_of([1, 255]), kind_of([85, 170, 255]), kind_of(range(1, 41))
        ('ignore', 'classes', 'labels')
    """
    small = sorted(set(levels) - set(IGNORE_VALUES))
    is_counted = small == list(range(1, len(small) + 1))
    if is_counted and len(small) < len(set(levels)) and 0 < len(small) <= _MOST_CLASSES:
        return "ignore"
    if len(levels) > _MOST_CLASSES or (is_counted and len(small) >= _FEWEST_LABELS):
        return "labels"
    return "classes"


def describe(masks: Sequence[UnclearMaskError], also: Collection[Level] = ()) -> str:
    """Say what these masks hold together (after "holds"), and which option reads all of them.

    Args:
        masks: Those that were refused, at least one.
        also: Values of other masks of the data set, which the option has to cover, too.
    """
    levels = _levels_of(masks, also)
    is_blurred = any(mask.is_blurred for mask in masks)  # so that objects have no numbers
    kinds = {mask.kind for mask in masks}
    greys = [level for level in levels if isinstance(level, int)]
    if kinds == {"picture"}:
        return "so many different values that it looks like a picture. Check that it is a mask."
    if len(greys) < len(levels):
        objects = "" if is_blurred else "; if each is one object, give --instances"
        return _about_colours(levels, objects, are_labels="labels" in kinds)
    if "softened" in kinds:
        return _about_softened(greys)
    kind = "labels" if "labels" in kinds else kind_of(greys)
    if kind == "labels":
        return (
            f"{len(greys)} different values, which looks like a label map: each object with a "
            f"number of its own. Give --instances to read every object as foreground."
        )
    if kind == "ignore":
        return _about_ignored(greys)
    objects = "" if is_blurred or len(greys) < 2 else "; if each is one object, give --instances"
    return _about_classes(greys, objects)


def values_of(masks: Sequence[UnclearMaskError], also: Collection[Level] = ()) -> str:
    """Name the values or colours that these masks hold together."""
    levels = _levels_of(masks, also)
    if len(levels) > _MANY or {mask.kind for mask in masks} == {"picture"}:
        return f"{len(levels) or 'very many'} different values"
    is_grey = all(isinstance(level, int) for level in levels)
    return f"the values 0, {_listed(levels)}" if is_grey else f"the colours {_listed(levels)}"


def classes_option(levels: Sequence[Level], num_named: int = 0) -> str:
    """Return `--classes` for each of these values, with names to be replaced.

    Args:
        levels: Values or colours.
        num_named: Classes that there are already.

    Example:
        >>> classes_option([1, (255, 0, 0)])
        "--classes.class1 1 --classes.class2 '[255, 0, 0]'"
    """
    if len(levels) == 1 and not num_named:
        return f"--classes.foreground {_written(levels[0])}"
    numbered = enumerate(levels, start=num_named + 1)
    return " ".join(f"--classes.class{number} {_written(level)}" for number, level in numbered)


def _levels_of(masks: Sequence[UnclearMaskError], also: Collection[Level]) -> list[Level]:
    """Return the levels of these masks and others; nearly equal ones once where JPEG made them."""
    levels = Counter(level for mask in masks for level in mask.levels)
    if not any(mask.is_blurred for mask in masks):
        return sort_levels([*levels, *also])
    kept: list[Level] = []
    for level in [*also, *(level for level, _ in levels.most_common())]:
        if all(_distance(level, other) > _BLUR for other in kept):
            kept.append(level)
    return sort_levels(kept)


def _distance(level: Level, other: Level) -> int:
    """Return by how much the channels differ at most."""
    red, green, blue = (
        abs(one - two) for one, two in zip(_channels(level), _channels(other), strict=True)
    )
    return max(red, green, blue)


def _channels(level: Level) -> tuple[int, int, int]:
    return level if isinstance(level, tuple) else (level, level, level)


def _about_colours(levels: Sequence[Level], objects: str, *, are_labels: bool) -> str:
    if are_labels or len(levels) > _MOST_CLASSES:
        return (
            f"{len(levels)} colours, which looks like a label map: each object with a "
            f"colour of its own. Give --instances to read every object as foreground."
        )
    return (
        f"the colours {_listed(levels)}. If they are classes, give "
        f"{classes_option(levels)} (the names are yours to choose), or --ignore '[R, G, B]' for "
        f"one that marks pixels to leave out{objects}."
    )


def _about_softened(greys: Sequence[int]) -> str:
    if kind_of(greys) == "ignore":
        others = [grey for grey in greys if grey not in IGNORE_VALUES]
        option = f"{classes_option(others)} --ignore {max(greys)}"
    else:
        option = classes_option(greys)
    return (
        f"the values 0, {_listed(greys)} and others between them, as if it had been resized "
        f"with smoothing. Export it without smoothing (nearest neighbour), or give {option}: "
        f"pixels at an edge then count as what is nearest."
    )


def _about_ignored(greys: Sequence[int]) -> str:
    ignored = max(greys)
    others = [grey for grey in greys if grey not in IGNORE_VALUES]
    classes = f" {classes_option(others)}" if len(others) > 1 else ""
    return (
        f"the values 0, {_listed(greys)}: {ignored} beside small numbers usually marks "
        f"pixels that count nowhere. If so, give --ignore {ignored}{classes}; if it is a class, "
        f"give {classes_option(greys)}."
    )


def _about_classes(greys: Sequence[int], objects: str) -> str:
    return (
        f"the values 0, {_listed(greys)}, so it is not a plain 0/1 or 0/255 mask. If they "
        f"are classes, give {classes_option(greys)} (the names are yours to choose){objects}."
    )


def _listed(levels: Sequence[Level]) -> str:
    named = ", ".join(_shown(level) for level in levels[:_NAMED])
    return f"{named}, …" if len(levels) > _NAMED else named


def _shown(level: Level) -> str:
    return str(level)


def _written(level: Level) -> str:
    return str(level) if isinstance(level, int) else f"'{list(level)}'"
