"""Label Studio: one JSON file of tasks; polygons and ellipses in percent, brush strokes packed.

Brush strokes are a picture of four channels, of which the last one counts, packed by run lengths
as in K. Schmidt's *rle-pack*, which Label Studio took over.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

import numpy as np

from crosslevel.data.annotations.colours import hex_of
from crosslevel.data.annotations.found import (
    Drawing,
    Found,
    Listed,
    alphabetical,
    reading_entry,
    size_of,
)
from crosslevel.data.annotations.packing import pack, unpack
from crosslevel.data.annotations.parsing import load_json
from crosslevel.data.annotations.shapes import (
    Bits,
    Colour,
    Geometry,
    Outlines,
    Shape,
    ellipse,
    paint_bits,
    ring_of,
)
from crosslevel.errors import InputError

FILE, CONFIG_FILE = "tasks.json", "labels.xml"
LOCAL_FILES = "/data/local-files/?d="
_MASKS = ("polygon", "ellipse", "brush")
_NOT_MASKS = ("rectangle", "keypoint", "vector", "bitmask")
_CHANNELS = 4
_DECIMALS = 6  # of corners in pixels, which are written in percent


@dataclass(frozen=True, slots=True, eq=False)
class Brush:
    """Strokes of a brush, unpacked only when they are painted.

    Attributes:
        packed: As the file has them.
        size: Height and width of the image.
    """

    packed: bytes
    size: tuple[int, int]

    def bits(self) -> Bits:
        """Return which pixels are covered.

        Raises:
            InputError: It is damaged, or of an image of another size.
        """
        height, width = self.size
        values = unpack(self.packed, height * width * _CHANNELS)
        return np.asarray(values.reshape(height, width, _CHANNELS)[:, :, 3] > 0)

    def paint(self, canvas: np.ndarray, value: int) -> None:
        """Set the pixels that are covered."""
        paint_bits(canvas, self.bits(), (0, 0), value)

    def content(self) -> bytes:
        """Return what decides the pixels."""
        return repr(self.size).encode() + self.packed


def fits(content: Any) -> bool:
    """Whether parsed JSON looks like tasks of Label Studio."""
    if not isinstance(content, list) or not content or not isinstance(content[0], dict):
        return False
    return isinstance(content[0].get("data"), dict)


def read(path: Path) -> Found:
    """Read tasks; of several annotations of one that marked as the truth counts, else the last.

    A task with an annotation but no shape is healthy; skipped ones are not annotated.

    Raises:
        DataError: Naming the first result that is not as Label Studio writes it.
    """
    found = Found(path, "Label Studio")
    several = 0
    for task in load_json(path):
        with reading_entry(f"{path}, task {task.get('id')}"):
            kept = [a for a in task.get("annotations", ()) if not a.get("was_cancelled")]
            kept.sort(key=lambda a: (bool(a.get("ground_truth")), str(a.get("updated_at") or "")))
            several += len(kept) > 1
            found.images.append(_listed(task, kept[-1] if kept else None, found))
    labels = [shape.label for image in found.images for shape in image.shapes]
    found.labels = alphabetical(labels)
    if several:
        found.warnings.append(
            f"{path}: {several} tasks have several annotations. Of each the one marked as the "
            f"truth is used, else the one that was changed last."
        )
    return found


def write(
    drawings: Sequence[Drawing], colours: Mapping[str, Colour], out: Path
) -> Iterator[tuple[str, str]]:
    """Yield tasks to be imported, and the labelling interface they need.

    What a segmenter suggests are predictions, what people drew annotations.
    """
    tasks = []
    for number, drawing in enumerate(drawings):
        results = [
            result
            for place, shape in enumerate(drawing.shapes)
            for result in _results(shape, drawing, f"{number}-{place}")
        ]
        scores = [shape.score for shape in drawing.shapes if shape.score is not None]
        whole: dict[str, Any] = {"result": results}
        if drawing.is_suggested:
            whole |= {"model_version": "crosslevel", "score": round(min(scores, default=0), 4)}
        kind = "predictions" if drawing.is_suggested else "annotations"
        tasks.append({"data": {"image": LOCAL_FILES + quote(drawing.name)}, kind: [whole]})
    yield FILE, json.dumps(tasks)
    yield CONFIG_FILE, _config(colours)


def _config(colours: Mapping[str, Colour]) -> str:
    labels = "".join(
        f"    <Label value={quoteattr(name)} background={quoteattr(hex_of(colour))}/>\n"
        for name, colour in colours.items()
    )
    return (
        '<View>\n  <Image name="image" value="$image" zoom="true"/>\n'
        f'  <PolygonLabels name="polygon" toName="image">\n{labels}  </PolygonLabels>\n'
        f'  <BrushLabels name="brush" toName="image">\n{labels}  </BrushLabels>\n</View>\n'
    )


def _listed(task: Mapping[str, Any], annotation: Mapping[str, Any] | None, found: Found) -> Listed:
    name = _image_of(task["data"])
    if annotation is None:
        return Listed(name, None, ())
    results = annotation.get("result", ())
    labels = {r.get("id"): r["value"]["labels"] for r in results if r.get("type") == "labels"}
    size, shapes, has_others = None, [], False
    for result in results:
        kind = str(result.get("type", "")).removesuffix("labels")
        geometry = _geometry(kind, result)
        if geometry is None and kind in (*_NOT_MASKS, *_MASKS):
            found.others[kind] += 1
            has_others = True
        if geometry is not None:
            size = size_of(result["original_height"], result["original_width"])
            named = result["value"].get(f"{kind}labels") or labels.get(result.get("id"))
            shapes.append(Shape(str(named[0]) if named else "unnamed", geometry))
    return Listed(name, size, tuple(shapes), is_done=not has_others, has_others=has_others)


def _image_of(data: Mapping[str, Any]) -> str:
    """Return the path or address among the data of a task that is its image."""
    texts = [data[name] for name in ("image", "img", *data) if isinstance(data.get(name), str)]
    if not texts:
        raise InputError("names no image. Export the tasks as JSON.")
    return str(texts[0])


def _geometry(kind: str, result: Mapping[str, Any]) -> Geometry | None:
    """Return what a result covers; None if it marks no pixels, as a polygon of two corners."""
    if kind not in _MASKS:
        return None
    if result.get("image_rotation"):
        raise InputError("was drawn on a turned image. Turn the image back before annotating.")
    value = result["value"]
    height, width = int(result["original_height"]), int(result["original_width"])
    if kind == "brush":
        return Brush(bytes(value["rle"]), (height, width))
    percent = np.array([width, height]) / 100
    if kind == "ellipse":
        centre = np.array([value["x"], value["y"]]) * percent
        radii = np.array([value["radiusX"], value["radiusY"]]) * percent
        turn = float(value.get("rotation") or 0)
        return Outlines(((ellipse(centre.tolist(), radii.tolist(), turn),),))
    ring = ring_of(number for point in value["points"] for number in point)
    return None if ring is None else Outlines((((ring * percent).round(_DECIMALS),),))


def _results(shape: Shape, drawing: Drawing, key: str) -> Iterator[dict[str, Any]]:
    """Yield a polygon for an object of one part without holes, else strokes of a brush."""
    height, width = drawing.size
    about = {
        "id": hashlib.sha256(f"{drawing.name}-{key}".encode()).hexdigest()[:10],
        "to_name": "image",
        "original_width": width,
        "original_height": height,
        "image_rotation": 0,
    } | ({} if shape.score is None else {"score": round(shape.score, 4)})
    if (ring := shape.single_ring) is not None:
        shares = ring * 100 / np.array([width, height])
        value = {"points": shares.tolist(), "closed": True, "polygonlabels": [shape.label]}
        yield about | {"type": "polygonlabels", "from_name": "polygon", "value": value}
        return
    bits = np.repeat(shape.bits(drawing.size).ravel().astype(np.uint8) * 255, _CHANNELS)
    brush = {"format": "rle", "rle": list(pack(bits)), "brushlabels": [shape.label]}
    yield about | {"type": "brushlabels", "from_name": "brush", "value": brush}
