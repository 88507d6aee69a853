"""A run on images deeper than 8 bits: one window, in the run, the model and the prediction."""

import json

import numpy as np
import pytest
import yaml
from PIL import Image

from crosslevel.cli import main
from crosslevel.config.train import TrainConfig
from crosslevel.data.reading import read_image
from crosslevel.data.synthetic import write_synthetic
from crosslevel.evaluation.evaluate import evaluate
from crosslevel.inference.segmenter import Segmenter
from crosslevel.models.folder import load_card
from crosslevel.training.train import train
from crosslevel.types import BEFORE_WINDOWS, Reading
from support.tiny import tiny_settings

CONFIG = TrainConfig(**tiny_settings("supervised"))
TWELVE_BITS = Reading(window=(0.0, 4095.0))


def deepen(folder, factor):
    """Every image as 16-bit grey, each value so many times as large."""
    for path in sorted((folder / "images").iterdir()):
        grey = read_image(path).mean(axis=2)
        grey[0, :2] = 0, 255  # the whole range is in use
        path.unlink()
        Image.fromarray((grey * factor).astype(np.uint16)).save(path.with_suffix(".png"))
    return folder


@pytest.fixture(scope="module")
def twelve(tmp_path_factory):
    folder = write_synthetic(tmp_path_factory.mktemp("twelve"), 24, size=32, seed=0)
    return deepen(folder, 4095 / 255)


@pytest.fixture(scope="module")
def run(twelve, tmp_path_factory):
    return train(twelve, tmp_path_factory.mktemp("run") / "r", CONFIG)


def predict(capsys, run, *words):
    code = main(["predict", str(run.path), *map(str, words), "--runtime", "torch"])
    return code, capsys.readouterr().err


def test_window__is_written_into_run_and_model(run):
    assert yaml.safe_load(run.config_file.read_text())["window"] == [0.0, 4095.0]
    assert load_card(run.model_folder).reading == TWELVE_BITS


def test_run__goes_on_with_its_window(run, twelve):
    weights = (run.model_folder / "model.safetensors").read_bytes()
    train(twelve, run.path, CONFIG)
    assert (run.model_folder / "model.safetensors").read_bytes() == weights


def test_predict__a_dark_image_is_read_like_those_of_the_training(run, twelve, tmp_path):
    """By itself it would be stretched to the whole range; the run's window keeps it dark."""
    image = next((twelve / "images").iterdir())
    dark = tmp_path / "dark.png"
    Image.fromarray((np.asarray(Image.open(image)) // 8).astype(np.uint16)).save(dark)
    segmenter = Segmenter.load(run.path, runtime="torch")
    by_hand = np.rint(np.asarray(Image.open(dark)) * (255 / 4095)).astype(np.uint8)
    expected = segmenter.probabilities(np.repeat(by_hand[..., None], 3, axis=2))
    np.testing.assert_array_equal(segmenter.probabilities(dark), expected)


def test_predict__says_what_is_unlike_the_training(run, tmp_path, capsys):
    Image.fromarray(np.full((32, 32), 60_000, np.uint16)).save(tmp_path / "bright.png")
    Image.new("RGB", (32, 32)).save(tmp_path / "eight.png")
    files = tmp_path / "bright.png", tmp_path / "eight.png"
    code, said = predict(capsys, run, *files, "--out", tmp_path / "out")
    assert code == 0
    assert "bright.png: 100% of its pixels lie outside the range in which 0 is black" in said
    assert "eight.png: holds 8 bits, but the training images were deeper" in said


def test_predict__deep_images_mean_nothing_to_a_segmenter_of_8_bits(
    lesions, twelve, tmp_path, capsys
):
    run = train(lesions, tmp_path / "run", CONFIG)
    assert load_card(run.model_folder).reading == Reading(window=())
    image = next((twelve / "images").iterdir())
    code = main(["predict", str(run.path), str(image), "--out", str(tmp_path / "out")])
    assert code == 1
    assert "holds 16-bit values, but the segmenter was trained on" in capsys.readouterr().err


def test_model__from_before_windows_reads_as_it_did(run, tmp_path):
    """Its card has no reading: 65 535 is white."""
    card = json.loads((run.model_folder / "model.json").read_text())
    del card["reading"]
    (tmp_path / "model.json").write_text(json.dumps(card))
    assert load_card(tmp_path).reading == BEFORE_WINDOWS


def test_run__from_before_windows_goes_on_as_it_began(run, twelve, tmp_path):
    config = yaml.safe_load(run.config_file.read_text())
    for name in ("window", "channels", "page", "axis"):
        del config[name]
    old = type(run)(tmp_path)
    old.config_file.write_text(yaml.safe_dump(config))
    assert old.config().reading == BEFORE_WINDOWS


def test_evaluate__reads_with_the_window_of_the_model(run, twelve):
    before = evaluate(run.path, runtime="torch").summary.mean["dice"]
    card = run.model_folder / "model.json"
    text = card.read_text()
    card.write_text(text.replace("4095.0", "65535.0"))
    try:
        assert evaluate(run.path, runtime="torch").summary.mean["mae"] != before
    finally:
        card.write_text(text)


def test_data_check__says_values_and_window(twelve, capsys):
    assert main(["data", "check", str(twelve)]) == 0
    said = capsys.readouterr().out
    assert "24 16-bit, from 0 to 4095; 0 is black, 4095 is white (by what the images hold)" in said


def test_data_check__names_an_image_of_another_range(twelve, tmp_path, capsys):
    import shutil

    data = shutil.copytree(twelve, tmp_path / "data")
    odd = next((data / "images").iterdir())
    Image.fromarray(np.asarray(Image.open(odd)) // 16).save(odd)
    assert main(["data", "check", str(data)]) == 0
    assert f"{odd}: its pixels fill only" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--window", "[9,3]"], "window is [9.0, 3.0]; it must be the value that becomes black"),
        (["--window", "[0,1,0,2]"], "window has 2 pairs of values"),
        (["--channels", "[0,1,2,3]"], "channels is [0, 1, 2, 3]; it must name one channel"),
        (["--page", "-1"], "page is -1; pages are counted from 0"),
    ],
)
def test_options__that_no_image_can_be_read_with(twelve, capsys, words, said):
    assert main(["data", "check", str(twelve), *words]) == 2
    assert said in capsys.readouterr().err


def test_options__without_effect_are_named(lesions, capsys):
    assert main(["data", "check", str(lesions), "--window", "[0,100]"]) == 0
    assert "--window has no effect: every image has 8 bits." in capsys.readouterr().out
