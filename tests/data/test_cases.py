"""Data sets are indexed as they come, and everything wrong with one is said at once."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest
from PIL import Image

from crosslevel.data.cases import find_cases, index_cases
from crosslevel.errors import DataError
from crosslevel.types import Case


def touch(folder: Path, *names: str) -> Path:
    """Only names matter at this hop, so the files stay empty."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


def problems(folder: Path) -> list[str]:
    with pytest.raises(DataError) as caught:
        index_cases(folder)
    return caught.value.problems


def ids(cases: Iterable[Case]) -> list[str]:
    return [case.id for case in cases]


def masks(cases: Iterable[Case]) -> dict[str, str | None]:
    return {case.id: case.mask.name if case.mask else None for case in cases}


@pytest.mark.parametrize(
    ("images", "annotations"),
    [
        ("images", "masks"),
        ("image", "mask"),
        ("imgs", "labels"),
        ("Images", "Annotations"),
        ("IMAGES", "GroundTruth"),
        ("Original", "Ground Truth"),
    ],
)
def test_images_and_masks__names_of_the_folders(
    tmp_path: Path, images: str, annotations: str
) -> None:
    touch(tmp_path, f"{images}/b.jpg", f"{images}/a.JPG", f"{annotations}/a.png", "notes.txt")
    assert index_cases(tmp_path) == [
        Case("a", tmp_path / images / "a.JPG", tmp_path / annotations / "a.png"),
        Case("b", tmp_path / images / "b.jpg", None),
    ]


@pytest.mark.parametrize("ending", ["", "_mask", "_segmentation", "_seg", "_label", "_gt", "_Mask"])
def test_images_and_masks__endings_of_masks(tmp_path: Path, ending: str) -> None:
    touch(tmp_path, "images/p.1.TIFF", f"masks/p.1{ending}.PNG")
    assert masks(index_cases(tmp_path)) == {"p.1": f"p.1{ending}.PNG"}


def test_images_and_masks__image_whose_own_name_ends_so(tmp_path: Path) -> None:
    touch(tmp_path, "images/a.png", "images/a_seg.png", "masks/a_seg.png", "masks/a.png")
    assert masks(index_cases(tmp_path)) == {"a": "a.png", "a_seg": "a_seg.png"}


def test_images_and_masks__images_beside_the_masks(tmp_path: Path) -> None:
    touch(tmp_path, "a.png", "b.png", "masks/a.png")
    assert masks(index_cases(tmp_path)) == {"a": "a.png", "b": None}


def test_hidden_and_other_files__are_passed_over(tmp_path: Path) -> None:
    touch(tmp_path, "images/a.png", "images/._a.png", "images/Thumbs.db", "images/LICENSE.txt")
    touch(tmp_path, "masks/a.png", "masks/.DS_Store", "__MACOSX/images/a.png", ".git/x.png")
    assert ids(index_cases(tmp_path)) == ["a"]


def test_kvasir_seg__as_downloaded(tmp_path: Path) -> None:
    touch(tmp_path, "Kvasir-SEG/images/cju0.jpg", "Kvasir-SEG/masks/cju0.jpg")
    touch(tmp_path, "Kvasir-SEG/kavsir_bboxes.json", "__MACOSX/Kvasir-SEG/x")
    inside = tmp_path / "Kvasir-SEG"
    expected = [Case("cju0", inside / "images/cju0.jpg", inside / "masks/cju0.jpg")]
    assert index_cases(tmp_path) == index_cases(inside) == expected


def isic(folder: Path, name: str, *numbers: int) -> None:
    inputs, truths = f"ISIC2018_Task1-2_{name}_Input", f"ISIC2018_Task1_{name}_GroundTruth"
    touch(folder, f"{inputs}/ATTRIBUTION.txt", f"{inputs}/LICENSE.txt")
    for number in numbers:
        touch(folder, f"{inputs}/ISIC_{number:07}.jpg")
        touch(folder, f"{truths}/ISIC_{number:07}_segmentation.png")


