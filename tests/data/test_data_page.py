"""Each row of the page *Data* on masks: what it says is what is read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from crosslevel.data.quality.report import CheckReport, check_cases
from crosslevel.types import Case, Classes
from support.pictures import save, with_palette

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "data.md"
SIZE = 64
ROWS, COLUMNS = np.mgrid[:SIZE, :SIZE]
Mask = NDArray[np.uint8]


def disc(row: int, column: int, radius: int) -> NDArray[np.bool_]:
    return np.asarray((ROWS - row) ** 2 + (COLUMNS - column) ** 2 <= radius**2)


def two(number: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Two objects, in other places of each mask."""
    return disc(16 + number, 18, 9), disc(44, 40 + number, 10)


def values(number: int, first: int, second: int) -> Mask:
    one, other = two(number)
    return np.asarray(first * one + second * other, np.uint8)


def foreground(path: Path, number: int) -> Path:
    return save(path, values(number, 255, 255))


def colours(path: Path, number: int, *drawn: tuple[int, int, int]) -> Path:
    image = np.zeros((SIZE, SIZE, 3), np.uint8)
    for part, colour in zip(two(number), drawn, strict=True):
        image[part] = colour
    return save(path, image)


def palette(path: Path, number: int) -> Path:
    order = [(0, 0, 0), (200, 30, 30)][:: 1 if number % 2 else -1]
    is_drawn = values(number, 1, 1)
    with_palette(is_drawn if number % 2 else 1 - is_drawn, order).save(path)
    return path


def sheet(path: Path, number: int) -> Path:
    drawn = np.full((SIZE, SIZE, 4), 255, np.uint8)
    drawn[..., 3] = values(number, 255, 255)
    return save(path, drawn)


def softened(path: Path, mask: Mask) -> Path:
    Image.fromarray(mask).filter(ImageFilter.GaussianBlur(1)).save(path)
    return path


def jpeg_again(path: Path, number: int) -> Path:
    with Image.open(save(path.with_suffix(".jpg"), values(number, 255, 255))) as image:
        image.save(path)
    return path


