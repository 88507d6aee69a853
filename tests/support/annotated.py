"""Small images annotated by hand, in the form of each tool."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from support.pictures import save

HEIGHT, WIDTH = 40, 50
NAMES = ("a", "b", "c")
"""Their first letters say what is in them."""
POLYP = [(7, 5), (30, 5), (30, 20), (7, 20)]
TOOL = [(25, 15), (45, 15), (45, 30), (25, 30)]
"""Corners x, y, counted from the corner of the first pixel."""
COLOURS = {"polyp": (250, 50, 83), "tool": (36, 179, 83)}


def truth(name: str) -> NDArray[np.uint8]:
    """Class indices: the tool lies over the polyp in a, alone in b; c has nothing."""
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    if name[0] == "a":
        mask[5:20, 7:30] = 1
    if name[0] in "ab":
        mask[15:30, 25:45] = 2
    return mask


def images(folder: Path, names: Iterable[str] = ()) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(names or NAMES):
        noise = np.random.default_rng(number).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
        save(folder / f"{name}.png", noise)


def shapes(name: str) -> list[tuple[str, list[tuple[int, int]]]]:
    drawn = [("polyp", POLYP)] if name[0] == "a" else []
    return [*drawn, ("tool", TOOL)] if name[0] in "ab" else []


def coco(folder: Path) -> Path:
    """As CVAT exports it: the tool of b is a mask, drawn with a brush."""
    images(folder / "images")
    listed: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, name in enumerate(NAMES, start=1):
        about = {"license": 0, "flickr_url": "", "date_captured": 0}
        listed.append(
            {"id": number, "width": WIDTH, "height": HEIGHT, "file_name": f"{name}.png"} | about
        )
        for label, corners in shapes(name):
            category = {"polyp": 2, "tool": 5}[label]
            drawn: Any = [[float(v) for corner in corners for v in corner]]
            if name[0] == "b":
                drawn = {"size": [HEIGHT, WIDTH], "counts": _by_column(truth("b") == 2)}
            annotations.append(
                {"id": len(annotations) + 1, "image_id": number, "category_id": category}
                | {"segmentation": drawn, "area": 1.0, "bbox": [0, 0, 1, 1]}
                | {"iscrowd": int(name[0] == "b"), "attributes": {"occluded": False}}
            )
    categories = [
        {"id": 5, "name": "tool", "supercategory": ""},
        {"id": 2, "name": "polyp", "supercategory": ""},
        {"id": 9, "name": "never drawn", "supercategory": ""},
    ]
    content = {"licenses": [], "info": {}, "categories": categories, "images": listed}
    file = folder / "annotations" / "instances_default.json"
    return _write(file, json.dumps(content | {"annotations": annotations}))


def labelme(folder: Path) -> Path:
    """The tool of b is a mask; c was looked at and saved without shapes."""
    images(folder)
    for name in NAMES:
        drawn: list[dict[str, Any]] = [
            {"label": label, "points": [list(c) for c in corners], "group_id": None}
            | {"shape_type": "polygon", "flags": {}}
            for label, corners in shapes(name)
        ]
        if name[0] == "b":
            stream = io.BytesIO()
            Image.fromarray(np.ones((15, 20), np.bool_)).save(stream, "PNG")
            picture = base64.b64encode(stream.getvalue()).decode()
            drawn[0] |= {"shape_type": "mask", "points": [[25.0, 15.0], [44.0, 29.0]]}
            drawn[0] |= {"mask": picture}
        content: dict[str, Any] = {
            "version": "5.4.1",
            "flags": {},
            "shapes": drawn,
            "imagePath": f"{name}.png",
        }
        content |= {"imageData": None, "imageHeight": HEIGHT, "imageWidth": WIDTH}
        _write(folder / f"{name}.json", json.dumps(content, indent=2))
    return folder


def cvat_xml() -> str:
    """The tool of a lies over the polyp by its z_order; that of b is a mask."""
    labels = "".join(
        f"<label><name>{name}</name><color>#{bytes(colour).hex()}</color><type>any</type>"
        f"<attributes></attributes></label>"
        for name, colour in COLOURS.items()
    )
    polyp, tool = (";".join(f"{x:.2f},{y:.2f}" for x, y in c) for c in (POLYP, TOOL))
    drawn = {
        "a": f'<polygon label="tool" occluded="0" points="{tool}" z_order="1"></polygon>'
        f'<polygon label="polyp" occluded="0" points="{polyp}" z_order="0"></polygon>',
        "b": '<mask label="tool" source="manual" occluded="0" rle="0, 300" left="25" top="15" '
        'width="20" height="15" z_order="0"></mask>',
        "c": "",
    }
    pictures = "".join(
        f'<image id="{number}" name="{name}.png" width="{WIDTH}" height="{HEIGHT}">'
        f"{drawn[name[0]]}</image>"
        for number, name in enumerate(NAMES)
    )
    return (
        f'<?xml version="1.0" encoding="utf-8"?><annotations><version>1.1</version><meta><job>'
        f"<size>3</size><labels>{labels}</labels></job></meta>{pictures}</annotations>"
    )


def cvat(folder: Path) -> Path:
    images(folder / "images")
    return _write(folder / "annotations.xml", cvat_xml())


def cvat_zip(folder: Path) -> Path:
    """As exported with its images."""
    images(folder / "for_the_zip")
    file = folder / "task.zip"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("annotations.xml", cvat_xml())
        for path in sorted((folder / "for_the_zip").iterdir()):
            archive.write(path, f"images/{path.name}")
            path.unlink()
    (folder / "for_the_zip").rmdir()
    return file


BRUSH_OF_B = (
    "00001f40391bff0c1b00c9fff9dc0327ffe7700c9fff9dc0327ffe7700c9fff9dc0327ffe7700c9fff9dc0327ffe77"
    "00c9fff9dc0327ffe7700c9fff9dc0327ffe7700c9fff9dc0327ffe7700c9fffc1f8c000"
)
"""The tool of b as label-studio-sdk 2.1.2 packs it (`converter.brush.mask2rle`)."""


def label_studio(folder: Path) -> Path:
    """Images uploaded, so their names have begun to differ; c was submitted without a shape."""
    images(folder / "images")
    tasks = []
    for number, name in enumerate(NAMES, start=1):
        results: list[dict[str, Any]] = []
        for label, corners in shapes(name):
            about = {"original_width": WIDTH, "original_height": HEIGHT, "image_rotation": 0}
            points = [[100 * x / WIDTH, 100 * y / HEIGHT] for x, y in corners]
            value: dict[str, Any] = {"points": points, "closed": True, "polygonlabels": [label]}
            kind = "polygonlabels"
            if name[0] == "b":
                kind = "brushlabels"
                rle = list(bytes.fromhex(BRUSH_OF_B))
                value = {"format": "rle", "rle": rle, "brushlabels": [label]}
            results.append(
                about
                | {"id": f"r{len(results)}", "type": kind, "value": value}
                | {"from_name": "label", "to_name": "image", "origin": "manual"}
            )
        annotation = {"id": number, "completed_by": 1, "result": results, "was_cancelled": False}
        data = {"image": f"/data/upload/1/a1b2c3d4-{name}.png"}
        tasks.append({"id": number, "annotations": [annotation], "predictions": [], "data": data})
    return _write(folder / "project-1.json", json.dumps(tasks))


def yolo(folder: Path) -> Path:
    """The file of c is empty: nothing is to be found there."""
    images(folder / "images" / "train")
    for name in NAMES:
        lines = [
            f"{('polyp', 'tool').index(label)} "
            + " ".join(f"{x / WIDTH:.6f} {y / HEIGHT:.6f}" for x, y in corners)
            for label, corners in shapes(name)
        ]
        _write(folder / "labels" / "train" / f"{name}.txt", "\n".join(lines))
    return _write(folder / "data.yaml", "train: images/train\nnc: 2\nnames: [polyp, tool]\n")


def via(folder: Path) -> Path:
    """A project of VIA 2."""
    images(folder)
    metadata = {}
    for name in NAMES:
        regions = [
            {
                "shape_attributes": {
                    "name": "polygon",
                    "all_points_x": [x for x, _ in corners],
                    "all_points_y": [y for _, y in corners],
                },
                "region_attributes": {"kind": label},
            }
            for label, corners in shapes(name)
        ]
        metadata[f"{name}.png123"] = {
            "filename": f"{name}.png",
            "size": 123,
            "regions": regions,
            "file_attributes": {},
        }
    content = {"_via_settings": {}, "_via_img_metadata": metadata, "_via_attributes": {}}
    return _write(folder / "via_project.json", json.dumps(content))


TOOLS: dict[str, Callable[[Path], Path]] = {
    "coco": coco,
    "labelme": labelme,
    "cvat": cvat,
    "cvat zip": cvat_zip,
    "label-studio": label_studio,
    "yolo": yolo,
    "via": via,
}
"""Write images and annotations below a folder, return the file to be given (or the folder)."""


def _by_column(bits: NDArray[np.bool_]) -> list[int]:
    """Run lengths, counted one pixel at a time."""
    counts, last = [0], False
    for bit in bits.T.ravel().tolist():
        if bit != last:
            counts.append(0)
        counts[-1] += 1
        last = bit
    return counts


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path