def test_isic_2018__training_alone_fixes_no_part(tmp_path: Path) -> None:
    isic(tmp_path, "Training", 2, 1)
    cases = index_cases(tmp_path)
    assert masks(cases) == {
        "ISIC_0000001": "ISIC_0000001_segmentation.png",
        "ISIC_0000002": "ISIC_0000002_segmentation.png",
    }
    assert {case.part for case in cases} == {None}


def test_isic_2018__several_fix_the_parts(tmp_path: Path) -> None:
    isic(tmp_path, "Training", 1)
    isic(tmp_path, "Validation", 2)
    isic(tmp_path, "Test", 3)
    assert [case.part for case in index_cases(tmp_path)] == ["train", "val", "test"]


def test_isic_2018__folders_in_folders_of_their_name(tmp_path: Path) -> None:
    name = "ISIC2018_Task1-2_Training_Input"
    touch(tmp_path, f"{name}/{name}/ISIC_1.jpg")
    touch(tmp_path, "ISIC2018_Task1_Training_GroundTruth/ISIC_1_segmentation.png")
    assert masks(index_cases(tmp_path)) == {"ISIC_1": "ISIC_1_segmentation.png"}


def test_isic_2018__no_image_at_all(tmp_path: Path) -> None:
    isic(tmp_path, "Training", 1, 2)
    for image in tmp_path.rglob("*.jpg"):
        image.unlink()
    with pytest.raises(DataError, match="Training_Input: holds no image"):
        index_cases(tmp_path)


def test_isic_2018__masks_without_images(tmp_path: Path) -> None:
    isic(tmp_path, "Training", 1)
    touch(tmp_path, "ISIC2018_Task1_Test_GroundTruth/ISIC_9_segmentation.png")
    (line,) = problems(tmp_path)
    assert "ISIC2018_Task1_Test_GroundTruth" in line
    assert "Add it, or remove" in line


@pytest.mark.parametrize(
    ("train", "val", "test"),
    [
        ("TrainDataset", "ValidationDataset", "TestDataset"),
        ("train", "val", "test"),
        ("Training", "VALID", "Testing"),
    ],
)
def test_fixed_parts__names(tmp_path: Path, train: str, val: str, test: str) -> None:
    touch(tmp_path, f"{train}/image/a.png", f"{train}/mask/a.png", f"{train}/image/u.png")
    touch(tmp_path, f"{val}/images/b.png", f"{val}/masks/b.png")
    touch(tmp_path, f"{test}/Images/c.png", f"{test}/Masks/c.png")
    found = [(case.id, case.part, bool(case.mask)) for case in index_cases(tmp_path)]
    assert found == [
        ("a", "train", True),
        ("b", "val", True),
        ("c", "test", True),
        ("u", "train", False),
    ]


def test_fixed_parts__named_test_sets(tmp_path: Path) -> None:
    touch(tmp_path, "TrainDataset/image/1.png", "TrainDataset/mask/1.png")
    for name in ("Kvasir", "CVC-300"):
        touch(tmp_path, f"TestDataset/{name}/images/1.png", f"TestDataset/{name}/masks/1.png")
    found = {case.id: case.part for case in index_cases(tmp_path)}
    assert found == {"1": "train", "CVC-300/1": "test", "Kvasir/1": "test"}


def test_fixed_parts__repeated_stems_carry_the_folder(tmp_path: Path) -> None:
    touch(tmp_path, "train/images/1.png", "train/images/2.png", "test/images/1.png")
    assert ids(index_cases(tmp_path)) == ["2", "test/1", "train/1"]


def test_fixed_parts__problems_of_all_parts_together(tmp_path: Path) -> None:
    touch(tmp_path, "train/images/a.png", "train/images/a.jpg", "val/notes.txt")
    stem, empty = problems(tmp_path)
    assert "a.png: has the same stem as a.jpg. Rename or remove one" in stem
    assert str(tmp_path / "val") in empty
    assert "holds 1 .txt but no images" in empty


def test_images_alone__are_unlabelled(tmp_path: Path) -> None:
    touch(tmp_path, "b.png", "a.jpeg", "readme.md")
    assert masks(index_cases(tmp_path)) == {"a": None, "b": None}


