"""The labelling interface of a Label Studio project: which tool draws which class, and on what."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from crosslevel.errors import InputError

Tool = Literal["brush", "polygon"]
TAGS: dict[str, Tool] = {"BrushLabels": "brush", "PolygonLabels": "polygon"}
"""The tools that draw masks; of several in one interface the first."""


@dataclass(frozen=True, slots=True)
class Labelling:
    """What an interface says.

    Attributes:
        tool: That draws.
        from_name: Name of the tool.
        to_name: Name of the image it draws on.
        key: Under which a task has its image.
        labels: By the index of the class, from 1, its label; classes without one are left out.
    """

    tool: Tool
    from_name: str
    to_name: str
    key: str
    labels: dict[int, str]


def read_labelling(text: str, classes: Sequence[str]) -> Labelling:
    """Return what an interface says.

    Args:
        text: Its XML.
        classes: Names of the segmenter's foreground classes.

    Raises:
        InputError: If no tool draws masks on an image, or no label is one of the classes.

    Example:
        >>> text = (
        ...     '<View><Image name="img" value="$image"/><BrushLabels name="b" toName="img">'
        ...     '<Label value="Polyp"/></BrushLabels></View>'
        ... )
        >>> read_labelling(text, ["polyp"])
        Labelling(tool='brush', from_name='b', to_name='img', key='image', labels={1: 'Polyp'})
    """
    view = _parsed(text)
    images = {tag.get("name"): tag.get("value", "") for tag in view.iter("Image")}
    for tag in view.iter():
        if tag.tag in TAGS and tag.get("toName") in images:
            to_name = tag.get("toName", "")
            values = [label.get("value", "") for label in tag.iter("Label")]
            return Labelling(
                TAGS[tag.tag],
                tag.get("name", ""),
                to_name,
                images[to_name].removeprefix("$"),
                _matched(values, classes),
            )
    raise InputError(
        f"The labelling interface has no {' or '.join(TAGS)} that draws on an Image. Add one with "
        f"the labels {', '.join(classes)}."
    )


def _parsed(text: str) -> ET.Element:
    if "<!DOCTYPE" in text or "<!ENTITY" in text:  # entities may grow without end
        raise InputError("The labelling interface declares entities, which are not read here.")
    try:
        return ET.fromstring(text)
    except (ET.ParseError, ValueError) as error:
        raise InputError(f"The labelling interface is not XML ({error}).") from error


def _matched(values: Sequence[str], classes: Sequence[str]) -> dict[int, str]:
    """Labels by the classes they name; a single label is a single class, whatever its name."""
    if len(values) == len(classes) == 1:
        return {1: values[0]}
    by_name = {value.casefold(): value for value in values}
    found = {
        index: by_name[name.casefold()]
        for index, name in enumerate(classes, start=1)
        if name.casefold() in by_name
    }
    if not found:
        raise InputError(
            f"The labels {', '.join(values) or '(none)'} are not classes of this segmenter, which "
            f"are {', '.join(classes)}. Name them so."
        )
    return found
