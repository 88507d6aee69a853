"""Data sets are indexed as they come, and everything wrong with one is said at once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from crosslevel.data.cases import find_cases, index_cases
from crosslevel.types import Case
from support.names import ids, problems, touch


def test_problem__missing_folder(tmp_path: Path) -> None:
    assert problems(tmp_path / "x") == [f"{tmp_path / 'x'}: no such folder. Check the path."]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ((), "is empty"),
        (("a.txt", "b.txt"), "holds 2 .txt but no images"),
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


def test_csv__cells_beyond_the_header_are_refused(tmp_path: Path) -> None:
    touch(tmp_path, "a.png", "b.png")
    (line,) = problems(write_csv(tmp_path, "image,mask\na.png,,P3\nb.png,,,\n"))
    assert "data.csv, line 2: more cells than the header has columns (P3). Name the" in line


def test_csv__a_mask_of_several_images_is_named(tmp_path: Path) -> None:
    touch(tmp_path, "a.png", "b.png", "c.png", "m.png", "n.png")
    text = "image,mask\na.png,m.png\nb.png,m.png\nc.png,{}\n"
    (line,) = find_cases(write_csv(tmp_path, text.format("n.png"))).warnings
    first = f"The first is {tmp_path / 'm.png'}, for a, b."
    assert line.endswith(f"masks named for several images: 1. {first} Check the rows.")
    assert (
        find_cases(write_csv(tmp_path, "image,mask\na.png,m.png\nb.png,\nc.png,\n")).warnings == []
    )


def test_csv__image_listed_twice(tmp_path: Path) -> None:
    touch(tmp_path, "a.png")
    (line,) = problems(write_csv(tmp_path, "image,mask\na.png,\na.png,\n"))
    assert "data.csv: lists image a 2 times. Keep one line" in line


def test_csv__two_images_of_one_stem(tmp_path: Path) -> None:
    touch(tmp_path, "a.png", "a.jpg")
    (line,) = problems(write_csv(tmp_path, "image,mask\na.png,\na.jpg,\n"))
    assert f"{tmp_path / 'a.jpg'} has the same stem as {tmp_path / 'a.png'}. Rename" in line


@pytest.mark.parametrize(("column", "number"), [("patient", 1), ("Group", 0), ("", 0)])
def test_csv__says_that_a_column_is_not_used(tmp_path: Path, column: str, number: int) -> None:
    touch(tmp_path, "a.png")
    found = find_cases(write_csv(tmp_path, f"image,mask,{column}\na.png,,p1\n"))
    (*lines,) = found.warnings
    assert len(lines) == number
    assert all("not used: column patient. Columns are image, mask, group" in x for x in lines)


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
