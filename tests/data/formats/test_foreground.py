"""Masks whose values may mean several things: read when they do not, else refused with the option.

Every mask is drawn from the same shapes; what is right is known from them.
"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jsonargparse import ArgumentParser
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from crosslevel.commands import data_check
from crosslevel.data import reading
from crosslevel.data.formats.unclear import UnclearMaskError, describe
from crosslevel.data.reading import inspect_mask
from crosslevel.errors import DataError
from crosslevel.types import IGNORED, Classes
from support.pictures import save, with_palette

BINARY = Classes()


def read_mask(path: Path, classes: Classes) -> NDArray[np.uint8]:
    return inspect_mask(path, classes).indices


SIZE = 64
Grey = NDArray[np.uint8]


def disc(row: int, column: int, radius: int) -> NDArray[np.bool_]:
    rows, columns = np.mgrid[:SIZE, :SIZE]
    return np.asarray((rows - row) ** 2 + (columns - column) ** 2 <= radius**2)


ONE, TWO, THREE = disc(20, 20, 8), disc(44, 44, 10), disc(16, 48, 6)
RING = disc(20, 20, 10) & ~ONE
LESION = ONE | TWO


def drawn(*parts: tuple[NDArray[np.bool_], int], dtype: type = np.uint8) -> NDArray[Any]:
    values: NDArray[Any] = np.zeros((SIZE, SIZE), dtype)
    for part, value in parts:
        values[part] = value
    return values


def coloured(*parts: tuple[NDArray[np.bool_], tuple[int, int, int]]) -> Grey:
    colours = np.zeros((SIZE, SIZE, 3), np.uint8)
    for part, colour in parts:
        colours[part] = colour
    return colours


def softened(path: Path) -> Path:
    """The same, reduced and magnified again with smoothing, as photo editors do."""
    with Image.open(path) as image:
        small = image.resize((SIZE // 2, SIZE // 2), Image.Resampling.BILINEAR)
    small.resize((SIZE, SIZE), Image.Resampling.BILINEAR).save(path)
    return path


def following(error: UnclearMaskError) -> Classes:
    """What the command line makes of an advice, typed as it is printed."""
    (line,) = error.problems
    words = shlex.split(line.split("give ", 1)[1] if "give " in line else line.split("Give ")[1])
    words = words[next(i for i, word in enumerate(words) if word.startswith("--")) :]
    count = next((i for i, word in enumerate(words) if not _is_option(word, words, i)), len(words))
    parser = ArgumentParser(exit_on_error=False)
    data_check.configure(parser)
    cleaned = [word.rstrip(";.:,") for word in words[:count]]
    read = parser.parse_args(["folder", *cleaned])
    return Classes(read.classes, read.ignore, read.instances)


def _is_option(word: str, words: list[str], place: int) -> bool:
    if word.startswith("--"):
        return True
    before = words[place - 1]
    return before.startswith("--") and before != "--instances"


def test_foreground__one_colour_on_black(tmp_path: Path) -> None:
    for colour in ((250, 50, 83), (90, 0, 0), (255, 255, 0)):
        path = save(tmp_path / "m.png", coloured((LESION, colour)))
        np.testing.assert_array_equal(read_mask(path, BINARY), LESION)


@pytest.mark.parametrize("colour", [255, (250, 50, 83)])
@pytest.mark.parametrize("blur", [0.7, 1.5])
def test_foreground__softened_edges_are_cut_in_the_middle(
    tmp_path: Path, colour: int | tuple[int, int, int], blur: float
) -> None:
    mask = coloured((LESION, colour)) if isinstance(colour, tuple) else drawn((LESION, colour))
    image = Image.fromarray(mask).filter(ImageFilter.GaussianBlur(blur))
    image.save(tmp_path / "m.png")
    assert (read_mask(tmp_path / "m.png", BINARY) != LESION).mean() < 0.01


@pytest.mark.parametrize("quality", [50, 75, 95])
def test_foreground__jpeg_saved_again_without_loss(tmp_path: Path, quality: int) -> None:
    with Image.open(save(tmp_path / "m.jpg", drawn((LESION, 255)), quality=quality)) as image:
        image.save(tmp_path / "m.png")
    assert (read_mask(tmp_path / "m.png", BINARY) != LESION).mean() < 0.01


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_foreground__colours_of_a_palette_mean_something_and_its_indices_nothing(
    tmp_path: Path, order: tuple[int, int]
) -> None:
    colours = [(0, 0, 0), (200, 30, 30)]
    indices = np.asarray(np.where(LESION, order[1], order[0]), np.uint8)
    with_palette(indices, [colours[i] for i in order]).save(tmp_path / "m.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "m.png", BINARY), LESION)


def test_foreground__drawn_on_a_transparent_sheet(tmp_path: Path) -> None:
    sheet = np.full((SIZE, SIZE, 4), 255, np.uint8)
    sheet[..., 3] = drawn((LESION, 255))
    np.testing.assert_array_equal(read_mask(save(tmp_path / "m.png", sheet), BINARY), LESION)


def test_foreground__whole_numbers_as_fractions(tmp_path: Path) -> None:
    path = save(tmp_path / "m.tif", drawn((LESION, 1), dtype=np.float32))
    np.testing.assert_array_equal(read_mask(path, BINARY), LESION)


LABELS = drawn(
    *((disc(8 + 12 * (i // 5), 8 + 12 * (i % 5), 4), i + 1) for i in range(25)), dtype=np.uint16
)
TWO_COLOURS = coloured((ONE, (176, 112, 32)), (TWO, (48, 112, 32)))
UNCLEAR: dict[str, tuple[NDArray[Any], str, NDArray[Any]]] = {
    "classes 0, 1, 2": (drawn((ONE, 1), (TWO, 2)), "classes", ONE + 2 * TWO),
    "classes 0, 128, 255": (drawn((ONE, 128), (TWO, 255)), "classes", ONE + 2 * TWO),
    "classes 0, 85, 170, 255": (
        *(drawn((ONE, 85), (TWO, 170), (THREE, 255)), "classes"),
        ONE + 2 * TWO + 3 * THREE,
    ),
    "small dots of a class": (
        *(drawn((TWO, 255), (disc(5, 5, 1), 128), (disc(9, 50, 1), 128)), "classes"),
        (disc(5, 5, 1) | disc(9, 50, 1)) + 2 * TWO,
    ),
    "a label map": (LABELS, "labels", LABELS > 0),
    "a label map of 8 bits": (LABELS.astype(np.uint8), "labels", LABELS > 0),
    "a label map up to 255": (
        *(np.where(LABELS, LABELS * 10 + 5, 0).astype(np.uint8), "labels"),
        LABELS > 0,
    ),
    "a ring to ignore": (drawn((ONE, 1), (RING, 255)), "ignore", ONE + IGNORED * RING),
    "two classes and a ring": (
        *(drawn((ONE, 1), (TWO, 2), (RING, 255)), "ignore"),
        ONE + 2 * TWO + IGNORED * RING,
    ),
    "two colours": (TWO_COLOURS, "classes", 2 * ONE + TWO),
    "one other value": (drawn((LESION, 100)), "classes", LESION),
    "16-bit classes": (
        *(drawn((ONE, 300), (TWO, 60000), dtype=np.uint16), "classes"),
        ONE + 2 * TWO,
    ),
}


@pytest.mark.parametrize("name", UNCLEAR)
def test_unclear__is_refused_and_the_advice_followed_literally_is_right(
    tmp_path: Path, name: str
) -> None:
    values, kind, right = UNCLEAR[name]
    path = save(tmp_path / "m.png", values)
    with pytest.raises(UnclearMaskError, match=r"m\.png: holds") as caught:
        read_mask(path, BINARY)
    assert caught.value.kind == kind
    found = inspect_mask(path, following(caught.value))
    np.testing.assert_array_equal(found.indices, right)
    assert not found.unnamed


def test_unclear__softened_classes_count_as_what_is_nearest(tmp_path: Path) -> None:
    path = softened(save(tmp_path / "m.png", drawn((ONE, 128), (TWO, 255))))
    with pytest.raises(UnclearMaskError, match="resized with smoothing") as caught:
        read_mask(path, BINARY)
    found = inspect_mask(path, following(caught.value))
    assert (found.indices != ONE + 2 * TWO).mean() < 0.02
    assert (found.indices == 1).sum() == pytest.approx(ONE.sum(), rel=0.1)
    assert found.softened > 0


def test_unclear__softened_ring(tmp_path: Path) -> None:
    inner, ring = disc(32, 32, 12), disc(32, 32, 24) & ~disc(32, 32, 12)
    path = softened(save(tmp_path / "m.png", drawn((inner, 1), (ring, 255))))
    with pytest.raises(UnclearMaskError, match="--ignore 255") as caught:
        read_mask(path, BINARY)
    wrong = read_mask(path, following(caught.value)) != inner + IGNORED * ring
    assert wrong.mean() < 0.05


@pytest.mark.parametrize("mask", [drawn((ONE, 128), (TWO, 255)), TWO_COLOURS])
def test_unclear__areas_in_jpeg(tmp_path: Path, mask: Grey) -> None:
    path = save(tmp_path / "m.jpg", mask, quality=90)
    with pytest.raises(UnclearMaskError) as caught:
        read_mask(path, BINARY)
    found = read_mask(path, following(caught.value))
    shares = [(found[part] == found[part][0]).mean() for part in (disc(20, 20, 5), disc(44, 44, 7))]
    assert min(shares) > 0.95
    assert found[20, 20] != found[44, 44]


def test_unclear__a_photograph(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 3), np.uint8)
    for name in ("m.png", "m.jpg"):
        with pytest.raises(UnclearMaskError, match="looks like a picture"):
            read_mask(save(tmp_path / name, noise), BINARY)


def test_instances__every_number_or_colour_is_foreground(tmp_path: Path) -> None:
    instances = Classes(instances=True)
    for name, values in (("a.png", LABELS), ("b.png", TWO_COLOURS)):
        expected = LABELS > 0 if values is LABELS else LESION
        path = save(tmp_path / name, values)
        np.testing.assert_array_equal(read_mask(path, instances), expected)
    with pytest.raises(DataError, match=r"m\.jpg: JPEG blurs the numbers of objects"):
        read_mask(save(tmp_path / "m.jpg", drawn((ONE, 200))), instances)


def test_ignore__also_among_classes_and_of_a_colour(tmp_path: Path) -> None:
    path = save(tmp_path / "m.png", drawn((ONE, 1), (TWO, 7), (RING, 9)))
    found = read_mask(path, Classes({"a": 1, "b": 7}, ignore=9))
    np.testing.assert_array_equal(found, ONE + 2 * TWO + IGNORED * RING)
    path = save(tmp_path / "m.png", coloured((ONE, (255, 0, 0)), (RING, (224, 224, 192))))
    found = read_mask(path, Classes(ignore=(224, 224, 192)))
    np.testing.assert_array_equal(found, ONE + IGNORED * RING)


def test_classes__what_none_of_them_names_is_told(tmp_path: Path) -> None:
    path = save(tmp_path / "m.png", drawn((ONE, 1), (TWO, 2)))
    found = inspect_mask(path, Classes({"lesion": 2}))
    np.testing.assert_array_equal(found.indices, TWO)
    assert found.unnamed == {1: pytest.approx(ONE.mean())}


def test_classes__grey_palette_by_its_greys_or_by_its_entries(tmp_path: Path) -> None:
    greys = [(0, 0, 0), (128, 128, 128), (255, 255, 255)]
    with_palette(drawn((ONE, 1), (TWO, 2)).astype(np.uint8), greys).save(tmp_path / "m.png")
    for classes in (Classes({"a": 128, "b": 255}), Classes({"a": 1, "b": 2})):
        np.testing.assert_array_equal(read_mask(tmp_path / "m.png", classes), ONE + 2 * TWO)


def test_read_mask__for_a_look_takes_all_that_is_drawn_with_a_warning(tmp_path: Path) -> None:
    path = save(tmp_path / "m.png", drawn((ONE, 85), (TWO, 170)))
    with pytest.warns(UserWarning, match="Until then all of it is foreground"):
        np.testing.assert_array_equal(reading.read_mask(path, BINARY), LESION)


def test_softened__a_class_next_to_white_is_named_too(tmp_path: Path) -> None:
    small = Image.fromarray(drawn((ONE, 127), (TWO, 254)).astype(np.uint8))
    path = save(tmp_path / "m.png", np.asarray(small.resize((2 * SIZE, 2 * SIZE), 2)))
    with pytest.raises(UnclearMaskError, match=r"--classes.class1 127 --classes.class2 254"):
        read_mask(path, BINARY)


def test_jpeg__colours_that_it_changed_a_little_are_named_once(tmp_path: Path) -> None:
    masks = []
    for number, (red, green) in enumerate([(255, 251), (250, 255), (254, 248)]):
        large = np.kron(coloured((ONE, (red, 0, 2)), (TWO, (1, green, 0))), np.ones((2, 2, 1)))
        path = save(tmp_path / f"{number}.jpg", large.astype(np.uint8), quality=92)
        with pytest.raises(UnclearMaskError) as caught:
            read_mask(path, BINARY)
        masks.append(caught.value)
    said = describe(masks)
    assert "the colours (0, 255, 0), (255, 0, 0). If" in said
    assert "--instances" not in said  # which JPEG cannot keep
