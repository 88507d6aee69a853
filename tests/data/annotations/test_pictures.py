"""The images that names in annotation files mean."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from crosslevel.data.annotations.pictures import Pictures, is_of_a_sibling


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.png", None),  # in two folders
        ("one/a.png", "one/a.png"),
        ("C:\\data\\two\\a.png", "two/a.png"),
        ("/data/upload/3/0a1b2c3d-b.jpg", "two/b.jpg"),
        ("/data/local-files/?d=two/b%20c.jpg", "two/b c.jpg"),
        ("https://host/x/two/b%20c.jpg?token=1", "two/b c.jpg"),
        ("two/b.txt", "two/b.jpg"),
        ("two/c_png.rf.0a1", "two/c_png.rf.0a1.jpg"),
        ("missing.png", None),
    ],
)
def test_pictures__a_name_means(tmp_path: Path, name: str, expected: str | None) -> None:
    names = ("one/a.png", "two/a.png", "two/b.jpg", "two/b c.jpg", "two/c_png.rf.0a1.jpg")
    there = [tmp_path / path for path in names]
    found = Pictures(there).find(name, tmp_path / "x.json")
    assert found == (tmp_path / expected if expected else None)


def test_pictures__names_that_are_equal_to_the_eye_are_one(tmp_path: Path) -> None:
    composed, apart = (unicodedata.normalize(form, "fäll/é.png") for form in ("NFC", "NFD"))
    for there, name in ((composed, apart), (apart, composed)):
        images = [tmp_path / there, tmp_path / "other" / Path(there).name]
        assert Pictures(images).find(name, tmp_path / "x.json") == images[0]
        assert Pictures(images).find_all([name], tmp_path / "x.json") == [images[0]]
        assert Pictures(images[:1]).find(name[:-4], tmp_path / "x.json") == images[0]


@pytest.mark.parametrize(
    ("name", "image", "expected"),
    [
        ("patientA/a.png", "patientB/a.png", True),
        ("case_1/images/a.png", "case_2/images/a.png", True),
        ("labels/train/a", "images/val/a.png", True),
        ("a.png", "patientB/a.png", False),
        ("patientA/a.png", "a.png", False),
        ("/home/x/data 1/images/a.png", "images/a.png", False),
        ("C:\\x\\pictures\\a.png", "images/a.png", False),
        ("images/a.png", "img/a.png", False),
        ("images/a.png", "images2/a.png", False),
        ("valid/a.png", "val/a.png", False),
        ("Case_1/a.png", "case_001/a.png", False),
        ("/data/upload/3/0a1b2c3d-a.png", "2/a.png", False),
        ("../images/a.png", "../images/a.png", False),
    ],
)
def test_siblings__are_folders_of_another_number_or_part(
    name: str, image: str, expected: bool
) -> None:
    assert is_of_a_sibling(name, Path(image)) is expected
