"""What single tools have beside polygons."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from crosslevel.data.annotations import cvat, label_studio, labelme, via, yolo
from crosslevel.data.annotations.found import Found
from crosslevel.data.cases import find_cases
from crosslevel.errors import DataError
from support import annotated


def saved(path: Path, content: object) -> Path:
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def covered(found: Found, size: tuple[int, int] = (40, 50)) -> list[int]:
    return [int(shape.bits(size).sum()) for image in found.images for shape in image.shapes]


def test_labelme__rectangles_and_circles_are_shapes_lines_are_not(tmp_path: Path) -> None:
    shapes = [
        {"label": "b", "shape_type": "rectangle", "points": [[9, 8], [3, 2]]},
        {"label": "a", "shape_type": "circle", "points": [[20, 20], [20, 30]]},
        {"label": "c", "shape_type": "linestrip", "points": [[1, 1], [2, 2], [5, 5]]},
    ]
    found = labelme.read(saved(tmp_path / "x.json", {"shapes": shapes, "imagePath": "x.png"}))
    rectangle, circle = covered(found)
    assert rectangle == 6 * 6
    assert circle == pytest.approx(np.pi * 100, rel=0.02)
    assert found.others == {"linestrip": 1}
    assert list(found.labels) == ["a", "b"]
    assert not found.images[0].is_done


def test_cvat__boxes_are_named_ellipses_are_shapes(tmp_path: Path) -> None:
    text = """<annotations><image id="0" name="a.png" width="50" height="40" subset="Train">
      <box label="polyp" xtl="1" ytl="1" xbr="9" ybr="9"/>
      <ellipse label="polyp" cx="20" cy="20" rx="9" ry="5"/>
      <tag label="good"/></image></annotations>"""
    found = cvat.read(saved(tmp_path / "annotations.xml", text))
    assert covered(found) == [pytest.approx(np.pi * 45, rel=0.03)]
    assert found.others == {"box": 1}
    assert found.images[0].part == "Train"


def test_cvat__the_shape_of_the_highest_z_order_is_on_top_of_parts_of_a_group(
    tmp_path: Path,
) -> None:
    drawn = "".join(
        f'<polygon label="{label}" z_order="{order}" points="{left},1;{right},1;{right},9;{left},9"'
        f"{group}/>"
        for order, label, left, right, group in (
            (2, "x", 20, 25, ' group_id="1"'),
            (1, "y", 15, 30, ""),
            (0, "x", 0, 5, ' group_id="1"'),
            (0, "x", 40, 45, ' group_id="1"'),
        )
    )
    text = f'<annotations><image id="0" name="a.png">{drawn}</image></annotations>'
    found = cvat.read(saved(tmp_path / "annotations.xml", text))
    assert [shape.label for shape in found.images[0].shapes] == ["x", "y", "x"]
    assert covered(found) == [2 * 5 * 8, 15 * 8, 5 * 8]


def test_cvat__tracks_of_a_video_are_refused(tmp_path: Path) -> None:
    file = saved(tmp_path / "annotations.xml", "<annotations><track id='0'/></annotations>")
    with pytest.raises(DataError, match=r"tracks of a video\. Export it as 'CVAT for images"):
        cvat.read(file)


def task(*annotations: Any) -> dict[str, Any]:
    return {"id": 1, "data": {"image": "s3://b/x.png"}, "annotations": list(annotations)}


def polygon(label: str) -> dict[str, Any]:
    about = {"original_width": 50, "original_height": 40, "type": "polygonlabels", "id": label}
    return about | {"value": {"points": [[0, 0], [50, 0], [0, 50]], "polygonlabels": [label]}}


def test_label_studio__of_several_annotations_the_truth_or_the_last_counts(tmp_path: Path) -> None:
    first = {"result": [polygon("first")], "updated_at": "2026-01-01"}
    second = {"result": [polygon("second")], "updated_at": "2026-02-01"}
    skipped = {"result": [polygon("skipped")], "updated_at": "2026-03-01", "was_cancelled": True}
    found = label_studio.read(saved(tmp_path / "x.json", [task(second, first, skipped)]))
    assert list(found.labels) == ["second"]
    assert "1 tasks have several annotations" in found.warnings[0]
    marked = first | {"ground_truth": True}
    found = label_studio.read(saved(tmp_path / "y.json", [task(second, marked)]))
    assert list(found.labels) == ["first"]


def test_label_studio__a_task_without_annotation_is_not_healthy(tmp_path: Path) -> None:
    box = polygon("box") | {"type": "rectanglelabels"}
    tasks = [task(), task({"result": [], "was_cancelled": True}), task({"result": [box]})]
    tasks.append(task({"result": []}))
    found = label_studio.read(saved(tmp_path / "x.json", tasks))
    assert [image.is_done for image in found.images] == [False, False, False, True]
    assert found.others == {"rectangle": 1}


def test_label_studio__an_unfinished_polygon_does_not_make_an_image_healthy(tmp_path: Path) -> None:
    unfinished = polygon("polyp")
    unfinished["value"]["points"].pop()
    tasks = [task({"result": [unfinished]}), task({"result": [unfinished, polygon("polyp")]})]
    found = label_studio.read(saved(tmp_path / "x.json", tasks))
    assert [image.is_done for image in found.images] == [False, False]
    assert [image.has_others for image in found.images] == [True, True]
    assert [len(image.shapes) for image in found.images] == [0, 1]
    assert found.others == {"polygon": 2}


def test_label_studio__labels_may_be_apart_from_shapes(tmp_path: Path) -> None:
    shape = polygon("x") | {"type": "polygon"}
    del shape["value"]["polygonlabels"]
    named = {"type": "labels", "id": "x", "value": {"labels": ["polyp"]}}
    found = label_studio.read(saved(tmp_path / "x.json", [task({"result": [shape, named]})]))
    assert list(found.labels) == ["polyp"]


def test_yolo__boxes_are_named_and_unknown_classes_refused(tmp_path: Path) -> None:
    labels = tmp_path / "labels"
    labels.mkdir()
    saved(labels / "a.txt", "0 0.5 0.5 0.2 0.2\n1 0 0 0.5 0 0.5 0.5 0 0.5\n")
    saved(labels / "classes.txt", "polyp\ntool\n")
    found = yolo.read(tmp_path)
    assert found.others == {"box": 1}
    assert covered(found) == [20 * 25]
    assert list(found.labels) == ["polyp", "tool"]
    names = saved(tmp_path / "data.yaml", "names: {0: polyp}")
    with pytest.raises(DataError, match="class 1 is not among the names"):
        yolo.read(names)


def test_yolo__names_with_dots_and_numbers_with_an_exponent_are_read(tmp_path: Path) -> None:
    annotated.images(tmp_path / "images", ("a_png.rf.0a1b",))
    (tmp_path / "labels").mkdir()
    saved(tmp_path / "labels" / "a_png.rf.0a1b.txt", "0 7.8e-05 0.1 0.5 0.1 0.5 0.5")
    saved(tmp_path / "data.yaml", "names: [polyp]")
    found = find_cases(tmp_path)
    assert found.problems == []
    assert [case.mask is not None for case in found.cases] == [True]


def test_via__csv_is_read_as_json(tmp_path: Path) -> None:
    rows = [
        "filename,file_size,region_id,region_shape_attributes,region_attributes",
        'a.png,1,0,"{""name"":""circle"",""cx"":20,""cy"":20,""r"":9}","{""class"":""polyp""}"',
        'a.png,1,1,"{""name"":""rect"",""x"":2,""y"":2,""width"":5,""height"":5}","{}"',
        "b.png,1,0,{},{}",
    ]
    found = via.read(saved(tmp_path / "via.csv", "\n".join(rows)))
    assert covered(found) == [pytest.approx(np.pi * 81, rel=0.02)]
    assert found.others == {"rect": 1}
    assert [image.name for image in found.images] == ["a.png", "b.png"]
    assert list(found.labels) == ["polyp"]


def test_via__two_images_of_one_name_are_not_taken_for_one(tmp_path: Path) -> None:
    content = json.loads(annotated.via(tmp_path).read_text())
    images = content["_via_img_metadata"]
    images["a.png99"] = images["b.png123"] | {"filename": "a.png", "size": 99}
    saved(tmp_path / "via_project.json", content)
    (line,) = find_cases(tmp_path).problems
    assert "a.png is annotated twice. Keep one" in line
