import hashlib
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from scipy.stats import spearmanr

from crosslevel.data.split import Split
from crosslevel.data.synthetic import write_synthetic
from crosslevel.evaluation.evaluate import evaluate
from crosslevel.inference.segmenter import Segmenter
from crosslevel.models.folder import load_model, save_model
from crosslevel.runs.folder import RunFolder
from crosslevel.system.console import Reporter
from crosslevel.training.train import train
from support.tiny import tiny_config


@pytest.fixture(scope="module")
def run(lesions, tmp_path_factory):
    return train(lesions, tmp_path_factory.mktemp("runs") / "run", tiny_config("supervised"))


def test_evaluate__scores_every_test_case_by_its_saved_mask(run, lesions):
    result = evaluate(run.path)
    rows = pd.read_csv(run.per_image_file).set_index("id")
    assert sorted(rows.index) == sorted(Split.load(run.split_file).test)
    segmenter = Segmenter.load(run.path)
    for case, row in rows.iterrows():
        truth = np.asarray(Image.open(lesions / "masks" / f"{case}.png")) > 0
        mask = segmenter.predict(lesions / "images" / f"{case}.jpg") > 0
        total = mask.sum() + truth.sum()
        assert row["dice"] == pytest.approx(2 * (mask & truth).sum() / total if total else 1.0)
    summary = run.summary()
    assert summary == result.summary
    assert summary.mean["dice"] == pytest.approx(100 * rows["dice"].mean(), abs=1e-3)
    assert summary.mean["hd95_px"] == pytest.approx(rows["hd95_px"].mean(), abs=1e-3)
    assert "Dice" in result.to_text()


def test_evaluate__at_input_size_and_elsewhere(run, lesions, tmp_path):
    large = tmp_path / "large"
    for folder in ("images", "masks"):
        (large / folder).mkdir(parents=True)
        for file in (lesions / folder).iterdir():
            Image.open(file).resize((48, 40), Image.Resampling.NEAREST).save(
                large / folder / file.name
            )
    original = evaluate(run.path, large, subset="all", out=tmp_path / "a").per_image
    small = evaluate(
        run.path, large, subset="all", metric_size="input", out=tmp_path / "b"
    ).per_image
    assert set(zip(original["height"], original["width"], strict=True)) == {(40, 48)}
    assert set(zip(small["height"], small["width"], strict=True)) == {(32, 32)}
    assert (tmp_path / "a" / "per_image.csv").is_file()


def test_evaluate__refuses_images_it_was_trained_on(run, lesions, tmp_path):
    with pytest.raises(ValueError, match=r"14 images of .* were trained on"):
        evaluate(run.path, lesions, subset="all", out=tmp_path)


def test_evaluate__other_images(run, tmp_path):
    other = write_synthetic(tmp_path / "other", 3, size=40, seed=5)
    result = evaluate(run.path, other, subset="all", out=tmp_path / "scores")
    assert len(result.per_image) == 3


def test_evaluate__a_missing_test_image_is_an_error_not_a_missing_row(run, lesions, tmp_path):
    data = tmp_path / "data"
    shutil.copytree(lesions, data)
    gone = Split.load(run.split_file).test[0]
    (data / "images" / f"{gone}.jpg").unlink()
    (data / "masks" / f"{gone}.png").unlink()
    with pytest.raises(ValueError, match=gone):
        evaluate(run.path, data)


def test_evaluate__opens_only_what_it_scores(run, lesions, tmp_path, capsys):
    """Everything of the data but the test images may be gone, and they are hashed once each."""
    data = shutil.copytree(lesions, tmp_path / "data")
    expected = evaluate(run.path).per_image
    test = Split.load(run.split_file).test
    for file in (*(data / "images").iterdir(), *(data / "masks").iterdir()):
        if file.stem not in test:
            file.unlink()
    result = evaluate(run.path, data, out=tmp_path / "scores", reporter=Reporter())
    pd.testing.assert_frame_equal(result.per_image, expected)
    assert "warning" not in capsys.readouterr().err


@pytest.mark.parametrize(("subset", "num_scored"), [("test", 5), ("val", 5)])
def test_evaluate__hashes_no_file_it_does_not_score(
    run, lesions, tmp_path, monkeypatch, subset, num_scored
):
    hashed = []
    hash_file = hashlib.file_digest

    def counting(file, name):
        hashed.append(Path(file.name))
        return hash_file(file, name)

    monkeypatch.setattr(hashlib, "file_digest", counting)
    result = evaluate(run.path, subset=subset, out=tmp_path)
    images, masks = ([p for p in hashed if p.parent.name == name] for name in ("images", "masks"))
    assert {path.stem for path in images} == set(result.per_image["id"])
    assert (len(images), len(masks)) == (num_scored, num_scored)


