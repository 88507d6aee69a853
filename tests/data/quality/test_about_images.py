"""Images that are odd: far too small, or turned while their masks are not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from crosslevel.data.quality.report import check_cases
from crosslevel.types import Case
from support.pictures import exif


def turned(folder: Path, orientation: int, size: tuple[int, int], *, mask_too: bool) -> list[Case]:
    """Four images with an EXIF orientation, and masks of the size that the images have upright."""
    cases = []
    for number in range(4):
        noise = np.random.default_rng(number).integers(0, 256, (*size, 3), np.uint8)
        image, mask = folder / f"{number}.png", folder / f"{number}_mask.png"
        Image.fromarray(noise).save(image, exif=exif(orientation))
        raw = size if mask_too or orientation < 5 else size[::-1]
        drawn = np.zeros(raw, np.uint8)
        drawn[2 + number : 9, 3:8] = 255
        Image.fromarray(drawn).save(mask, exif=exif(orientation if mask_too else 1))
        cases.append(Case(str(number), image, mask))
    return cases


@pytest.mark.parametrize(
    ("orientation", "size", "mask_too", "is_doubted"),
    [
        (3, (24, 16), False, True),
        (6, (16, 16), False, True),
        (6, (24, 16), False, False),
        (3, (24, 16), True, False),
        (1, (24, 16), False, False),
    ],
)
def test_turned__masks_without_orientation_are_doubted_where_sizes_do_not_tell(
    tmp_path: Path, orientation: int, size: tuple[int, int], mask_too: bool, is_doubted: bool
) -> None:
    report = check_cases(turned(tmp_path, orientation, size, mask_too=mask_too))
    assert report.problems == []
    assert any("EXIF orientation" in line for line in report.warnings) == is_doubted


def sized(folder: Path, sides: list[int]) -> list[Case]:
    """Unlabelled images of these sides."""
    cases = []
    for number, side in enumerate(sides):
        noise = np.random.default_rng(number).integers(0, 256, (side, side, 3), np.uint8)
        Image.fromarray(noise).save(folder / f"{number}.png")
        cases.append(Case(str(number), folder / f"{number}.png"))
    return cases


def test_too_small__far_smaller_than_the_others(tmp_path: Path) -> None:
    (line,) = check_cases(sized(tmp_path, [320, 300, 310, 37])).problems
    assert "3.png: 37 x 37 px, while the others are about 305 px" in line
    assert check_cases(sized(tmp_path, [320, 300, 310, 39])).problems == []


def test_about_small__a_quarter_of_the_others_is_doubted(tmp_path: Path) -> None:
    (line,) = check_cases(sized(tmp_path, [320, 300, 310, 75])).warnings
    assert "3.png: 1 of the images are less than a quarter as large as the others" in line
    assert check_cases(sized(tmp_path, [320, 300, 310, 77])).warnings == []


def test_about_small__all_of_them_are_previews(tmp_path: Path) -> None:
    cases = sized(tmp_path, [32] * 8)
    (line,) = check_cases(cases).warnings
    assert "the images are about 32 px, and a training enlarges them to 256 px" in line
    assert check_cases(cases, size=64).warnings == []


def test_about_small__one_doubt_does_not_hide_the_other(tmp_path: Path) -> None:
    first, second = check_cases(sized(tmp_path, [7, *[32] * 8])).warnings
    assert "enlarges them to 256 px" in first
    assert "0.png: 1 of the images are less than a quarter as large" in second


def test_like_masks__among_images_are_doubted(tmp_path: Path) -> None:
    cases = sized(tmp_path, [64] * 3)
    rows, columns = np.mgrid[:64, :64]
    drawn = ((rows - 30) ** 2 + (columns - 30) ** 2 < 200).astype(np.uint8) * np.uint8(255)
    for name in ("mask.png", "blurred.jpg"):
        Image.fromarray(drawn).save(tmp_path / name)
        cases.append(Case(name, tmp_path / name))
    lines = check_cases(cases).warnings
    (line,) = [line for line in lines if "black and white alone" in line]
    assert "mask.png" in line
    assert "blurred.jpg: 2 images are black and white alone, as masks are" in line
