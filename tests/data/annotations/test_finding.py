"""Images that annotation files name, what lies beside them, and what is said about both."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from crosslevel.cli import main
from crosslevel.data.cases import find_cases, usable_cases
from crosslevel.data.reading import read_case_mask
from crosslevel.errors import DataError
from crosslevel.types import Classes
from support import annotated
from support.names import touch
from support.pictures import save


def test_find__images_not_listed_are_unlabelled(tmp_path: Path) -> None:
    annotated.coco(tmp_path)
    annotated.images(tmp_path / "images", ("d", "e"))
    found = find_cases(tmp_path)
    assert [case.id for case in found.cases if case.mask is None] == ["c", "d", "e"]
    assert "2 not listed (unlabelled)" in found.layout
    assert any("images listed without a shape: 1. They are taken" in w for w in found.warnings)
    assert any("left out: never drawn" in warning for warning in found.warnings)


def test_find__missing_images_are_counted_and_may_be_done_without(tmp_path: Path) -> None:
    file = annotated.coco(tmp_path)
    (tmp_path / "images" / "b.png").unlink()
    (line,) = find_cases(tmp_path).problems
    assert line.startswith(f"{file}: listed images that are not there")
    assert "1 (b.png). Put them into" in line
    assert [case.id for case in usable_cases(tmp_path, skip_bad=True)] == ["a", "c"]
    shutil.rmtree(tmp_path / "images")
    with pytest.raises(DataError, match=r"3 \(a.png, b.png, c.png\)"):
        usable_cases(tmp_path, skip_bad=True)


def test_find__images_and_annotations_behind_links_are_there(tmp_path: Path) -> None:
    annotated.coco(tmp_path / "elsewhere")
    (tmp_path / "data").mkdir()
    for name in ("images", "annotations"):
        (tmp_path / "data" / name).symlink_to(tmp_path / "elsewhere" / name)
    (tmp_path / "data" / "images" / "loop").symlink_to(tmp_path / "data")
    found = find_cases(tmp_path / "data")
    assert found.problems == []
    assert [case.image.parent for case in found.cases] == [tmp_path / "data" / "images"] * 3


def test_find__yolo_needs_no_more_than_its_labels(tmp_path: Path) -> None:
    annotated.yolo(tmp_path).unlink()
    found = find_cases(tmp_path)
    assert found.problems == []
    assert [case.mask is not None for case in found.cases] == [True] * 3
    assert list(found.labels) == ["class0", "class1"]


def test_find__masks_drawn_as_images_come_first(tmp_path: Path) -> None:
    annotated.coco(tmp_path)
    (tmp_path / "masks").mkdir()
    save(tmp_path / "masks" / "a.png", annotated.truth("a"))
    found = find_cases(tmp_path)
    assert found.labels == {}
    assert [case.mask for case in found.cases if case.mask] == [tmp_path / "masks" / "a.png"]


def test_find__annotations_of_two_tools_are_asked_about(tmp_path: Path) -> None:
    annotated.coco(tmp_path)
    annotated.cvat(tmp_path)
    with pytest.raises(DataError, match=r"of CVAT .* and COCO .*Give the one to use as --data"):
        find_cases(tmp_path)
    assert find_cases(tmp_path / "annotations.xml").layout.startswith("CVAT (annotations.xml)")


def test_find__annotations_beside_those_of_yolo_are_asked_about(tmp_path: Path) -> None:
    table, file = annotated.yolo(tmp_path), annotated.coco(tmp_path)
    shutil.rmtree(tmp_path / "images" / "train")
    with pytest.raises(DataError, match=r"of COCO \(.*\) and YOLO \(data.yaml\)\. Give the one"):
        find_cases(tmp_path)
    assert find_cases(table).layout.startswith("YOLO (data.yaml)")
    assert find_cases(file).layout.startswith("COCO (instances_default.json)")
    table.unlink()
    with pytest.raises(DataError, match=r"and YOLO \(labels\)"):
        find_cases(tmp_path)
    found = find_cases(tmp_path / "labels")
    assert found.problems == []
    assert [case.id for case in found.cases if case.mask] == ["a", "b", "c"]


def test_find__pictures_beside_a_folder_of_annotations_are_none_of_theirs(tmp_path: Path) -> None:
    touch(tmp_path, "downloads/screenshot.png", "downloads/holiday/a.png", "downloads/export/x.txt")
    export = tmp_path / "downloads" / "export"
    shutil.copy(annotated.coco(tmp_path / "elsewhere"), export / "instances.json")
    assert find_cases(export).cases == []


def test_find__what_exports_have_beside_the_labels_of_yolo_is_passed_over(tmp_path: Path) -> None:
    table = annotated.yolo(tmp_path)
    before = find_cases(tmp_path)
    captions = {"images": [{"id": 1}], "annotations": [{"id": 1, "image_id": 1, "caption": "x"}]}
    notes = {"categories": [{"id": 0, "name": "polyp"}], "info": {"version": "1.0"}}
    for name, text in {
        "classes.txt": "polyp\ntool\n",
        "notes.json": json.dumps(notes),
        "captions.json": json.dumps(captions),
        "damaged.json": "{",
        "results.csv": "epoch,loss\n1,2\n",
        "README.dataset.txt": "polyps",
        "a.yaml": table.read_text(),
        "dataset.yaml": "names: {0: polyp, 1: tool}",
        "hyp.yaml": "lr0: 0.01",
    }.items():
        (tmp_path / name).write_text(text)
    assert find_cases(tmp_path) == before


def test_find__a_second_table_of_other_classes_is_named(tmp_path: Path) -> None:
    table = annotated.yolo(tmp_path)
    (tmp_path / "a.yaml").write_text("names: [tool, polyp]")
    found = find_cases(tmp_path)
    assert list(found.labels) == ["polyp", "tool"]
    (line,) = found.warnings
    assert line.startswith(f"{tmp_path / 'a.yaml'}: names other classes than {table}, which is")


def test_find__an_image_annotated_twice_is_refused(tmp_path: Path) -> None:
    file = annotated.coco(tmp_path)
    shutil.copy(file, file.with_name("second_reader.json"))
    problems = find_cases(tmp_path).problems
    assert len(problems) == 2
    assert "a.png is annotated twice. Keep one, or give one as --data" in problems[0]


def test_find__a_name_in_a_folder_that_is_not_there_means_no_image_elsewhere(
    tmp_path: Path,
) -> None:
    file = annotated.coco(tmp_path)
    content = json.loads(file.read_text())
    for image, name in zip(
        content["images"], ("train/a.png", "val/b.png", "val/a.png"), strict=True
    ):
        image["file_name"] = name
    file.write_text(json.dumps(content))
    (tmp_path / "images").rename(tmp_path / "val")
    found = find_cases(tmp_path)
    assert [case.id for case in found.cases if case.mask] == ["b"]
    (line,) = found.problems
    assert "not there, or in several folders: 1 (train/a.png)" in line


def test_find__an_image_of_another_patient_is_doubted(tmp_path: Path) -> None:
    file = annotated.coco(tmp_path)
    content = json.loads(file.read_text())
    for image in content["images"]:
        image["file_name"] = f"patientA/{image['file_name']}"
    file.write_text(json.dumps(content))
    assert not any("patientA" in line for line in find_cases(tmp_path).warnings)
    (tmp_path / "images").rename(tmp_path / "patientB")
    image = tmp_path / "patientB" / "a.png"
    (line,) = [line for line in find_cases(tmp_path).warnings if "patientA" in line]
    assert line.startswith(f"{file}: images taken from a folder of another number or part")
    assert f"than the file names: 3 (patientA/a.png from {image}). If these are others" in line


def test_find__two_images_of_one_stem_are_named(tmp_path: Path) -> None:
    annotated.coco(tmp_path)
    shutil.copy(tmp_path / "images" / "a.png", tmp_path / "images" / "a.bmp")
    (line,) = find_cases(tmp_path).problems
    assert line.endswith("has the same stem as a.png. Rename or remove one.")


def test_find__parts_by_the_names_of_files_and_folders(tmp_path: Path) -> None:
    for part in ("train", "valid", "test"):
        annotated.coco(tmp_path / part)
        (tmp_path / part / "annotations" / "instances_default.json").rename(
            tmp_path / part / "_annotations.coco.json"
        )
        shutil.rmtree(tmp_path / part / "annotations")
    annotated.images(tmp_path / "test" / "images", ("d",))
    cases = {case.id: case for case in find_cases(tmp_path).cases}
    parts = {case_id: case.part for case_id, case in cases.items()}
    assert parts["valid/images/a"] == "val"
    assert parts["train/images/c"] == "train"
    assert parts["d"] == "test"
    assert len(parts) == 10
    assert "test" in str(cases["test/images/a"].mask)


def test_find__two_files_of_one_folder_of_images(tmp_path: Path) -> None:
    file = annotated.coco(tmp_path)
    content = json.loads(file.read_text())
    listed = content["images"]
    for name, some in (("train", listed[:1]), ("val", listed[1:])):
        ids = {image["id"] for image in some}
        own = [a for a in content["annotations"] if a["image_id"] in ids]
        both = {"images": some + some[:0], "annotations": own}
        file.with_name(f"instances_{name}2017.json").write_text(json.dumps(content | both))
    file.unlink()
    found = find_cases(tmp_path)
    assert found.problems == []
    assert list(found.labels) == ["polyp", "tool"]


def test_find__a_zip_with_its_images_is_unpacked_once(tmp_path: Path) -> None:
    file = annotated.cvat_zip(tmp_path)
    cases = find_cases(file).cases
    assert len(cases) == 3
    assert cases == find_cases(tmp_path).cases
    assert str(file) in str(cases[0].mask)


def test_find__a_zip_without_images_means_those_beside_it(tmp_path: Path) -> None:
    annotated.images(tmp_path / "pictures")
    with zipfile.ZipFile(tmp_path / "task.zip", "w") as archive:
        archive.writestr("annotations.xml", annotated.cvat_xml())
    found = find_cases(tmp_path)
    assert found.cases[0].image == tmp_path / "pictures" / "a.png"
    mask = read_case_mask(found.cases[0], Classes({"polyp": 1, "tool": 2}))
    np.testing.assert_array_equal(mask, annotated.truth("a"))


def test_find__a_zip_that_reaches_out_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "task.zip", "w") as archive:
        archive.writestr("../annotations.xml", annotated.cvat_xml())
    with pytest.raises(DataError, match="unsafe member"):
        find_cases(tmp_path / "task.zip")


def test_find__json_of_something_else_is_named_or_refused(tmp_path: Path) -> None:
    annotated.coco(tmp_path)
    other = tmp_path / "settings.json"
    other.write_text('{"a": 1}')
    assert any("settings.json: is not used" in line for line in find_cases(tmp_path).warnings)
    with pytest.raises(DataError, match="not annotations that are understood"):
        find_cases(other)


def test_check__says_how_shapes_are_understood(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = annotated.yolo(tmp_path)
    assert main(["data", "check", str(file)]) == 0
    said = capsys.readouterr().out
    assert "as shapes with YOLO: polyp → 1, tool → 2, other labels → background" in said
    assert main(["data", "check", str(file), "--foreground", "tool"]) == 0
    said = capsys.readouterr().out
    assert "Share of tool" in said
    assert "label polyp: its shapes count as background" in said
    assert main(["data", "check", str(file), "--classes.lesion", "1"]) == 2
    assert "no label 'lesion' among the annotations; there are polyp, tool" in (
        capsys.readouterr().err
    )


def test_find__a_run_inside_the_data_is_not_data(tmp_path: Path) -> None:
    annotated.coco(tmp_path)
    run = tmp_path / "run"
    annotated.images(run / "predictions")
    for name in ("config.yaml", "split.json"):
        (run / name).touch()
    assert len(find_cases(tmp_path).cases) == 3
    assert find_cases(tmp_path).problems == []


def test_find__masks_of_the_same_names_are_not_the_images(tmp_path: Path) -> None:
    file = annotated.coco(tmp_path)
    (tmp_path / "masks").mkdir()
    save(tmp_path / "masks" / "a.png", annotated.truth("a"))
    found = find_cases(file)
    assert found.problems == []
    assert [case.image.parent.name for case in found.cases] == ["images"] * 3


@pytest.mark.parametrize(
    "write", [annotated.coco, annotated.labelme, annotated.cvat, annotated.yolo]
)
def test_annotations__beside_masks_of_some_images_are_said_to_be_unused(
    tmp_path: Path, write: Callable[[Path], Path]
) -> None:
    write(tmp_path)
    touch(tmp_path, "masks/a.png")
    found = find_cases(tmp_path)
    assert [case.id for case in found.cases if case.mask] == ["a"]
    (line,) = [w for w in found.warnings if "are not used, since there are masks drawn" in w]
    assert line.endswith(f"If the annotations are meant, move the masks out of {tmp_path}.")


@pytest.mark.parametrize("name", ["notes.json", "split.json", "annotations.csv", "damaged.json"])
def test_annotations__files_of_another_kind_beside_masks_are_no_matter(
    tmp_path: Path, name: str
) -> None:
    touch(tmp_path, "images/a.png", "images/b.png", "masks/a.png")
    (tmp_path / name).write_text({"damaged.json": "{", "annotations.csv": "x,y"}.get(name, "{}"))
    assert find_cases(tmp_path).warnings == []
