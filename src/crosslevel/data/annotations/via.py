"""VGG Image Annotator 2: JSON or CSV; polygons, circles and ellipses. It is only read.

A. Dutta and A. Zisserman, "The VIA Annotation Software for Images, Audio and Video", 2019.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from crosslevel.data.annotations.found import Found, Listed, alphabetical, reading_entry
from crosslevel.data.annotations.parsing import load_json
from crosslevel.data.annotations.shapes import Geometry, Outlines, Shape, ellipse, ring_of
from crosslevel.data.formats.opening import reading

CSV_COLUMNS = ("filename", "region_shape_attributes", "region_attributes")
_PREFERRED = ("class", "label", "type", "name", "category")
_UNNAMED = "object"


def fits(content: Any) -> bool:
    """Whether parsed JSON, or the header of a CSV file, looks like VIA."""
    if isinstance(content, list):
        return set(CSV_COLUMNS) <= {str(name).lstrip("#") for name in content}
    if not isinstance(content, dict) or not content:
        return False
    first = next(iter(content.values()))
    is_plain = isinstance(first, dict) and {"filename", "regions"} <= first.keys()
    return "_via_img_metadata" in content or is_plain


def read(path: Path) -> Found:
    """Read the regions of all images, of a project, an export as JSON or one as CSV.

    Raises:
        DataError: Naming the first image whose regions are not as VIA writes them.
    """
    found = Found(path, "VIA")
    with reading_entry(str(path)):
        entries = _from_csv(path) if path.suffix.lower() == ".csv" else _from_json(path)
    names = {name for _, regions in entries for _, about in regions for name in about}
    by_name = next((name for name in _PREFERRED if name in names), min(names, default=""))
    for image, regions in entries:
        with reading_entry(f"{path} ({image})"):
            shapes, num_others = [], 0
            for drawn, about in regions:
                geometry = _geometry(drawn)
                if geometry is None:
                    found.others[str(drawn.get("name"))] += 1
                    num_others += 1
                else:
                    shapes.append(Shape(_label(about.get(by_name)), geometry))
        found.images.append(Listed(image, None, tuple(shapes), has_others=num_others > 0))
    labels = [shape.label for image in found.images for shape in image.shapes]
    found.labels = alphabetical(labels)
    return found


Regions = list[tuple[Mapping[str, Any], Mapping[str, Any]]]
"""What is drawn, and what is said about it."""
Entries = list[tuple[str, Regions]]
"""Names of images with their regions; two images may have one name, and differ in their bytes."""


def _from_json(path: Path) -> Entries:
    content = load_json(path)
    images = content.get("_via_img_metadata", content)
    entries: Entries = []
    for image in images.values():
        regions = image["regions"]
        listed = regions.values() if isinstance(regions, dict) else regions
        drawn = [(region["shape_attributes"], region["region_attributes"]) for region in listed]
        entries.append((image["filename"], drawn))
    return entries


def _from_csv(path: Path) -> Entries:
    entries: dict[tuple[str, str | None], Regions] = {}
    with reading(path), path.open(newline="", encoding="utf-8-sig") as file:
        for row in csv.DictReader(file):
            name = row.get("filename") or row["#filename"]
            regions = entries.setdefault((name, row.get("file_size")), [])
            drawn = json.loads(row["region_shape_attributes"] or "{}")
            if drawn:
                regions.append((drawn, json.loads(row["region_attributes"] or "{}")))
    return [(name, regions) for (name, _), regions in entries.items()]


def _geometry(drawn: Mapping[str, Any]) -> Geometry | None:
    kind = drawn["name"]
    if kind == "polygon":
        xs: Iterable[float] = drawn["all_points_x"]
        pairs = zip(xs, drawn["all_points_y"], strict=True)
        ring = ring_of(chain.from_iterable(pairs))
        return None if ring is None else Outlines(((ring,),))
    if kind == "circle":
        centre = drawn["cx"], drawn["cy"]
        return Outlines(((ellipse(centre, [drawn["r"]] * 2),),))
    if kind == "ellipse":
        centre, turn = (drawn["cx"], drawn["cy"]), float(np.rad2deg(drawn.get("theta", 0)))
        return Outlines(((ellipse(centre, [drawn["rx"], drawn["ry"]], turn),),))
    return None


def _label(value: Any) -> str:
    """Return the class in an attribute: its text, or the first box that is ticked."""
    if isinstance(value, Mapping):
        value = next((name for name, is_ticked in value.items() if is_ticked), "")
    return str(value).strip() if value not in (None, "") else _UNNAMED
