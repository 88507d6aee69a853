"""Three classes from a folder to the page: one is absent from the test, one is rare."""

import shutil

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from crosslevel.cli import main

GREYS = {"polyp": 85, "tool": 170, "stool": 255}
SIZE = 32


def drawn(number, names):
    """An image and a mask with one square of each of these classes."""
    rng = np.random.default_rng(number)
    image = rng.integers(0, 60, (SIZE, SIZE, 3), np.uint8)
    mask = np.zeros((SIZE, SIZE), np.uint8)
    for place, name in enumerate(GREYS):
        if name in names:
            rows, columns = slice(10 * place + 1, 10 * place + 9), slice(4, 12 + number % 12)
            mask[rows, columns] = GREYS[name]
            image[rows, columns, place] = 250
    return image, mask


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """12 images to train, 4 to validate, 4 to test; no stool in the test, one tool in it."""
    folder = tmp_path_factory.mktemp("three")
    for part, count in {"train": 12, "val": 4, "test": 4}.items():
        for name in ("images", "masks"):
            (folder / part / name).mkdir(parents=True)
        for number in range(count):
            names = {"polyp", "stool"} if part != "test" else {"polyp"}
            names |= {"tool"} if number == 0 or part == "train" else set()
            image, mask = drawn(number + 100 * len(part), names)
            Image.fromarray(image).save(folder / part / "images" / f"{part}{number}.png")
            Image.fromarray(mask).save(folder / part / "masks" / f"{part}{number}.png")
    return folder


@pytest.fixture(scope="module")
def run(data, tmp_path_factory):
    run = tmp_path_factory.mktemp("runs") / "run"
    words = ["--method", "supervised", "--size", str(SIZE), "--epochs", "60"]
    words += ["--model.name", "unet", "--model.widths", "[8,16]", "--precision", "fp32"]
    words += ["--warp", "false", "--learning_rate", "0.01"]
    words += [word for name, grey in GREYS.items() for word in (f"--classes.{name}", str(grey))]
    assert main(["train", "--data", str(data), "--out", str(run), *words]) == 0
    return run


def test_classes__in_table_csv_and_summary_in_their_order(run, capsys):
    capsys.readouterr()
    assert main(["evaluate", str(run)]) == 0
    table = [line.split() for line in capsys.readouterr().out.splitlines() if "of class" in line]
    assert [line[4:6] for line in table] == [["1", "polyp,"], ["2", "tool,"], ["3", "stool,"]]
    rows = pd.read_csv(run / "per_image.csv")
    assert [c for c in map(str, rows) if c.startswith("dice_")] == [
        "dice_polyp",
        "dice_tool",
        "dice_stool",
    ]
    assert float(table[0][0]) == pytest.approx(100 * rows["dice_polyp"].mean(), abs=0.01)
    assert rows["dice_polyp"].notna().all()


def test_classes__predicted_masks_hold_their_numbers(run, data, tmp_path):
    assert main(["predict", str(run), str(data / "train" / "images"), "--out", str(tmp_path)]) == 0
    found, right = [], []
    for path in sorted((data / "train" / "masks").iterdir()):
        found.append(np.asarray(Image.open(tmp_path / path.name)))
        mask = np.asarray(Image.open(path))
        right.append(np.select([mask == grey for grey in GREYS.values()], [1, 2, 3]))
    assert set(np.unique(found)) <= {0, 1, 2, 3}
    assert (np.stack(found) == np.stack(right)).mean() > 0.95


def test_classes__on_the_page(run, tmp_path):
    assert main(["evaluate", str(run)]) == 0
    page = tmp_path / "page.html"
    assert main(["report", str(run), "--out", str(page)]) == 0
    text = page.read_text()
    assert all(f"{i} {name}" in text for i, name in enumerate(GREYS, start=1))


def test_classes__of_masks_drawn_otherwise(run, data, tmp_path, capsys):
    other = tmp_path / "other"
    for name in ("images", "masks"):
        (other / name).mkdir(parents=True)
    for path in (data / "test" / "images").iterdir():
        (other / "images" / path.name).write_bytes(path.read_bytes())
        mask = np.asarray(Image.open(data / "test" / "masks" / path.name))
        numbers = np.select([mask == grey for grey in GREYS.values()], [1, 2, 3])
        Image.fromarray(numbers.astype(np.uint8)).save(other / "masks" / path.name)
    words = ["evaluate", str(run), "--data", str(other), "--subset", "all", "--out"]
    assert main([*words, str(tmp_path / "a")]) == 2
    assert "no mask has a pixel of any class (polyp is 85" in capsys.readouterr().err
    drawn = [w for i, name in enumerate(GREYS, start=1) for w in (f"--classes.{name}", str(i))]
    assert main([*words, str(tmp_path / "a"), *drawn]) == 0
    assert main(["evaluate", str(run)]) == 0
    scores = [pd.read_csv(f / "per_image.csv")["dice"] for f in (tmp_path / "a", run)]
    np.testing.assert_allclose(scores[0], scores[1])


def test_classes__a_value_of_none_in_some_masks_is_named(run, data, tmp_path, capsys):
    other = tmp_path / "other"
    for name in ("images", "masks"):
        shutil.copytree(data / "test" / name, other / name)
    for number in (0, 2):
        path = other / "masks" / f"test{number}.png"
        mask = np.array(Image.open(path))
        mask[-4:] = 30
        Image.fromarray(mask).save(path)
    words = ["evaluate", str(run), "--data", str(other), "--subset", "all", "--out"]
    assert main([*words, str(tmp_path / "a")]) == 0
    said = capsys.readouterr().err
    assert "test0.png, " in said
    assert "value 30 (in 2 masks) is of no class and counts as background" in said
    assert main([*words, str(tmp_path / "a"), "--ignore", "30"]) == 0
    assert "of no class" not in capsys.readouterr().err
