import os
import shutil
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageSequence
from scipy.special import expit, logit

from crosslevel.cli import main
from crosslevel.data import reading
from crosslevel.data.cases import index_cases
from crosslevel.inference import mask_files
from crosslevel.inference import predict as prediction
from crosslevel.inference.options import Outputs
from crosslevel.inference.predict import predict
from crosslevel.inference.segmenter import Segmenter
from crosslevel.training.train import train
from support.tiny import tiny_config


@pytest.fixture(scope="module")
def run(lesions, tmp_path_factory):
    return train(lesions, tmp_path_factory.mktemp("runs") / "run", tiny_config("supervised"))


def write_image(path, width, height, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def test_predict__writes_masks_at_each_image_s_own_size(run, tmp_path):
    images = tmp_path / "in"
    for index in range(11):
        write_image(images / f"{index}.png", 30 + index, 50, index)
    result = predict(run.path, [images], tmp_path / "out")
    assert (result.num_written, result.problems) == (11, [])
    for index in range(11):
        mask = np.asarray(Image.open(tmp_path / "out" / f"{index}.png"))
        assert mask.shape == (50, 30 + index)
        assert set(np.unique(mask)) <= {0, 255}


def test_predict__equals_the_python_call(run, lesions, tmp_path):
    predict(run.path, [lesions / "images"], tmp_path)
    segmenter = Segmenter.load(run.path)
    for image in (lesions / "images").iterdir():
        written = np.asarray(Image.open(tmp_path / f"{image.stem}.png"))
        assert np.array_equal(written > 0, segmenter.predict(image) > 0)


def test_predict__overlay_and_probabilities(run, lesions, tmp_path):
    image = next((lesions / "images").iterdir())
    predict(run.path, [image], tmp_path, outputs=Outputs(overlay=True, probabilities=True))
    names = {p.name for p in tmp_path.glob(f"{image.stem}*")}
    stem = image.stem
    assert names == {f"{stem}.png", f"{stem}_overlay.jpg", f"{stem}_probability.png"}
    written = np.asarray(Image.open(tmp_path / f"{stem}_probability.png")) / 65535
    segmenter = Segmenter.load(run.path)
    assert segmenter.calibration is not None
    [said] = segmenter.probabilities(image)
    line = segmenter.calibration.pixels
    np.testing.assert_allclose(written, expit(line.slope * logit(said) + line.shift), atol=1e-4)
    assert line.slope != 1


@pytest.fixture(scope="module")
def without_calibration(run, tmp_path_factory):
    """A model folder of an earlier version."""
    ignore = shutil.ignore_patterns("calibration.json")
    folder = tmp_path_factory.mktemp("old") / "model"
    return shutil.copytree(run.model_folder, folder, ignore=ignore)


def test_predict__lists_the_lowest_expected_dice_first(run, lesions, tmp_path, capsys):
    result = predict(run.path, lesions / "images", tmp_path)
    rows = pd.read_csv(tmp_path / "confidence.csv")
    assert rows["expected_dice"].is_monotonic_increasing
    assert list(rows["image"]) == [str(image) for image in result.expected_dice]
    assert rows["expected_dice"].to_list() == pytest.approx(
        list(result.expected_dice.values()), abs=1e-4
    )
    assert main(["predict", str(run.path), str(lesions / "images"), "--out", str(tmp_path)]) == 0
    first = next(iter(result.expected_dice.items()))
    shown = capsys.readouterr().err
    assert f"Lowest expected Dice (all in {tmp_path / 'confidence.csv'}):" in shown
    assert f"  {first[1]:.2f}  {first[0]}\n" in shown


def test_predict__threshold(run, lesions, tmp_path, capsys):
    image = next((lesions / "images").iterdir())
    [probability] = Segmenter.load(run.path).probabilities(image)
    result = predict(run.path, image, tmp_path, threshold=float(np.median(probability)))
    mask = np.asarray(Image.open(tmp_path / f"{image.stem}.png")) > 0
    assert np.array_equal(mask, probability >= float(np.median(probability)))
    assert result.expected_dice == {}
    arguments = ["predict", str(run.path), str(image), "--out", str(tmp_path)]
    assert main([*arguments, "--threshold", "1.5"]) == 2
    assert "threshold is 1.5; it must be from 0 to 1" in capsys.readouterr().err


def test_predict__class_probabilities_sum_to_one(run, lesions, tmp_path):
    image = next((lesions / "images").iterdir())
    outputs = Outputs(probabilities=True, class_probabilities=True)
    predict(run.path, image, tmp_path, outputs=outputs)
    with Image.open(tmp_path / f"{image.stem}_probabilities.tif") as file:
        pages = [np.asarray(page).astype(int) for page in ImageSequence.Iterator(file)]
    assert np.abs(pages[0] + pages[1] - 65535).max() <= 1
    foreground = np.asarray(Image.open(tmp_path / f"{image.stem}_probability.png")).astype(int)
    assert np.array_equal(foreground, 65535 - pages[0])


def test_predict__lists_the_lowest_confidence_first(without_calibration, lesions, tmp_path, capsys):
    run = without_calibration
    outputs = Outputs(probabilities=True)
    result = predict(run, lesions / "images", tmp_path, outputs=outputs)
    rows = pd.read_csv(tmp_path / "confidence.csv")
    assert len(rows) == 24
    assert rows["confidence"].is_monotonic_increasing
    assert rows["expected_dice"].isna().all()
    assert list(rows["image"]) == [str(image) for image in result.confidence]
    for name, confidence in zip(rows["mask"], rows["confidence"], strict=True):
        mask = np.asarray(Image.open(tmp_path / name)) > 0
        beside = tmp_path / name.replace(".png", "_probability.png")
        probability = np.asarray(Image.open(beside)) / 65535
        expected = 2 * probability[mask].sum() / (probability.sum() + mask.sum())
        if not mask.any():
            expected = 1 - probability.max()
        assert confidence == pytest.approx(expected, abs=2e-4)
    main(["predict", str(run), str(lesions / "images"), "--out", str(tmp_path / "cli")])
    first = next(iter(result.confidence.items()))
    shown = capsys.readouterr().err
    assert f"confidence.csv):\n  {first[1]:.2f}  {first[0]}\n" in shown
    assert "No expected Dice" in shown


def test_predict__keeps_no_list_of_other_masks(run, tmp_path, monkeypatch):
    for index in range(4):
        write_image(tmp_path / "in" / f"{index}.png", 32, 32, index)
    out = tmp_path / "out"
    predict(run.path, tmp_path / "in", out)

    def fill_up(path, *args):
        if path.stem == "2":
            raise OSError("disk full")
        mask_files.write_masks(path, *args)

    with monkeypatch.context() as patch:
        patch.setattr(prediction, "write_masks", fill_up)
        with pytest.raises(OSError, match="disk full"):
            predict(run.path, tmp_path / "in", out)
    assert set(pd.read_csv(out / "confidence.csv")["mask"]) == {"0.png", "1.png"}
    bad = tmp_path / "bad.png"
    bad.write_text("no image")
    assert predict(run.path, bad, out).num_written == 0
    assert not (out / "confidence.csv").exists()


def test_predict__lists_masks_that_can_be_trained_on(run, tmp_path):
    write_image(tmp_path / "in" / "a" / "x.png", 32, 32)
    write_image(tmp_path / "in" / "b" / "x.png", 32, 32)
    predict(run.path, tmp_path / "in", tmp_path / "out")
    cases = index_cases(tmp_path / "out" / "confidence.csv")
    assert sorted(case.mask for case in cases if case.mask) == [
        tmp_path / "out" / "a" / "x.png",
        tmp_path / "out" / "b" / "x.png",
    ]


def test_predict__lists_names_of_any_kind(run, tmp_path):
    names = [b"two\nlines.png", b"back\rward.png", b"a,b.png", b"no\xffutf8.png"]
    for name in names:
        write_image(tmp_path / "in" / os.fsdecode(name), 32, 32)
    assert predict(run.path, tmp_path / "in", tmp_path / "out").num_written == 4
    rows = pd.read_csv(tmp_path / "out" / "confidence.csv")
    found = {os.path.basename(image) for image in rows["image"]}
    assert found == {"two\nlines.png", "back\rward.png", "a,b.png", "no\\udcffutf8.png"}


def test_predict__keeps_sub_folders_and_takes_patterns(run, tmp_path):
    write_image(tmp_path / "in" / "a" / "x.png", 32, 32)
    write_image(tmp_path / "in" / "b" / "x.png", 32, 32)
    predict(run.path, [tmp_path / "in"], tmp_path / "tree")
    assert {str(p.relative_to(tmp_path / "tree")) for p in (tmp_path / "tree").rglob("*.png")} == {
        "a/x.png",
        "b/x.png",
    }
    predict(run.path, [str(tmp_path / "in" / "a" / "*.png")], tmp_path / "flat")
    assert (tmp_path / "flat" / "x.png").is_file()


def test_predict__a_bad_image_loses_only_itself(run, tmp_path):
    for index in range(9):
        write_image(tmp_path / "in" / f"{index}.png", 32, 32, index)
    (tmp_path / "in" / "4.png").write_text("no image")
    result = predict(run.path, [tmp_path / "in"], tmp_path / "out")
    assert result.num_written == 8
    assert len(result.problems) == 1
    assert "4.png" in result.problems[0]
    assert len(list((tmp_path / "out").glob("*.png"))) == 8
    assert len(pd.read_csv(tmp_path / "out" / "confidence.csv")) == 8


def test_predict__two_images_of_one_name_are_refused_before_any_work(run, tmp_path):
    for suffix in ("png", "jpg"):
        write_image(tmp_path / "in" / f"x.{suffix}", 32, 32)
    with pytest.raises(ValueError, match=r"x\.jpg and .*x\.png would both be"):
        predict(run.path, [tmp_path / "in"], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_predict__takes_no_hidden_file_and_no_mask_of_an_earlier_call_for_an_image(run, tmp_path):
    images = tmp_path / "in"
    write_image(images / "a.png", 30, 40)
    write_image(images / ".crosslevel" / "thumbnails" / "a-0123.jpg", 30, 40)
    (images / "._a.png").write_bytes(b"left by a Mac")
    for out in (images / "first", images / "second"):
        result = predict(run.path, images, out)
        assert (list(result.confidence), result.problems) == ([images / "a.png"], [])


def test_predict__never_takes_an_image_below_out_for_input(run, tmp_path):
    image = write_image(tmp_path / "x.png", 32, 32)
    before = image.read_bytes()
    with pytest.raises(ValueError, match="where masks are written"):
        predict(run.path, os.path.relpath(image), tmp_path)
    assert image.read_bytes() == before
    for _ in range(2):
        assert predict(run.path, [tmp_path], tmp_path / "masks").num_written == 1


def test_predict__names_what_it_does_not_read(run, tmp_path, capsys):
    images = tmp_path / "in"
    write_image(images / "deep" / "a.png", 32, 32)
    for name in ("b.heic", "deep/c.heic", "deep/notes.txt", ".hidden", "Thumbs.db"):
        (images / name).write_text("other")
    words = ["predict", str(run.path), str(images), "--out", str(images / "masks")]
    for _ in range(2):
        assert main(words) == 0
        said = capsys.readouterr().err
        assert f"warning: {images}/b.heic: and 2 more are not used (2 .heic, 1 .txt)." in said
        assert "Done: 1 masks" in said
    (images / "deep" / "a.png").unlink()
    shutil.rmtree(images / "masks")
    assert main(words) == 2
    said = capsys.readouterr().err
    assert f"{images}: no image there." in said
    assert "and 2 more are not used" in said


def test_predict__leaves_masks_beside_images_alone_and_says_so(run, lesions, tmp_path, capsys):
    images, masks = lesions / "images", lesions / "masks"
    shutil.copytree(images, tmp_path / "more")
    shutil.copytree(masks, tmp_path / "more/Labels")
    for data in (lesions, tmp_path / "more"):
        out = tmp_path / f"out-{data.name}"
        assert main(["predict", str(run.path), str(data), "--out", str(out)]) == 0
        assert len(list(out.rglob("*.png"))) == len(list(images.iterdir()))
        said = capsys.readouterr().err
        assert f"not used, being masks by its name (files: {len(list(masks.iterdir()))})" in said
    assert predict(run.path, masks, tmp_path / "named").num_written == len(list(masks.iterdir()))


def test_predict__a_window_of_the_image_s_size_equals_the_whole_image(
    without_calibration, lesions, tmp_path
):
    outputs = Outputs(probabilities=True)
    found = []
    for slides in (False, True):
        out = tmp_path / str(slides)
        predict(
            without_calibration, lesions / "images", out, outputs=outputs, sliding_window=slides
        )
        probabilities = sorted(out.glob("*_probability.png"))
        found.append(np.stack([np.asarray(Image.open(p)) / 65535 for p in probabilities]))
    assert len(found[0]) == 24
    np.testing.assert_allclose(found[0], found[1], atol=1e-4)


def test_predict__a_sliding_window_does_not_shrink_the_image(run, tmp_path):
    image = write_image(tmp_path / "in" / "x.png", 100, 90)
    outputs = Outputs(overlay=True, probabilities=True)
    predict(run.path, image, tmp_path / "out", outputs=outputs, sliding_window=True)
    assert len(list((tmp_path / "out").glob("[!.]*"))) == 4
    written = np.asarray(Image.open(tmp_path / "out" / "x_probability.png")) / 65535
    segmenter = Segmenter.load(run.path, sliding_window=True)
    np.testing.assert_allclose(written, segmenter.probabilities(image)[0], atol=1e-4)
    corner = Segmenter.load(run.path).probabilities(np.asarray(Image.open(image))[:32, :32].copy())
    np.testing.assert_allclose(written[:8, :8], corner[0, :8, :8], atol=1e-4)


def test_predict__nothing_there(run, tmp_path):
    with pytest.raises(ValueError, match="no image there"):
        predict(run.path, [tmp_path / "nowhere"], tmp_path / "out")


def test_predict__never_holds_all_images_at_once(run, tmp_path, monkeypatch):
    for index in range(40):
        write_image(tmp_path / "in" / f"{index}.png", 8, 8, index)
    read: list[Any] = []
    written: list[int] = []
    most: list[int] = []
    original_write = mask_files.write_masks

    def count_read(path, *more):
        read.append(path)
        most.append(len(read) - len(written))
        return reading.read_as_trained(path, *more)

    def count_write(*args):
        original_write(*args)
        written.append(1)

    monkeypatch.setattr(prediction, "read_as_trained", count_read)
    monkeypatch.setattr(prediction, "write_masks", count_write)
    predict(run.path, [tmp_path / "in"], tmp_path / "out")
    batch_size = Segmenter.load(run.path).runtime.batch_size
    assert max(most) <= 2 * (batch_size + 1) + batch_size < 40


def test_segmenter__from_a_copied_model_folder_alone(run, lesions, tmp_path):
    shutil.copytree(run.model_folder, tmp_path / "shipped")
    image = next((lesions / "images").iterdir())
    here, there = Segmenter.load(run.path), Segmenter.load(tmp_path / "shipped")
    assert np.array_equal(here.probabilities(image), there.probabilities(image))
