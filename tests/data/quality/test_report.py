"""Every file is decoded once; problems and warnings name it."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from crosslevel.data.quality.report import Spread, check_cases
from crosslevel.data.reading import content_hash
from crosslevel.types import Case, Classes


def write(path: Path, value: int, size: tuple[int, int] = (4, 6), box: int | None = None) -> Path:
    """A grey picture of height x width, with 255 in its first `box` rows."""
    array = np.full(size, value, np.uint8)
    if box is not None:
        array[:box] = 255
    Image.fromarray(array).save(path)
    return path


def labelled(folder: Path, name: str, *, rows: int = 2, value: int = 0) -> Case:
    """A case of its own brightness, whose mask is foreground in the first `rows` of 4."""
    image = write(folder / f"{name}.png", sum(name.encode()) % 200)
    return Case(name, image, write(folder / f"{name}_mask.png", value, box=rows))


def test_report__counts_and_shares(tmp_path: Path) -> None:
    cases = [
        labelled(tmp_path, "a", rows=1),
        labelled(tmp_path, "b", rows=3),
        Case("c", write(tmp_path / "c.png", 7, (8, 8)), group="p", part="train"),
    ]
    report = check_cases(cases)
    assert (report.num_cases, report.num_labelled, report.num_unlabelled) == (3, 2, 1)
    assert (report.num_masks_read, report.num_groups, report.num_sizes) == (2, 1, 2)
    assert report.parts == {"train": 1}
    assert report.height == Spread(min=4, median=4, mean=16 / 3, max=8)
    assert report.foreground == {"foreground": Spread(min=0.25, median=0.5, mean=0.5, max=0.75)}
    assert report.hashes == {case.id: content_hash(case.image) for case in cases}
    assert not report.problems
    assert not report.warnings


def test_report__share_of_each_class(tmp_path: Path) -> None:
    mask = tmp_path / "m.png"
    Image.fromarray(np.array([[0, 10, 10, 20]] * 4, np.uint8)).save(mask)
    case = Case("a", write(tmp_path / "a.png", 0, (4, 4)), mask)
    report = check_cases([case], Classes({"tool": 10, "polyp": 20, "stool": 30}))
    assert [share.mean for share in report.foreground.values()] == [0.5, 0.25, 0]
    assert list(report.foreground) == ["tool", "polyp", "stool"]
    assert report.warnings == ["class stool (30): occurs in no mask. Check its value."]


def test_problem__unreadable_image_and_mask(tmp_path: Path) -> None:
    good = labelled(tmp_path, "good")
    bad = labelled(tmp_path, "bad")
    [mask_file] = bad.mask_files
    bad.image.write_bytes(b"")
    mask_file.write_bytes(b"text")
    report = check_cases([bad, good])
    image, mask = report.problems
    assert "bad.png: the file is empty. Replace or remove" in image
    assert "bad_mask.png: not an image, or damaged. Replace or remove" in mask
    assert list(report.hashes) == ["good"]


@pytest.mark.parametrize(
    ("size", "remedy"),
    [((6, 4), "Turn the mask by 90 degrees"), ((9, 9), "Give the mask the size of its image")],
)
def test_problem__sizes_differ(tmp_path: Path, size: tuple[int, int], remedy: str) -> None:
    image = write(tmp_path / "a.png", 0)
    mask = write(tmp_path / "m.png", 0, size, box=2)
    (line,) = check_cases([Case("a", image, mask)]).problems
    assert f"{mask}: {size[0]} x {size[1]} (height x width)" in line
    assert f"{image} is 4 x 6" in line
    assert remedy in line


def test_problem__every_mask_is_constant(tmp_path: Path) -> None:
    cases = [labelled(tmp_path, "a", rows=0), labelled(tmp_path, "b", rows=4)]
    report = check_cases(cases)
    (line,) = report.problems
    assert "a_mask.png" in line
    assert "every mask is all one class (1 all background, 1 all foreground)" in line
    assert "name them with --classes" in line
    assert not report.warnings


def test_warning__one_mask_is_constant(tmp_path: Path) -> None:
    cases = [labelled(tmp_path, name, rows=rows) for name, rows in (("a", 0), ("b", 4), ("c", 1))]
    report = check_cases(cases)
    empty, full = report.warnings
    assert not report.problems
    assert "a_mask.png: the mask is all background. Check" in empty
    assert "b_mask.png: the mask is all foreground. Check" in full


def test_warning__many_empty_masks_are_one_line(tmp_path: Path) -> None:
    cases = [labelled(tmp_path, name, rows=0) for name in "abcde"]
    report = check_cases([*cases, labelled(tmp_path, "f")])
    (line,) = report.warnings
    assert "c_mask.png, …: 5 masks are all background" in line


def test_warning__duplicate_images(tmp_path: Path) -> None:
    first = labelled(tmp_path, "a")
    shutil.copy(first.image, tmp_path / "copy.png")
    report = check_cases([first, Case("copy", tmp_path / "copy.png")])
    (line,) = report.warnings
    assert "a.png" in line
    assert "copy.png: 2 files with the same content. Keep one" in line


def test_check_cases__opens_only_the_masks_it_may(tmp_path: Path) -> None:
    first, second = labelled(tmp_path, "a"), labelled(tmp_path, "b")
    second.mask_files[0].write_bytes(b"must not be read")
    report = check_cases([first, second], read_masks_of={"a"})
    assert not report.problems
    assert (report.num_labelled, report.num_masks_read) == (2, 1)
    assert check_cases([first, second]).problems


def test_check_cases__reports_progress(tmp_path: Path) -> None:
    seen: list[int] = []
    check_cases([labelled(tmp_path, name) for name in "abc"], progress=lambda: seen.append(1))
    assert len(seen) == 3


def test_check_cases__no_cases() -> None:
    report = check_cases([])
    assert report.num_cases == 0
    assert (
        report.to_text() == "Images  0 (0 with a mask, 0 without)\nWarnings: none\nProblems: none"
    )


def test_to_text__is_tidy(tmp_path: Path) -> None:
    first = labelled(tmp_path, "a", rows=1)
    large = Case("large", write(tmp_path / "large.png", 9, (20, 10)), part="test", group="p1")
    empty = Case("empty", write(tmp_path / "empty.png", 7), write(tmp_path / "e_mask.png", 0))
    assert check_cases([first, large, empty]).to_text() == (
        "Images               3 (2 with a mask, 1 without)\n"
        "Parts                1 test\n"
        "Groups               1 (p1), 1 each\n"
        "Height               4 to 20 px, median 4\n"
        "Width                6 to 10 px, median 6\n"
        "Sizes                2 different\n"
        "Values               8 bits, taken as they are\n"
        "Pack                 8-bit RGB, 0.6 MB at 256 px\n"
        "Masks                1 in 255 on 0, 1 all black: "
        "what is drawn → foreground\n"
        "Share of foreground  12.5% of a mask on average, 0.0% to 25.0%\n"
        "Warnings: 2\n"
        "  1 images of test have no mask: they are neither scored nor trained on. To train on "
        "them, put them into a folder named unlabelled; `crosslevel predict` needs no masks.\n"
        f"  {tmp_path / 'e_mask.png'}: the mask is all background. Check that this is meant.\n"
        "Problems: none"
    )
