"""Parts of one object, which tools draw as shapes of one group."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence

import numpy as np

from crosslevel.data.annotations.shapes import Outlines, Runs, Shape

Box = tuple[float, float, float, float]
"""Left, top, right and bottom, in whole pixels."""


def united(shapes: Iterable[tuple[Hashable, Shape]]) -> tuple[Shape, ...]:
    """Join outlines of one label and one group: they are the parts of one object.

    A part that may lie on a shape of another label, drawn after the parts before it, is not joined
    to them: it would come to lie below that shape.

    Args:
        shapes: In the order in which they are painted, each with its group, None for none.
    """
    painted: list[Shape] = []
    boxes: list[list[Box]] = []
    place_of: dict[Hashable, int] = {}
    for group, shape in shapes:
        key, own = (shape.label, group), _boxes(shape)
        has_parts = group is not None and isinstance(shape.geometry, Outlines)
        place = place_of.get(key) if has_parts else None
        if place is not None and not any(
            other.label != shape.label and _overlap(own, theirs)
            for other, theirs in zip(painted[place:], boxes[place:], strict=True)
        ):
            painted[place] = _joined(painted[place], shape)
            boxes[place] += own
            continue
        if has_parts:
            place_of[key] = len(painted)
        painted.append(shape)
        boxes.append(own)
    return tuple(painted)


def _joined(first: Shape, second: Shape) -> Shape:
    assert isinstance(first.geometry, Outlines), "only outlines have a group here"
    assert isinstance(second.geometry, Outlines), "only outlines have a group here"
    return Shape(first.label, Outlines(first.geometry.parts + second.geometry.parts))


def _boxes(shape: Shape) -> list[Box]:
    """Return the box around each part of a shape in pixels."""
    drawn = shape.geometry
    if isinstance(drawn, Runs):
        top, left, height, width = drawn.box
        return [(left, top, left + width, top + height)]
    assert isinstance(drawn, Outlines), "tools with groups draw nothing else"
    corners = [part[0] for part in drawn.parts]
    return [(*np.floor(c.min(0)).tolist(), *np.ceil(c.max(0)).tolist()) for c in corners]


def _overlap(some: Sequence[Box], others: Sequence[Box]) -> bool:
    return any(
        one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
        for one in some
        for other in others
    )
