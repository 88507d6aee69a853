"""When some files are bad, the work on the others is kept, and the exit code says so."""

import shutil

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from crosslevel.cli import main
from crosslevel.data.split import Split
from support.bad_folders import is_link_to, png_header, train


@pytest.fixture(scope="module")
def run(lesions, tmp_path_factory):
    run = tmp_path_factory.mktemp("runs") / "run"
    assert train(lesions, run) == 0
    return run


def test_predict__writes_the_masks_of_all_others(run, tmp_path, capsys):
    images = tmp_path / "images"
    images.mkdir()
    for number in range(30):
        pixels = np.random.default_rng(number).integers(0, 256, (20, 24, 3), np.uint8)
        Image.fromarray(pixels).save(images / f"lesion_{number:04}.jpg")
    is_link_to(tmp_path, "gone.jpg")  # lesion_0003
    (images / "lesion_0007.jpg").write_bytes(b"")
    (images / "lesion_0011.jpg").write_bytes(png_header(60_000, 60_000))
    (images / "lesion_0029.jpg").write_text("no image")
    (images / "lesion_0030.jpg").symlink_to("lesion_0030.jpg")
    assert main(["predict", str(run), str(images), "--out", str(tmp_path / "masks")]) == 1
    said = capsys.readouterr().err
    assert f"Done: 26 masks in {tmp_path / 'masks'}" in said
    for number in (3, 7, 11, 29, 30):
        assert f"skipped: {images}/lesion_{number:04}.jpg: " in said
    assert len(list((tmp_path / "masks").glob("*.png"))) == 26


def test_predict__names_that_are_not_utf8_are_kept(run, lesions, tmp_path):
    name = b"caf\xe9"
    folder = bytes(tmp_path)
    shutil.copy(lesions / "images" / "lesion_0000.jpg", folder + b"/" + name + b".jpg")
    assert main(["predict", str(run), str(tmp_path), "--out", str(tmp_path / "masks")]) == 0
    assert [
        path.name.encode(errors="surrogateescape") for path in (tmp_path / "masks").glob("*.png")
    ] == [name + b".png"]


def test_evaluate__keeps_the_scores_of_all_others(run, lesions, tmp_path, capsys):
    assert main(["evaluate", str(run)]) == 0
    before = (run / "summary.json").read_bytes()
    data = shutil.copytree(lesions, tmp_path / "data")
    test = Split.load(run / "split.json").test
    (data / "masks" / f"{test[1]}.png").write_text("no mask")
    Image.new("L", (5, 5)).save(data / "masks" / f"{test[3]}.png")
    capsys.readouterr()
    assert main(["evaluate", str(run), "--data", str(data)]) == 1
    said = capsys.readouterr().err
    assert f"{test[1]}.png: not an image" in said
    assert f"{test[3]}.png: 5 x 5" in said
    assert "2 images could not be scored" in said
    whole = pd.read_csv(run / "per_image.csv").set_index("id")
    part = pd.read_csv(run / "per_image_incomplete.csv").set_index("id")
    pd.testing.assert_frame_equal(part, whole.drop([test[1], test[3]]))
    assert (run / "summary.json").read_bytes() == before


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("split.json", b"{", "Restore the file or draw anew"),
        ("split.json", b"\xff", "Check the path"),
        ("config.yaml", b"size: [", "is not a configuration in YAML"),
        ("config.yaml", b"\xff\xfe", "is not a configuration in YAML"),
        ("model/model.json", b"[]", "expected names with values"),
        ("model/model.safetensors", b"x" * 99, "cannot be read"),
    ],
)
def test_damaged_run__is_named(run, tmp_path, capsys, name, content, said):
    damaged = shutil.copytree(run, tmp_path / "run")
    (damaged / name).write_bytes(content)
    assert main(["evaluate", str(damaged)]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert str(damaged) in error