def labels(path: Path, number: int) -> Path:
    drawn = np.zeros((SIZE, SIZE), np.uint16)
    for place in range(25 - number):
        drawn[disc(8 + 12 * (place // 5), 8 + 12 * (place % 5), 4)] = place + 1
    return save(path, drawn)


def ring(path: Path, number: int) -> Path:
    one, _ = two(number)
    return save(path, np.asarray(one + 255 * (disc(16 + number, 18, 12) & ~one), np.uint8))


def resized(path: Path, number: int) -> Path:
    large = Image.fromarray(values(number, 127, 254)).resize((2 * SIZE, 2 * SIZE), 2)
    large.resize((SIZE, SIZE), 2).save(path)
    return path


def jpeg_colours(path: Path, number: int) -> Path:
    """Red and green, each a little different in every mask, as editors and JPEG leave them."""
    colours(path, number, (255 - number, 0, 2), (1, 255 - 2 * number, 0))
    with Image.open(path) as drawn:
        large = drawn.resize((4 * SIZE, 4 * SIZE), 0)
    large.save(path.with_suffix(".jpg"), quality=92)
    of_image = path.with_stem(str(number))
    with Image.open(of_image) as image:
        image.resize(large.size).save(of_image)
    return path.with_suffix(".jpg")


def photograph(path: Path, number: int) -> Path:
    return save(path, np.random.default_rng(number).integers(0, 256, (SIZE, SIZE, 3), np.uint8))


Draw = Callable[[Path, int], Path]
READ: dict[str, Draw] = {
    "0 and 1; 0 and 255; 0 and 65535; 1 bit": foreground,
    "one colour on black": lambda p, n: colours(p, n, (250, 50, 83), (250, 50, 83)),
    "a palette of two colours": palette,
    "a drawing on a transparent sheet": sheet,
    "0 and 255 with softened edges, in grey or one colour": (
        lambda p, n: softened(p, values(n, 255, 255))
    ),
    "0 and 255 blurred by JPEG, also saved again as PNG": jpeg_again,
}
"""Masks of two objects, which are foreground without a word."""
REFUSED: dict[str, tuple[Draw, str]] = {
    "1, 2, 3, … up to the number of objects, 8 or 16 bits": (labels, "Give --instances"),
    "a few exact values in areas of their own: 0/1/2, 0/128/255, 0/85/170/255, also in JPEG": (
        lambda p, n: save(p, values(n, 85, 170)),
        "give --classes.class1 85 --classes.class2 170",
    ),
    "small numbers and 255": (ring, "give --ignore 255"),
    "two or more colours": (
        lambda p, n: colours(p, n, (255, 0, 0), (0, 0, 255)),
        "give --classes.class1 '[0, 0, 255]' --classes.class2 '[255, 0, 0]'",
    ),
    "two or more colours, each a little changed by JPEG": (
        jpeg_colours,
        "the colours (0, 255, 0), (255, 0, 0). If",
    ),
    "exact values and others between them, from resizing with smoothing": (
        lambda p, n: softened(p, values(n, 128, 255)),
        "give --classes.class1 128 --classes.class2 255: pixels at an edge",
    ),
    "the same with a class next to white, as 0/127/254": (
        resized,
        "give --classes.class1 127 --classes.class2 254: pixels at an edge",
    ),
    "one other value: 0 and 100": (
        lambda p, n: save(p, values(n, 100, 100)),
        "give --classes.foreground 100",
    ),
    "as many values as a photograph": (photograph, "looks like a picture"),
}
"""Masks that are refused, and the advice."""
WARNED = {"another value than the named classes"}
ODD_IMAGES = {
    "a side under 4 px, or over 8 times smaller than the others": ([320, 300, 37], "37 x 37 px"),
    "over 4 times smaller than the others": ([320, 300, 310, 75], "not previews or cut-outs"),
    "8 or more, the middle one at least 8 times smaller than `--size`": (
        [32] * 8,
        "they are not previews",
    ),
    "black and white alone": ([64] * 3, "1 image is black and white alone"),
}
"""Sides of the images, and what is said; an image of a mask is added for the last."""


def check(folder: Path, draw: Draw, classes: Classes) -> CheckReport:
    cases = []
    for number in range(4):
        noise = np.random.default_rng(number).integers(0, 256, (SIZE, SIZE, 3), np.uint8)
        image = save(folder / f"{number}.png", noise)
        cases.append(Case(str(number), image, draw(folder / f"{number}_mask.png", number)))
    return check_cases(cases, classes)


def rows_of(first: str) -> set[str]:
    """The first cells of the table whose header has this one and "what is done"."""
    table = PAGE.read_text().partition(f"| {first} | what is done |")[2]
    lines = table.partition("\n\n")[0].splitlines()[2:]
    return {line.split(" | ")[0].removeprefix("| ") for line in lines}


def test_page__has_a_row_for_each_test_and_a_test_for_each_row() -> None:
    assert rows_of("the mask holds") == {*READ, *REFUSED, *WARNED}
    assert rows_of("the images") == set(ODD_IMAGES)


@pytest.mark.parametrize("name", READ)
def test_page__masks_that_are_read(tmp_path: Path, name: str) -> None:
    report = check(tmp_path, READ[name], Classes())
    assert (report.problems, report.warnings) == ([], [])
    expected = np.mean([values(number, 1, 1).mean() for number in range(4)])
    assert report.foreground["foreground"].mean == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize("name", REFUSED)
def test_page__masks_that_are_refused_with_advice(tmp_path: Path, name: str) -> None:
    draw, advice = REFUSED[name]
    report = check(tmp_path, draw, Classes())
    (line,) = report.problems
    assert advice in line
    assert "4 masks; together they hold" in line


def test_page__a_value_of_no_class_is_named(tmp_path: Path) -> None:
    report = check(tmp_path, lambda p, n: save(p, values(n, 1, 2)), Classes({"lesion": 2}))
    assert report.problems == []
    (line,) = report.warnings
    assert "value 1 (in 4 masks) is of no class and counts as background" in line
    assert "--classes.class2 1" in line


@pytest.mark.parametrize("name", ODD_IMAGES)
def test_page__odd_images_are_refused_or_doubted(tmp_path: Path, name: str) -> None:
    sides, said = ODD_IMAGES[name]
    drawn = [
        np.random.default_rng(n).integers(0, 256, (s, s, 3), np.uint8) for n, s in enumerate(sides)
    ]
    if name == "black and white alone":
        drawn.append(values(0, 255, 255))
    paths = [save(tmp_path / f"{number}.png", image) for number, image in enumerate(drawn)]
    report = check_cases([Case(path.stem, path) for path in paths])
    lines = report.problems if "under 4 px" in name else report.warnings
    assert any(said in line for line in lines), lines
    assert bool(report.problems) == ("under 4 px" in name)