def test_evaluate__does_without_a_training_image_and_says_so(run, lesions, tmp_path, capsys):
    data = shutil.copytree(lesions, tmp_path / "data")
    gone = data / "images" / f"{Split.load(run.split_file).train_labelled[0]}.jpg"
    gone.unlink()
    result = evaluate(run.path, data, out=tmp_path / "scores", reporter=Reporter())
    assert len(result.per_image) == 5
    said = capsys.readouterr().err
    assert f"warning: 1 files of {data} cannot be used, and are not scored" in said
    assert gone.stem in said


def test_evaluate__finds_a_copy_of_a_training_image_by_its_content(run, lesions, tmp_path):
    """The training images themselves are not at hand."""
    seen = Split.load(run.split_file).train_unlabelled[0]
    for folder, ending in (("images", "jpg"), ("masks", "png")):
        (tmp_path / "data" / folder).mkdir(parents=True)
        target = tmp_path / "data" / folder / f"renamed.{ending}"
        shutil.copy(lesions / folder / f"{seen}.{ending}", target)
    with pytest.raises(ValueError, match=r"1 images of .* \(the first is 'renamed'"):
        evaluate(run.path, tmp_path / "data", subset="all", out=tmp_path / "scores")


def test_evaluate__masks_of_somebody_else_are_not_replaced(run, tmp_path):
    case = Split.load(run.split_file).test[0]
    drawn = tmp_path / "predictions" / f"{case}.png"
    drawn.parent.mkdir()
    drawn.write_bytes(b"drawn by a person")
    with pytest.raises(ValueError, match="has files but no scores lie beside it"):
        evaluate(run.path, out=tmp_path)
    assert drawn.read_bytes() == b"drawn by a person"
    drawn.unlink()
    for _ in range(2):  # its own are
        assert evaluate(run.path, out=tmp_path).summary.num_cases == 5


def test_evaluate__keeps_no_masks_of_images_that_it_scored_before(run, tmp_path):
    first, second = (write_synthetic(tmp_path / n, 2, size=40, seed=i) for i, n in enumerate("ab"))
    for folder, ending in (("images", "jpg"), ("masks", "png")):
        file = first / folder / f"lesion_0001.{ending}"
        file.rename(file.with_stem("1.5"))
    evaluate(run.path, first, subset="all", out=tmp_path / "s")
    (tmp_path / "s" / "predictions" / "mine.png").touch()
    evaluate(run.path, second, subset="all", out=tmp_path / "s")
    kept = {file.name for file in (tmp_path / "s" / "predictions").iterdir()}
    assert kept == {"lesion_0000.png", "lesion_0001.png", "mine.png"}


def test_evaluate__scores_of_other_images_are_not_replaced(run, tmp_path):
    first, second = (write_synthetic(tmp_path / n, 2, size=40, seed=i) for i, n in enumerate("ab"))
    scores = evaluate(run.path, first, subset="all").per_image_file
    before = scores.read_bytes()
    with pytest.raises(ValueError, match=r"has the scores of .*a, which .*b would replace.*--out"):
        evaluate(run.path, second, subset="all")
    assert scores.read_bytes() == before
    evaluate(run.path, first, subset="all")  # its own are
    (scores.parent / "summary.json").write_text("{")
    assert evaluate(run.path, second, subset="all").per_image_file == scores


def test_evaluate__a_folder_that_is_no_run(tmp_path):
    with pytest.raises(ValueError, match="is not a run folder"):
        evaluate(tmp_path)


def test_evaluate__another_subset_leaves_the_test_scores_alone(run):
    evaluate(run.path)
    before = run.summary_file.read_bytes()
    result = evaluate(run.path, subset="val")
    assert run.summary_file.read_bytes() == before
    assert result.per_image_file.parent == run.path / "scores-val-original"


def test_evaluate__without_test_images_says_so(lesions, tmp_path):
    for part, names in (("train", range(8)), ("val", range(8, 12))):
        for folder in ("images", "masks"):
            (tmp_path / "data" / part / folder).mkdir(parents=True)
            for file in sorted((lesions / folder).iterdir()):
                if int(file.stem[-4:]) in names:
                    shutil.copy(file, tmp_path / "data" / part / folder)
    run = train(tmp_path / "data", tmp_path / "run", tiny_config("supervised", epochs=1))
    with pytest.raises(ValueError, match="no test images in its split: use --subset val, or --su"):
        evaluate(run.path)
    with pytest.raises(ValueError, match="has no folds: use --subset val, or --subset all"):
        evaluate(run.path, subset="out-of-fold")


