"""`predict` replaces its own files alone: what a person drew or corrected stays."""

import numpy as np
import pytest
from PIL import Image

from crosslevel.cli import main
from crosslevel.data.ours import PREDICTED
from crosslevel.inference.options import Outputs
from crosslevel.inference.predict import predict
from crosslevel.system.console import Reporter
from crosslevel.training.train import train
from support.pictures import save
from support.tiny import tiny_config


@pytest.fixture(scope="module")
def run(lesions, tmp_path_factory):
    return train(lesions, tmp_path_factory.mktemp("runs") / "run", tiny_config("supervised"))


def write_image(path, width, height, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    return save(path, rng.integers(0, 256, (height, width, 3), np.uint8))


@pytest.fixture
def images(tmp_path):
    for index, name in enumerate("abc"):
        write_image(tmp_path / "images" / f"{name}.png", 20, 16, index)
    return tmp_path / "images"


def bytes_in(folder):
    return {p.name: p.read_bytes() for p in folder.iterdir() if p.name != PREDICTED}


def test_predict__never_replaces_masks_drawn_by_hand(run, images, tmp_path, capsys):
    drawn = write_image(tmp_path / "masks" / "b.png", 20, 16, 7)
    before = bytes_in(tmp_path / "masks")
    words = ["predict", str(run.path), str(images), "--out", str(tmp_path / "masks")]
    assert main(words) == 2
    assert bytes_in(tmp_path / "masks") == before
    said = capsys.readouterr().err
    assert "1 files in" in said
    assert str(drawn) in said
    assert "--overwrite" in said
    assert main([*words, "--overwrite"]) == 0
    assert bytes_in(tmp_path / "masks")["b.png"] != before["b.png"]


def test_predict__replaces_what_it_wrote_but_not_what_was_corrected_since(run, images, tmp_path):
    out = tmp_path / "out"
    everything = Outputs(overlay=True, probabilities=True)
    predict(run.path, images, out, outputs=everything)
    (images / "a.png").unlink()  # its mask stays predict's own
    predict(run.path, images, out, outputs=everything)
    write_image(images / "a.png", 20, 16)
    predict(run.path, images, out, outputs=everything)
    Image.fromarray(np.full((20, 16), 255, np.uint8)).save(out / "c.png")
    with pytest.raises(ValueError, match=r"changed since:\n  \S+c\.png\n"):
        predict(run.path, images, out)


def test_predict__leaves_no_picture_of_a_mask_that_was_replaced(run, images, tmp_path, capsys):
    """Those of masks that stay the same stay, and so does one that a person changed."""
    out = tmp_path / "out"
    everything = Outputs(overlay=True, probabilities=True, class_probabilities=True)
    predict(run.path, images, out, outputs=everything)
    predict(run.path, images, out, outputs=Outputs(overlay=True))  # the same masks
    assert (out / "a_probability.png").is_file()
    drawn = write_image(out / "b_overlay.jpg", 20, 16)
    write_image(images / "a_probability.jpg", 20, 16)  # of the same name as a picture of a
    for name in "ab":
        write_image(images / f"{name}.png", 24, 16)
    predict(run.path, images, out, outputs=Outputs(), reporter=Reporter())
    assert {path.name for path in out.iterdir()} == {
        *("a.png", "a_probability.png", "b.png", "b_overlay.jpg", PREDICTED, "confidence.csv"),
        *("c.png", "c_overlay.jpg", "c_probability.png", "c_probabilities.tif"),
    }
    said = capsys.readouterr().err
    assert "4 files of masks that are replaced, which showed the masks before, are removed" in said
    assert f"warning: {drawn}: shows the mask before. It was changed" in said


def test_predict__half_a_line_of_a_killed_process_costs_one_file(run, images, tmp_path):
    predict(run.path, images, tmp_path / "out")
    listed = tmp_path / "out" / PREDICTED
    listed.write_text("3\n" + listed.read_text()[:-9])  # the list of confidences comes last
    with pytest.raises(ValueError, match=r"1 files .*\n  \S+confidence\.csv\n"):
        predict(run.path, images, tmp_path / "out")


@pytest.mark.parametrize(
    ("beside", "outputs", "second"),
    [
        ("a_probability.png", Outputs(probabilities=True), "probabilities of"),
        ("a_overlay.jpg", Outputs(overlay=True), None),  # its mask is a PNG
        ("a.tif", Outputs(), "mask of"),
    ],
)
def test_predict__writes_one_file_for_one_thing(run, images, tmp_path, beside, outputs, second):
    write_image(images / beside, 20, 16)
    if second is None:
        assert predict(run.path, images, tmp_path / "out", outputs=outputs).num_written == 4
        return
    with pytest.raises(ValueError, match=rf"{second}.* would both be .*folders of their own"):
        predict(run.path, images, tmp_path / "out", outputs=outputs)
    assert not (tmp_path / "out").exists()
