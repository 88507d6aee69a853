"""CVAT for images 1.1: one XML file for all images; polygons, ellipses and masks by row."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from crosslevel.data.annotations.colours import colour_of, hex_of
from crosslevel.data.annotations.found import Drawing, Found, Listed, reading_entry, size_of
from crosslevel.data.annotations.parsing import load_xml
from crosslevel.data.annotations.shapes import (
    Colour,
    Geometry,
    Outlines,
    Runs,
    Shape,
    cropped,
    ellipse,
    ring_of,
)
from crosslevel.data.annotations.uniting import united
from crosslevel.errors import InputError

FILE = "annotations.xml"


def fits(content: Any) -> bool:
    """Whether the root of parsed XML is CVAT's."""
    return isinstance(content, ET.Element) and content.tag == "annotations"


def read(path: Path) -> Found:
    """Read labels in the order of the task, with their colours, and shapes.

    Shapes are painted in the order of `z_order`, and then of the file.

    Raises:
        DataError: Naming the first shape that is not as CVAT writes it, or a video.
    """
    root = load_xml(path)
    found = Found(path, "CVAT", order="that of the task")
    for label in root.iterfind("meta//labels/label"):
        found.labels.setdefault(label.findtext("name", ""), colour_of(label.findtext("color", "")))
    with reading_entry(str(path)):
        if root.find("track") is not None:
            raise InputError("holds tracks of a video. Export it as 'CVAT for images 1.1'.")
    for image in root.iterfind("image"):
        found.images.append(_listed(image, found))
    used = {shape.label for image in found.images for shape in image.shapes}
    for name in sorted(used - found.labels.keys()):
        found.labels[name] = None
    return found


def write(
    drawings: Sequence[Drawing], colours: Mapping[str, Colour], out: Path
) -> Iterator[tuple[str, str]]:
    """Yield one file: polygons for objects of one part without holes, masks for others."""
    root = ET.Element("annotations")
    ET.SubElement(root, "version").text = "1.1"
    task = ET.SubElement(ET.SubElement(root, "meta"), "task")
    labels = ET.SubElement(task, "labels")
    for name, colour in colours.items():
        label = ET.SubElement(labels, "label")
        ET.SubElement(label, "name").text = name
        ET.SubElement(label, "color").text = hex_of(colour)
        ET.SubElement(label, "attributes")
    for number, drawing in enumerate(drawings):
        height, width = map(str, drawing.size)
        about = {"id": str(number), "name": drawing.name, "width": width, "height": height}
        image = ET.SubElement(root, "image", about)
        for order, shape in enumerate(drawing.shapes):
            source = "auto" if drawing.is_suggested else "manual"
            about = {"label": shape.label, "source": source, "occluded": "0"}
            tag, drawn = _entry(shape, drawing.size)
            ET.SubElement(image, tag, about | drawn | {"z_order": str(order)})
    ET.indent(root)
    yield FILE, f"<?xml version='1.0' encoding='utf-8'?>\n{ET.tostring(root, 'unicode')}\n"


def _listed(image: ET.Element, found: Found) -> Listed:
    name = image.get("name", "")
    shapes: list[tuple[int, tuple[str | None, Shape]]] = []
    has_others = False
    for number, entry in enumerate(image):
        with reading_entry(f"{found.file} ({name}), shape {number} ({entry.tag})"):
            geometry = _geometry(entry)
            if geometry is not None:
                shape = Shape(entry.attrib["label"], geometry)
                group = entry.get("group_id", "0")
                order = int(entry.get("z_order", 0))
                shapes.append((order, (None if group == "0" else group, shape)))
            elif entry.tag != "tag":
                found.others[entry.tag] += 1
                has_others = True
    size = size_of(image.get("height"), image.get("width"))
    ordered = sorted(shapes, key=lambda pair: pair[0])
    painted = united(grouped for _, grouped in ordered)
    return Listed(name, size, painted, has_others=has_others, part=image.get("subset"))


def _geometry(entry: ET.Element) -> Geometry | None:
    """Return what a shape covers; None if it is a box, a line or points."""
    if entry.tag == "polygon":
        corners = entry.attrib["points"].replace(";", ",").split(",")
        ring = ring_of(corners)
        return None if ring is None else Outlines(((ring,),))
    if entry.tag == "ellipse":
        x, y, across, down = (float(entry.attrib[name]) for name in ("cx", "cy", "rx", "ry"))
        turned = ellipse((x, y), (across, down), float(entry.get("rotation", 0)))
        return Outlines(((turned,),))
    if entry.tag == "mask":
        counts = np.array([int(number) for number in entry.attrib["rle"].split(",")], np.int64)
        top, left, height, width = (
            int(float(entry.attrib[name])) for name in ("top", "left", "height", "width")
        )
        return Runs(counts, (top, left, height, width))
    return None


def _entry(shape: Shape, size: tuple[int, int]) -> tuple[str, dict[str, str]]:
    if (ring := shape.single_ring) is not None:
        return "polygon", {"points": ";".join(f"{x!r},{y!r}" for x, y in ring.tolist())}
    bits, corner = cropped(shape.bits(size))
    runs = Runs.of(bits, corner)
    box = dict(zip(("top", "left", "height", "width"), map(str, runs.box), strict=True))
    return "mask", {"rle": ", ".join(map(str, runs.counts.tolist()))} | box
