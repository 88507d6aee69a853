"""LabelMe: a JSON file beside each image; polygons, rectangles, circles and masks."""

from __future__ import annotations

import base64
import io
import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from crosslevel.data.annotations.found import (
    Drawing,
    Found,
    Listed,
    alphabetical,
    reading_entry,
    size_of,
)
from crosslevel.data.annotations.parsing import load_json
from crosslevel.data.annotations.shapes import (
    Colour,
    Geometry,
    Outlines,
    Runs,
    Shape,
    cropped,
    ellipse,
    rectangle,
    ring_of,
)
from crosslevel.data.annotations.tracing import trace
from crosslevel.data.annotations.uniting import united
from crosslevel.data.formats.readers import stem_of

VERSION = "5.5.0"


def fits(content: Any) -> bool:
    """Whether parsed JSON looks like LabelMe."""
    return isinstance(content, dict) and isinstance(content.get("shapes"), list)


def read(path: Path) -> Found:
    """Read the shapes of one image; a file without shapes says that the image is healthy.

    Polygons of one `group_id` and label are parts of one object.

    Raises:
        DataError: Naming the first shape that is not as LabelMe writes it.
    """
    content = load_json(path)
    found = Found(path, "LabelMe")
    shapes: list[tuple[Any, Shape]] = []
    for number, entry in enumerate(content["shapes"]):
        with reading_entry(f"{path}, shape {number}"):
            geometry = _geometry(entry)
            if geometry is None:
                found.others[str(entry.get("shape_type"))] += 1
            else:
                shapes.append((entry.get("group_id"), Shape(str(entry["label"]), geometry)))
    name = str(content.get("imagePath") or path.with_suffix("").name)
    size = size_of(content.get("imageHeight"), content.get("imageWidth"))
    found.images.append(
        Listed(name, size, united(shapes), is_done=not found.others, has_others=bool(found.others))
    )
    found.labels = alphabetical([shape.label for _, shape in shapes])
    return found


def write(
    drawings: Sequence[Drawing], colours: Mapping[str, Colour], out: Path
) -> Iterator[tuple[str, str]]:
    """Yield a file for each image: polygons, or masks for objects with holes.

    Parts of one object are polygons of one `group_id`.
    """
    for drawing in drawings:
        name = f"{stem_of(drawing.name)}.json"
        height, width = drawing.size
        image = os.path.relpath(drawing.image.absolute(), (out / name).absolute().parent)
        shapes: list[dict[str, Any]] = []
        for group, shape in enumerate(drawing.shapes, start=1):
            shapes += _entries(shape, drawing.size, group)
        content: dict[str, Any] = {
            "version": VERSION,
            "flags": {},
            "shapes": shapes,
            "imagePath": Path(image).as_posix(),
            "imageData": None,
            "imageHeight": height,
            "imageWidth": width,
        }
        yield name, json.dumps(content, indent=2)


def _entries(shape: Shape, size: tuple[int, int], group: int) -> Iterator[dict[str, Any]]:
    outlines = shape.geometry
    if not isinstance(outlines, Outlines) or outlines.is_relative:
        outlines = trace(shape.bits(size))
    about: dict[str, Any] = {"label": shape.label, "group_id": None, "flags": {}}
    about["description"] = "" if shape.score is None else f"score {shape.score:.2f}"
    if any(len(part) > 1 for part in outlines.parts):
        yield about | _mask_entry(shape, size)
        return
    if len(outlines.parts) > 1:
        about["group_id"] = group
    for (ring,) in outlines.parts:
        yield about | {"shape_type": "polygon", "points": ring.tolist(), "mask": None}


def _mask_entry(shape: Shape, size: tuple[int, int]) -> dict[str, Any]:
    bits, (top, left) = cropped(shape.bits(size))
    height, width = bits.shape
    stream = io.BytesIO()
    Image.fromarray(bits).save(stream, "PNG")
    return {
        "shape_type": "mask",
        "points": [[left, top], [left + width - 1, top + height - 1]],
        "mask": base64.b64encode(stream.getvalue()).decode(),
    }


def _geometry(entry: Mapping[str, Any]) -> Geometry | None:
    """Return what a shape covers; None if it is a point or a line."""
    kind, points = entry.get("shape_type") or "polygon", entry["points"]
    if kind == "polygon":
        ring = ring_of(number for point in points for number in point)
        return None if ring is None else Outlines(((ring,),))
    if kind == "rectangle":
        return Outlines(((rectangle(*points[0], *points[1]),),))
    if kind == "circle":
        return Outlines(((ellipse(points[0], [math.dist(*points)] * 2),),))
    if kind == "mask":
        left, top = (round(number) for number in points[0])
        with Image.open(io.BytesIO(base64.b64decode(entry["mask"]))) as image:
            return Runs.of(np.asarray(image.convert("L")) > 0, (top, left))
    return None
