"""Holes, parts, touching objects, names and colours through every tool and back."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pycocotools.coco import COCO

from crosslevel.data.annotations import TOOLS
from crosslevel.data.annotations.converting import Source, convert
from crosslevel.data.annotations.found import Drawing, Found
from crosslevel.data.annotations.objects import shapes_of_case, shapes_of_mask
from crosslevel.data.annotations.shapes import Outlines, Runs, Shape, ellipse
from crosslevel.data.annotations.tracing import trace
from crosslevel.data.annotations.writing import write_annotations
from crosslevel.data.cases import find_cases
from crosslevel.data.reading import read_case_mask
from crosslevel.errors import InputError
from crosslevel.system.console import Reporter
from crosslevel.types import AnnotationTool, Case, Classes, Layout, UnitedMasks
from support import annotated
from support.pictures import save

SIZE = (60, 70)
COLOURS = {"polyp": (250, 50, 83), "tool with a name": (36, 179, 83)}
WRITTEN = get_args(AnnotationTool)
HAVE_COLOURS = {"coco", "cvat"}
INDEX = {"yolo": "data.yaml", "labelme": "a.json", "cvat": "annotations.xml"}


def objects() -> list[tuple[str, NDArray[np.bool_]]]:
    """One with a hole, one in two parts, and two that touch each other."""
    bits = [np.zeros(SIZE, np.bool_) for _ in range(4)]
    bits[0][5:25, 5:30], bits[0][10:15, 12:20] = True, False
    bits[1][30:40, 5:15], bits[1][45:55, 8:25] = True, True
    bits[2][5:20, 40:50] = True
    bits[3][5:20, 50:60] = True
    names = ["polyp", "tool with a name", "polyp", "polyp"]
    return list(zip(names, bits, strict=True))


def there_and_back(tool: AnnotationTool, shapes: tuple[Shape, ...], folder: Path) -> Found:
    image = folder / "a.png"
    drawings = [Drawing("a.png", image, SIZE, shapes)]
    write_annotations(tool, drawings, dict(COLOURS), folder / "out")
    names = {"coco": "instances.json", "label-studio": "tasks.json", **INDEX}
    return TOOLS[tool].read(folder / "out" / names[tool])


@pytest.mark.parametrize("as_runs", [False, True])
@pytest.mark.parametrize("tool", WRITTEN)
def test_write__objects_come_back_to_the_pixel(
    tmp_path: Path, tool: AnnotationTool, as_runs: bool
) -> None:
    drawn = objects()
    shapes = tuple(Shape(n, Runs.of(b) if as_runs else trace(b)) for n, b in drawn)
    found = there_and_back(tool, shapes, tmp_path)
    (image,) = found.images
    assert image.size in (SIZE, None)
    assert sorted(found.labels) == sorted(COLOURS)
    assert not found.others
    if tool in HAVE_COLOURS:
        assert found.labels == COLOURS
    assert [shape.label for shape in image.shapes] == [name for name, _ in drawn]
    for shape, (_, bits) in zip(image.shapes, drawn, strict=True):
        np.testing.assert_array_equal(shape.bits(SIZE), bits)


@pytest.mark.parametrize("tool", WRITTEN)
@given(data=st.data())
def test_write__outlines_drawn_by_hand_keep_99_percent(
    tmp_path_factory: pytest.TempPathFactory, tool: AnnotationTool, data: st.DataObject
) -> None:
    row, column = data.draw(st.floats(15, 45)), data.draw(st.floats(15, 55))
    radii = data.draw(st.floats(8.5, 14)), data.draw(st.floats(8.5, 14))
    ring = ellipse((column, row), radii, data.draw(st.floats(0, 180)))
    shape = Shape("polyp", Outlines(((ring,),)))
    found = there_and_back(tool, (shape,), tmp_path_factory.mktemp("x"))
    before, after = shape.bits(SIZE), found.images[0].shapes[0].bits(SIZE)
    assert before.sum() > 200
    assert (before & after).sum() / (before | after).sum() >= 0.99


def test_coco__its_own_reader_sees_the_same(tmp_path: Path) -> None:
    drawn = objects()
    there_and_back("coco", tuple(Shape(n, trace(b), 0.5) for n, b in drawn), tmp_path)
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(str(tmp_path / "out" / "instances.json"))
    for entry, (name, bits) in zip(coco.dataset["annotations"], drawn, strict=True):
        np.testing.assert_array_equal(coco.annToMask(entry), bits)
        assert coco.cats[entry["category_id"]]["name"] == name
        assert entry["area"] == bits.sum()
        assert entry["score"] == 0.5


@pytest.mark.parametrize("to", WRITTEN)
def test_convert__a_data_set_is_read_back_with_its_pixels(
    tmp_path: Path, to: AnnotationTool
) -> None:
    source = annotated.cvat(tmp_path / "data")
    layout = Layout(without_shapes="healthy")
    assert convert(Source(path=source, layout=layout), to, tmp_path / "data" / "out") == 3
    source.unlink()
    found = find_cases(tmp_path / "data", layout=layout)
    assert found.problems == []
    classes = Classes({name: number for number, name in enumerate(annotated.COLOURS, start=1)})
    for case in found.cases:
        np.testing.assert_array_equal(read_case_mask(case, classes), annotated.truth(case.id))
    assert len(found.cases) == 3


def test_convert__to_masks_lists_them_with_their_images(tmp_path: Path) -> None:
    source = annotated.coco(tmp_path / "data")
    assert convert(Source(path=source), "masks", tmp_path / "out") == 2
    cases = find_cases(tmp_path / "out" / "cases.csv").cases
    assert [case.mask is not None for case in cases] == [True, True, False]
    classes = Classes({"polyp": 1, "tool": 2})
    for case in cases[:2]:
        np.testing.assert_array_equal(read_case_mask(case, classes), annotated.truth(case.id))


def test_convert__to_masks_says_how_pixels_that_count_nowhere_are_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = annotated.coco(tmp_path / "data")
    source.write_text(source.read_text().replace('"tool"', '"ignore"'))
    out = tmp_path / "the out"
    convert(Source(path=source), "masks", out, Reporter())
    said = capsys.readouterr().err
    assert f"crosslevel train --data '{out}/cases.csv' --out RUN --ignore 255`" in said
    for case in find_cases(out / "cases.csv").cases[:2]:
        expected = np.array([0, 1, 255])[annotated.truth(case.id)]
        np.testing.assert_array_equal(read_case_mask(case, Classes(ignore=255)), expected)


def test_convert__nothing_is_replaced(tmp_path: Path) -> None:
    source = annotated.coco(tmp_path / "data")
    mine = tmp_path / "out" / "instances.json"
    mine.parent.mkdir()
    mine.write_text("mine")
    with pytest.raises(InputError, match="something is there, and nothing of it is replaced"):
        convert(Source(path=source), "coco", tmp_path / "out")
    assert mine.read_text() == "mine"


def test_convert__without_masks_is_refused(tmp_path: Path) -> None:
    annotated.images(tmp_path / "data")
    with pytest.raises(InputError, match="no image has a mask: there is nothing to convert"):
        convert(Source(path=tmp_path / "data"), "coco", tmp_path / "out")


def test_shapes__of_numbers_and_of_files_of_one_object_stay_apart(tmp_path: Path) -> None:
    _, _, one, other = (bits for _, bits in objects())
    numbered = save(tmp_path / "n.png", np.asarray(one * 1 + other * 2, np.uint8))
    files = [
        save(tmp_path / f"{i}.png", bits * np.uint8(255)) for i, bits in enumerate((one, other))
    ]
    by_number = Case("n", numbered, numbered), Classes(instances=True)
    by_file = Case("f", numbered, UnitedMasks(tuple(files))), Classes()
    for case, classes in (by_number, by_file):
        shapes, size = shapes_of_case(case, classes, 2)
        assert size == SIZE
        for shape, bits in zip(shapes, (one, other), strict=True):
            np.testing.assert_array_equal(shape.bits(SIZE), bits)


def test_shapes_of_mask__score_is_the_mean_over_the_object() -> None:
    mask = np.array([[1, 1, 0, 2]], np.uint8)
    sure = np.array([[255, 51, 9, 102]], np.uint8)
    first, second = shapes_of_mask(mask, ["polyp", "tool"], sure)
    assert [first.label, second.label] == ["polyp", "tool"]
    assert [first.score, second.score] == pytest.approx([0.6, 0.4])


def test_label_studio__suggestions_are_predictions_and_drawings_annotations(tmp_path: Path) -> None:
    shape = shapes_of_mask(np.ones(SIZE, np.uint8), ["polyp"], np.full(SIZE, 204, np.uint8))
    for is_suggested, kind in ((True, "predictions"), (False, "annotations")):
        drawing = Drawing("a b.png", tmp_path / "a b.png", SIZE, shape, is_suggested=is_suggested)
        write_annotations("label-studio", [drawing], {"polyp": None}, tmp_path / kind)
        (task,) = json.loads((tmp_path / kind / "tasks.json").read_text())
        assert task["data"]["image"] == "/data/local-files/?d=a%20b.png"
        (result,) = task[kind][0]["result"]
        assert result["score"] == 0.8
        interface = (tmp_path / kind / "labels.xml").read_text()
        assert f'name="{result["from_name"]}" toName="{result["to_name"]}"' in interface
        assert '<Label value="polyp" background="#e69f00"/>' in interface