def test_evaluate__several_classes_have_a_column_each(lesions, tmp_path):
    config = tiny_config("supervised", epochs=1, classes={"lesion": 255, "tool": 128})
    run = train(lesions, tmp_path / "run", config)
    assert {"dice_lesion", "dice_tool"} <= set(evaluate(run.path).per_image.columns)


def test_evaluate__says_that_validation_images_chose_the_epoch(run, lesions, tmp_path, capsys):
    data = tmp_path / "data"
    for folder in ("images", "masks"):
        (data / folder).mkdir(parents=True)
        for file in (lesions / folder).iterdir():
            if file.stem in (*Split.load(run.split_file).val, *Split.load(run.split_file).test):
                shutil.copy(file, data / folder / f"other_{file.name}")
    result = evaluate(run.path, data, subset="all", out=tmp_path / "all", reporter=Reporter())
    assert (result.summary.num_cases, result.summary.num_validated_on) == (10, 5)
    assert "warning: 5 images (the first is other_" in capsys.readouterr().err
    result = evaluate(run.path, subset="val", out=tmp_path / "val", reporter=Reporter())
    assert result.summary.num_validated_on == 5
    assert "warning" not in capsys.readouterr().err


def test_evaluate__a_class_that_is_nowhere_has_no_mean(lesions, tmp_path):
    config = tiny_config("supervised", epochs=1, classes={"lesion": 255, "tool": 128})
    run = train(lesions, tmp_path / "run", config)
    net, card = load_model(run.model_folder)
    assert net.h.bias is not None
    with torch.no_grad():
        net.h.bias[2] = -1e4  # never a tool, and no mask has one
    save_model(run.model_folder, net, card)
    result = evaluate(run.path)
    assert result.per_image["dice_tool"].isna().all()
    assert result.per_image["dice"].equals(result.per_image["dice_lesion"])
    assert "dice_lesion" in result.summary.mean
    assert "dice_tool" not in result.summary.mean
    assert "NaN" not in run.summary_file.read_text()


def test_evaluate__says_that_masks_are_not_those_of_the_start(run, lesions, tmp_path, capsys):
    data = shutil.copytree(lesions, tmp_path / "data")
    first, second = Split.load(run.split_file).test[:2]
    shutil.copy(data / "masks" / f"{second}.png", data / "masks" / f"{first}.png")
    result = evaluate(run.path, data, out=tmp_path / "scores", reporter=Reporter())
    assert result.summary.num_masks_changed == 1
    assert f"1 masks are not those of the training's start (the first is {data}" in (
        capsys.readouterr().err
    )
    assert evaluate(run.path, out=tmp_path / "same").summary.num_masks_changed == 0


def test_evaluate__says_that_the_training_is_not_finished(run, tmp_path, capsys):
    begun = shutil.copytree(run.path, tmp_path / "begun")
    evaluate(begun, reporter=Reporter())
    assert "warning" not in capsys.readouterr().err
    rows = pd.read_csv(begun / "log.csv")
    rows.iloc[:1].to_csv(begun / "log.csv", index=False)
    assert evaluate(begun, reporter=Reporter()).summary.num_epochs_done == 1
    assert not RunFolder(begun).is_finished
    assert RunFolder(run.path).is_finished
    assert f"warning: {begun} is trained for 1 of 3 epochs. Repeat" in capsys.readouterr().err
    (begun / "log.csv").unlink()
    assert evaluate(begun, reporter=Reporter()).summary.num_epochs_done == 3
    assert "warning" not in capsys.readouterr().err


def test_evaluate__says_whether_low_confidence_finds_bad_masks(run, tmp_path):
    result = evaluate(run.path, out=tmp_path, subset="all", allow_overlap=True)
    rows = result.per_image.sort_values("confidence", kind="stable")
    assert len(rows) == 24
    found = result.summary.confidence
    assert found is not None
    assert found.num_lowest == 2
    assert found.dice_lowest == pytest.approx(100 * rows["dice"][:2].mean(), abs=1e-3)
    assert found.dice_others == pytest.approx(100 * rows["dice"][2:].mean(), abs=1e-3)
    expected = spearmanr(rows["dice"], rows["confidence"]).statistic
    assert found.spearman == pytest.approx(expected, abs=1e-3)
    assert f"The 2 masks of lowest confidence: Dice {found.dice_lowest:.2f}, " in result.to_text()
    one = replace(result.summary, confidence=replace(found, num_lowest=1))
    assert "\nThe mask of lowest confidence: Dice " in replace(result, summary=one).to_text()
    assert "confidence" not in result.summary.mean
    few = evaluate(run.path)
    assert len(few.per_image) == 5
    assert few.summary.confidence is None
    assert "confidence" not in few.to_text()
