"""Layouts are understood as they come; names alone decide."""

from __future__ import annotations

from pathlib import Path

import pytest

from crosslevel.data.cases import index_cases
from crosslevel.errors import DataError
from crosslevel.types import Case
from support.names import ids, masks, problems, touch


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
    touch(tmp_path, "images/a.png", "masks/a.docx")
    (line,) = problems(tmp_path)
    assert line.startswith(f"{tmp_path / 'masks'}: holds no mask. Fill it, or remove it")


def test_problem__two_mask_folders(tmp_path: Path) -> None:
    touch(tmp_path, "images/a.png", "masks/a.png", "labels/a.png")
    (line,) = problems(tmp_path)
    assert "which folder holds the masks, labels/ (1 files) or masks/ (1 files)?" in line
    assert "Say so with --masks 'labels' (or 'masks')" in line