def test_images_alone__masks_between_them(tmp_path: Path) -> None:
    touch(tmp_path, "a.png", "a_mask.png", "b.png")
    assert masks(index_cases(tmp_path)) == {"a": "a_mask.png", "b": None}


def test_problem__mask_without_image_names_the_nearest(tmp_path: Path) -> None:
    touch(tmp_path, "images/polyp_001.png", "images/polyp_002.png", "images/zebra.png")
    touch(tmp_path, "masks/polyp_001.png", "masks/polyp_02_mask.png")
    (line,) = problems(tmp_path)
    assert line.startswith(str(tmp_path / "masks/polyp_02_mask.png"))
    assert "the nearest is polyp_002" in line
    assert "Rename the mask" in line


def test_problem__two_masks_for_one_image(tmp_path: Path) -> None:
    touch(tmp_path, "images/a.png", "masks/a.png", "masks/a_mask.png")
    (line,) = problems(tmp_path)
    assert "a_mask.png: second mask of image a.png, beside a.png. Keep one" in line


def test_problem__two_images_of_one_stem(tmp_path: Path) -> None:
    touch(tmp_path, "images/a.png", "images/a.jpg", "masks/a.png")
    (line,) = problems(tmp_path)
    assert "a.png: has the same stem as a.jpg. Rename or remove one" in line


def test_problem__no_stem_matches_is_one_line(tmp_path: Path) -> None:
    for number in range(50):
        touch(tmp_path, f"images/image{number}.png", f"masks/m{number}.png")
    (line,) = problems(tmp_path)
    assert "none of the 50 masks (the first: m0.png)" in line
    assert "(the first: image0.png)" in line
    assert "Name each mask like its image" in line


def test_problem__many_strays_are_all_listed(tmp_path: Path) -> None:
    touch(tmp_path, "images/a.png", "masks/a.png", *(f"masks/b{i}.png" for i in range(30)))
    assert len(problems(tmp_path)) == 30


def test_problem__empty_mask_folder(tmp_path: Path) -> None:
    touch(tmp_path, "images/a.png", "masks/a.txt")
    (line,) = problems(tmp_path)
    assert line.startswith(f"{tmp_path / 'masks'}: holds no mask. Fill it, or remove it")


def test_problem__two_mask_folders(tmp_path: Path) -> None:
    touch(tmp_path, "images/a.png", "masks/a.png", "labels/a.png")
    (line,) = problems(tmp_path)
    assert "which one, labels or masks? Keep one" in line


def test_problem__missing_folder(tmp_path: Path) -> None:
    assert problems(tmp_path / "x") == [f"{tmp_path / 'x'}: no such folder. Check the path."]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ((), "is empty"),
        (("a.heic", "b.heic"), "holds 2 .heic but no images"),
        (("cats/1.png", "dogs/1.png"), "layout not understood (sub-folders: cats/, dogs/)"),
        (("1.png", "x/1.png"), "layout not understood (sub-folders: x/, beside 1 images)"),
        (("masks/1.png",), "layout not understood (sub-folders: masks/)"),
    ],
)
def test_problem__unknown_layout(tmp_path: Path, names: tuple[str, ...], message: str) -> None:
    (line,) = problems(touch(tmp_path, *names))
    assert line.startswith(f"{tmp_path}: {message}")
    assert "Understood are: images/ and masks/" in line


def test_problem__file_that_is_no_csv(tmp_path: Path) -> None:
    (line,) = problems(touch(tmp_path, "a.png") / "a.png")
    assert "a.png: neither a folder nor a CSV file. Understood are" in line


def write_csv(folder: Path, text: str) -> Path:
    (folder / "data.csv").write_text(text, encoding="utf-8")
    return folder / "data.csv"


