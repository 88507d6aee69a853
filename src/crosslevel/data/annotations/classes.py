"""Labels of annotations become the classes of a run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from crosslevel.data.annotations.painting import BACKGROUND, NOT_COUNTED, plain_label
from crosslevel.data.annotations.shapes import Colour
from crosslevel.errors import InputError
from crosslevel.types import FOREGROUND, Classes

Labels = Mapping[str, Colour | None]


def classes_of(labels: Labels) -> dict[str, int | Colour]:
    """Return the classes that labels name, in their order.

    Each has the colour the tool draws it in, so that masks exported by the tool are read alike, or
    its number if the colours are not distinct.

    Example:
        >>> classes_of({"polyp": None, "tool": None})
        {'polyp': 1, 'tool': 2}
    """
    names: dict[str, str] = {}
    for label in labels:
        if plain_label(label) not in BACKGROUND | NOT_COUNTED:
            names.setdefault(plain_label(label), label)
    colours = [labels[name] for name in names.values()]
    drawn = {colour for colour in colours if colour and any(colour)}
    if len(drawn) == len(names):
        return {
            name: colour for name, colour in zip(names.values(), colours, strict=True) if colour
        }
    return {name: number for number, name in enumerate(names.values(), start=1)}


def settle(asked: Classes, labels: Labels) -> tuple[Classes, list[str]]:
    """Return how the shapes of a data set are read, and a line on each label that is left out.

    Args:
        asked: Classes that were given choose among the labels, by name, and say their order. With
            `instances`, all shapes are foreground.
        labels: Of the annotations; empty for masks that are drawn as images.

    Raises:
        InputError: A class that was given is not among the labels, or `ignore` was given.
    """
    if not labels:
        return asked, []
    if asked.ignore is not None:
        raise InputError(
            f"ignore is {asked.ignore}, a value of masks drawn as images; these are shapes. Leave "
            "it out, and name shapes whose pixels count nowhere `ignore`."
        )
    if asked.instances:
        return asked, []
    found = classes_of(labels)
    if asked.names == [FOREGROUND]:
        if len(found) == 1:
            return replace(asked, foreground=next(iter(found))), []
        return replace(asked, values=found), []
    known = {plain_label(label) for label in labels}
    unknown = [name for name in asked.names if plain_label(name) not in known]
    if unknown:
        raise InputError(
            f"There is no label {unknown[0]!r} among the annotations; there are "
            f"{', '.join(labels)}. Correct --classes or --foreground, or leave them out."
        )
    return asked, left_out(asked, labels)


def left_out(classes: Classes, labels: Iterable[str]) -> list[str]:
    """Return a line on each label that no class is called.

    Example:
        >>> left_out(Classes(foreground="polyp"), ["Polyp", "tool", "background"])
        ['label tool: its shapes count as background, since it is not among the classes.']
    """
    known = {plain_label(name) for name in classes.names} | BACKGROUND | NOT_COUNTED
    return [
        f"label {label}: its shapes count as background, since it is not among the classes."
        for label in labels
        if plain_label(label) not in known
    ]
