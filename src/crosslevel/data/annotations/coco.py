"""COCO: one JSON file for all images; polygons and run lengths by column.

T.-Y. Lin et al., "Microsoft COCO", 2014; the compressed run lengths are those of its reference
code. A region of `iscrowd` is several objects of the class: of their pixels nothing is different.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosslevel.data.annotations.colours import colour_of, hex_of
from crosslevel.data.annotations.found import Drawing, Found, Listed, reading_entry, size_of
from crosslevel.data.annotations.parsing import load_json
from crosslevel.data.annotations.shapes import (
    Colour,
    Geometry,
    Outlines,
    Runs,
    Shape,
    cropped,
    ring_of,
)
from crosslevel.errors import InputError

FILE = "instances.json"
_BOX = "box without a mask"


def fits(content: Any) -> bool:
    """Whether parsed JSON looks like COCO."""
    if not isinstance(content, dict):
        return False
    return isinstance(content.get("images"), list) and isinstance(content.get("annotations"), list)


def read(path: Path) -> Found:
    """Read images, categories in the order of their ids, and annotations.

    Raises:
        DataError: Naming the first entry that is not as COCO has it.
    """
    content = load_json(path)
    found = Found(path, "COCO", order="that of the category ids")
    names: dict[Any, str] = {}
    with reading_entry(f"{path}, categories"):
        for category in sorted(content.get("categories", ()), key=lambda entry: entry["id"]):
            names[category["id"]] = str(category["name"])
            found.labels.setdefault(str(category["name"]), colour_of(category.get("color")))
    sizes: dict[Any, tuple[int, int] | None] = {}
    shapes: dict[Any, list[Shape]] = {}
    others: set[Any] = set()
    with reading_entry(f"{path}, images"):
        for image in content["images"]:
            sizes[image["id"]] = size_of(image.get("height"), image.get("width"))
    for entry in content["annotations"]:
        with reading_entry(f"{path}, annotation {entry.get('id') if entry else entry}"):
            of = entry["image_id"]
            if of not in sizes:
                line = f"belongs to image {of}, which is not among the images. Export it again."
                raise InputError(line)
            geometry = _geometry(entry.get("segmentation"), sizes[of])
            if geometry is None:
                found.others[_BOX] += 1
                others.add(of)
            else:
                label = names[entry["category_id"]]
                shapes.setdefault(of, []).append(Shape(label, geometry))
    for image in content["images"]:
        key, name = image["id"], str(image.get("file_name") or image["id"])
        own = tuple(shapes.get(key, ()))
        found.images.append(Listed(name, sizes[key], own, has_others=key in others))
    return found


def write(
    drawings: Sequence[Drawing], colours: Mapping[str, Colour], out: Path
) -> Iterator[tuple[str, str]]:
    """Yield one file: polygons for objects without holes, compressed run lengths for others."""
    ids = {name: number for number, name in enumerate(colours, start=1)}
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for image_id, drawing in enumerate(drawings, start=1):
        height, width = drawing.size
        images.append({"id": image_id, "file_name": drawing.name, "height": height, "width": width})
        for shape in drawing.shapes:
            entry = {"id": len(annotations) + 1, "image_id": image_id, "iscrowd": 0}
            entry |= {"category_id": ids[shape.label]} | _entry(shape, drawing.size)
            annotations.append(entry)
    categories = [
        {"id": number, "name": name, "supercategory": "", "color": hex_of(colours[name])}
        for name, number in ids.items()
    ]
    content = {"info": {}, "licenses": [], "images": images, "annotations": annotations}
    yield FILE, json.dumps(content | {"categories": categories})


def _entry(shape: Shape, size: tuple[int, int]) -> dict[str, Any]:
    """Return what an annotation says of its pixels."""
    bits = shape.bits(size)
    inside, (top, left) = cropped(bits)
    box = [left, top, inside.shape[1], inside.shape[0]]
    entry: dict[str, Any] = {"area": int(bits.sum()), "bbox": box}
    entry["segmentation"] = _segmentation(shape.geometry, bits)
    return entry if shape.score is None else entry | {"score": round(shape.score, 4)}


def _segmentation(geometry: Geometry, bits: NDArray[np.bool_]) -> object:
    parts = geometry.parts if isinstance(geometry, Outlines) and not geometry.is_relative else ()
    if parts and all(len(part) == 1 for part in parts):
        return [part[0].ravel().tolist() for part in parts]
    counts = compress(Runs.of(bits, by_column=True).counts)
    return {"size": list(bits.shape), "counts": counts}


def _geometry(segmentation: Any, size: tuple[int, int] | None) -> Geometry | None:
    if not segmentation:
        return None
    if isinstance(segmentation, list):
        rings = [ring_of(numbers) for numbers in segmentation]
        parts = tuple((ring,) for ring in rings if ring is not None)
        return Outlines(parts) if parts else None
    height, width = map(int, segmentation["size"])
    if size not in (None, (height, width)):
        raise InputError(
            f"its run lengths are of an image of {height} x {width}, but its image is {size[0]} x "
            f"{size[1]} (height x width). Export it again."
        )
    counts = segmentation["counts"]
    if isinstance(counts, str):
        return Runs(decompress(counts), (0, 0, height, width), by_column=True)
    return Runs(np.array(counts, np.int64), (0, 0, height, width), by_column=True)


def decompress(text: str) -> NDArray[np.int64]:
    """Return the counts of COCO's compressed run lengths.

    Each number is written in groups of five bits, the lowest first, with a sixth bit where more
    follow; from the fourth count on it is the difference to the count before the last.

    Example:
        >>> decompress("61X13").tolist()
        [6, 1, 40, 4]
    """
    codes = np.frombuffer(text.encode(), np.uint8).astype(np.int64) - 48
    if not len(codes) or codes.min() < 0 or codes.max() > 63 or codes[-1] & 32:
        raise InputError("its compressed run lengths are damaged. Export it again.")
    ends = np.flatnonzero(codes & 32 == 0)
    starts = np.concatenate([[0], ends[:-1] + 1])
    place = np.arange(len(codes)) - np.repeat(starts, ends - starts + 1)
    numbers = np.add.reduceat((codes & 31) << (5 * place), starts)
    is_negative = codes[ends] & 16 > 0
    numbers -= np.where(is_negative, 1 << (5 * (ends - starts + 1)), 0)
    first, even, odd = numbers[:1], numbers[2::2], numbers[1::2]
    counts = numbers.copy()
    counts[:1], counts[2::2], counts[1::2] = first, np.cumsum(even), np.cumsum(odd)
    return counts


def compress(counts: NDArray[np.int64]) -> str:
    """Return counts as COCO's compressed run lengths (see `decompress`).

    Example:
        >>> compress(np.array([6, 1, 40, 4]))
        '61X13'
    """
    numbers = counts.tolist()
    differences = [n - numbers[i - 2] if i > 2 else n for i, n in enumerate(numbers)]
    return "".join(chr(48 + code) for code in chain.from_iterable(map(_groups, differences)))


def _groups(number: int) -> Iterator[int]:
    while True:
        bits, number = number & 31, number >> 5
        is_last = number == (-1 if bits & 16 else 0)
        yield bits if is_last else bits | 32
        if is_last:
            return