def test_csv__all_columns(tmp_path: Path) -> None:
    touch(tmp_path, "x/b.png", "x/a.png", "y/a.png")
    text = "\ufeffImage, mask,group,part,age\nx/b.png,,,,\nx/a.png,y/a.png,p1,Validation,40\n\n"
    assert index_cases(write_csv(tmp_path, text)) == [
        Case("a", tmp_path / "x/a.png", tmp_path / "y/a.png", "p1", "val"),
        Case("b", tmp_path / "x/b.png"),
    ]


def test_csv__absolute_paths_and_short_rows(tmp_path: Path) -> None:
    touch(tmp_path, "a.png")
    (tmp_path / "lists").mkdir()
    (case,) = index_cases(write_csv(tmp_path / "lists", f"image,mask\n{tmp_path / 'a.png'}\n"))
    assert case == Case("a", tmp_path / "a.png")


def test_csv__repeated_stems_carry_their_folder(tmp_path: Path) -> None:
    touch(tmp_path, "p1/1.png", "p2/1.png", "p2/2.png", "lists/x")
    text = "image,mask\n../p1/1.png,\n../p2/1.png,\n../p2/2.png,\n"
    assert ids(index_cases(write_csv(tmp_path / "lists", text))) == ["2", "p1/1", "p2/1"]


def test_csv__repeated_stems_on_another_drive_carry_their_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def relpath(path: Path, start: Path) -> str:
        raise ValueError("path is on mount 'D:', start on mount 'C:'")

    touch(tmp_path, "p1/1.png", "p2/1.png")
    monkeypatch.setattr("os.path.relpath", relpath)
    found = ids(index_cases(write_csv(tmp_path, "image,mask\np1/1.png,\np2/1.png,\n")))
    plain = tmp_path.relative_to(tmp_path.anchor).as_posix()
    assert found == [f"{plain}/p1/1", f"{plain}/p2/1"]


def test_csv__problems_of_all_rows_together(tmp_path: Path) -> None:
    touch(tmp_path, "a.png", "b.png")
    text = "image,mask,part\na.png,gone.png,\n,b.png,\nb.png,,tset\n"
    first, second, third = problems(write_csv(tmp_path, text))
    assert "data.csv, line 2: mask gone.png does not exist" in first
    assert f"Relative paths start at {tmp_path}" in first
    assert "data.csv, line 3: names no image. Fill the column image" in second
    assert "data.csv, line 4: part is 'tset'. Use train, val, test" in third


def test_csv__image_listed_twice(tmp_path: Path) -> None:
    touch(tmp_path, "a.png")
    (line,) = problems(write_csv(tmp_path, "image,mask\na.png,\na.png,\n"))
    assert "data.csv: lists image a 2 times. Keep one line" in line


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("image,masks\n", "no column named mask (found: image, masks). Start the file with"),
        ("image;mask\n", "separate values by commas"),
        ("", "no column named image or mask (found: nothing)"),
        ("image,mask\n", "holds no rows. Add one line per image"),
    ],
)
def test_csv__header(tmp_path: Path, text: str, message: str) -> None:
    (line,) = problems(write_csv(tmp_path, text))
    assert line.startswith(f"{tmp_path / 'data.csv'}: ")
    assert message in line


def test_csv__not_utf8(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_bytes("image,mask\nä.png,\n".encode("utf-16"))
    (line,) = problems(tmp_path / "data.csv")
    assert "data.csv: cannot be read as CSV" in line
    assert "UTF-8" in line


def test_index_cases__opens_no_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        pytest.fail("an image was opened")

    monkeypatch.setattr(Image, "open", refuse)
    index_cases(touch(tmp_path, "images/a.png", "masks/a.png"))


def test_hop_1__does_not_import_torch() -> None:
    modules = "cases, layouts, split, quality.report, reading"
    imports = "; ".join(f"import crosslevel.data.{name}" for name in modules.split(", "))
    code = f"import sys; {imports}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_find_cases__gives_what_it_could_beside_the_problems(tmp_path: Path) -> None:
    for name in ("images/a.png", "masks/a.png", "masks/b.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = find_cases(tmp_path)
    assert [case.id for case in found.cases] == ["a"]
    assert len(found.problems) == 1
    assert "b.png" in found.problems[0]
