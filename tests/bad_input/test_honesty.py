"""What a run must not see does not reach it."""

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from crosslevel.cli import main
from crosslevel.data.split import Split
from support.bad_folders import train

OPENED: list[str] | None = None


def _note(event, arguments):
    if OPENED is not None and event == "open":
        OPENED.append(str(arguments[0]))


sys.addaudithook(_note)  # cannot be taken off again; does nothing outside `opened_files`


@contextmanager
def opened_files() -> Iterator[list[str]]:
    """Every file this process opens, by whatever library."""
    global OPENED
    OPENED = []
    try:
        yield OPENED
    finally:
        OPENED = None


@pytest.fixture
def data(lesions, tmp_path):
    return shutil.copytree(lesions, tmp_path / "data")


SEMI = ["--method", "mean_teacher", "--labelled", "4", "--epochs", "2"]


def test_train__never_opens_the_mask_of_an_unlabelled_image(data, tmp_path):
    with opened_files() as opened:
        assert train(data, tmp_path / "run", *SEMI) == 0
    split = Split.load(tmp_path / "run" / "split.json")
    masks = {Path(name).stem for name in opened if Path(name).parent == data / "masks"}
    assert masks == {*split.train_labelled, *split.val, *split.test}


def test_train__does_not_depend_on_the_test_part(data, tmp_path):
    assert train(data, tmp_path / "clean", *SEMI) == 0
    random = np.random.default_rng(0)
    for case_id in Split.load(tmp_path / "clean" / "split.json").test:
        noise = random.integers(0, 256, (32, 32, 3), np.uint8)
        Image.fromarray(noise).save(data / "images" / f"{case_id}.jpg")
        mask = data / "masks" / f"{case_id}.png"
        inverted = 255 - np.asarray(Image.open(mask).convert("L"))
        Image.fromarray(inverted).save(mask)
    assert train(data, tmp_path / "poisoned", *SEMI) == 0
    clean, poisoned = (
        (tmp_path / name / "model" / "model.safetensors").read_bytes()
        for name in ("clean", "poisoned")
    )
    assert clean == poisoned


@pytest.fixture(scope="module")
def run(lesions, tmp_path_factory):
    run = tmp_path_factory.mktemp("runs") / "run"
    assert train(lesions, run) == 0
    return run


def renamed(data, case_ids):
    """The same images under other names, which only their content gives away."""
    for case_id in case_ids:
        for path in (data / "images" / f"{case_id}.jpg", data / "masks" / f"{case_id}.png"):
            path.rename(path.with_stem(f"other_{case_id}"))


def test_evaluate__refuses_training_images_by_content(run, data, tmp_path, capsys):
    split = Split.load(run / "split.json")
    learned = (*split.train_labelled, *split.train_unlabelled)
    renamed(data, learned)
    words = ["evaluate", str(run), "--data", str(data), "--subset", "all"]
    assert main([*words, "--out", str(tmp_path / "scores")]) == 2
    said = capsys.readouterr().err
    assert f"{len(learned)} images of {data} were trained on" in said
    assert "--allow_overlap" in said
    assert main([*words, "--out", str(tmp_path / "scores"), "--allow_overlap"]) == 0
    summary = (tmp_path / "scores" / "summary.json").read_text()
    assert f'"num_trained_on": {len(learned)}' in summary


def test_evaluate__refuses_a_changed_test_image_before_scoring(run, data, capsys):
    changed = data / "images" / f"{Split.load(run / 'split.json').test[0]}.jpg"
    Image.new("RGB", (32, 32)).save(changed)
    assert main(["evaluate", str(run), "--data", str(data)]) == 2
    assert f"{changed}: not the same image as before" in capsys.readouterr().err
