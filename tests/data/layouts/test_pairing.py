"""A mask is told from an image, and given to it, by its name."""

from __future__ import annotations

from pathlib import Path

import pytest

from crosslevel.data.cases import find_cases, index_cases
from crosslevel.data.layouts.names import folded, nearest
from support.names import masks, problems, touch

NAMES = {
    "prefix": ("image_{}.jpg", "mask_{}.png"),
    "case of letters": ("IMG_{}.JPG", "img_{}.png"),
    "_Mask": ("x{}.jpg", "x{}_Mask.png"),
    "-mask": ("x{}.jpg", "x{}-mask.png"),
    "_GT": ("x{}.jpg", "x{}_GT.png"),
    "_labels": ("x{}.jpg", "x{}_labels.png"),
    "_annotation": ("x{}.jpg", "x{}_annotation.png"),
    "mask_x": ("x{}.jpg", "mask_x{}.png"),
    "whole name": ("x{}.jpg", "x{}.jpg.png"),
    "nnU-Net": ("case_{}_0000.png", "case_{}.png"),
    "DRIVE": ("{}_training.tif", "{}_manual1.gif"),
}


@pytest.mark.parametrize("name", NAMES)
def test_pair__names_of_many_tools(tmp_path: Path, name: str) -> None:
    image, mask = NAMES[name]
    for number in (1, 2, 10, 20):
        touch(tmp_path, f"images/{image.format(number)}", f"masks/{mask.format(number)}")
    found = {case.image.name: case.mask_files[0].name for case in index_cases(tmp_path)}
    assert found == {image.format(n): mask.format(n) for n in (1, 2, 10, 20)}


@pytest.mark.parametrize("name", ["-mask", "_labels", "mask_x", "_annotation", "whole name"])
def test_one_folder__masks_beside_images_are_no_images(tmp_path: Path, name: str) -> None:
    image, mask = NAMES[name]
    for number in (1, 2):
        touch(tmp_path, image.format(number), mask.format(number))
    assert masks(index_cases(tmp_path)) == {f"x{n}": mask.format(n) for n in (1, 2)}


@pytest.mark.parametrize("folders", [("images/", "masks/"), ("", "")])
def test_numbered_masks__of_one_image_are_united(tmp_path: Path, folders: tuple[str, str]) -> None:
    touch(tmp_path, f"{folders[0]}benign (1).png", f"{folders[0]}benign (2).png")
    touch(tmp_path, *(f"{folders[1]}benign (1)_mask{n}.png" for n in ("", "_1", "_2")))
    one, two = index_cases(tmp_path)
    assert [file.name for file in one.mask_files] == [
        "benign (1)_mask.png",
        "benign (1)_mask_1.png",
        "benign (1)_mask_2.png",
    ]
    assert two.mask is None


def test_drawings_of_images__are_not_trained_on(tmp_path: Path) -> None:
    touch(tmp_path, "images/a.png", "images/a_superpixels.png", "images/b.png", "images/b_mask.png")
    touch(tmp_path, "masks/a.png")
    found = find_cases(tmp_path)
    assert masks(found.cases) == {"a": "a.png", "b": None}
    assert any("a_superpixels.png: and 1 more are named like a mask" in w for w in found.warnings)


def test_one_folder__a_mask_without_its_image_is_named(tmp_path: Path) -> None:
    touch(tmp_path, "a.png", "a_mask.png", "gone_mask.png")
    (line,) = problems(tmp_path)
    assert "gone_mask.png: named like a mask, but no image has this stem" in line


def test_label_studio__names_say_no_image(tmp_path: Path) -> None:
    for number in (1, 2):
        touch(tmp_path, f"images/a1b2-{number}.jpg")
        touch(tmp_path, f"masks/task-{number}-annotation-{number + 4}-by-1-tag-polyp-0.png")
    (line,) = problems(tmp_path)
    assert "names of Label Studio's PNG export" in line
    assert "columns image,mask" in line


def test_pair__numbers_that_differ_are_never_guessed(tmp_path: Path) -> None:
    touch(tmp_path, "images/a_1.png", "images/a_2.png", "masks/b_2.png", "masks/b_3.png")
    (line,) = problems(tmp_path)
    assert "none of the 2 masks" in line


@pytest.mark.parametrize(
    "names",
    [
        ("images/f\u00e4ll.png", "masks/fa\u0308ll_mask.png"),
        ("images/fa\u0308ll.png", "masks/f\u00e4ll.png.png"),
        ("f\u00e4ll.png", "fa\u0308ll_mask.png"),
    ],
)
def test_pair__letters_that_a_mac_writes_as_two_signs(
    tmp_path: Path, names: tuple[str, str]
) -> None:
    (case,) = index_cases(touch(tmp_path, *names))
    assert case.image == tmp_path / names[0]
    assert case.mask == tmp_path / names[1]


def test_nearest__whatever_the_case() -> None:
    stems = sorted(["IMG_0", "IMG_1", "img_5"], key=folded)
    assert nearest("img_0", stems) == "IMG_0"
    assert nearest("zebra", stems) == ""
