"""Each mask is held out once; the shipped network learns from all; all of it goes on if killed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from crosslevel.cli import main
from crosslevel.data.prepare import prepare
from crosslevel.data.split import Split
from crosslevel.errors import InputError
from crosslevel.evaluation.evaluate import evaluate
from crosslevel.evaluation.metrics import score_case
from crosslevel.export import write as exporting
from crosslevel.export.write import export
from crosslevel.inference.segmenter import Segmenter
from crosslevel.runs.folder import RunFolder
from crosslevel.system.console import Reporter
from crosslevel.system.devices import Place
from crosslevel.training.adapt import adapt
from crosslevel.training.folds import out_of_fold
from crosslevel.training.loop import Trainer
from crosslevel.training.plan import choose_folds, hint_of_folds
from crosslevel.training.train import train
from support.equal_runs import assert_equal_runs
from support.tiny import tiny_auto

FEW = 8
OPTIONS = {"labelled": 1.0, "epochs": 2, "fold_epochs": 2}


@pytest.fixture(scope="module")
def few(lesions: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """16 images of which 8 have a mask, and nothing says which part they belong to."""
    data = tmp_path_factory.mktemp("few")
    for folder in ("images", "masks"):
        (data / folder).mkdir()
        for file in sorted((lesions / folder).iterdir())[: FEW if folder == "masks" else 2 * FEW]:
            shutil.copy(file, data / folder)
    return data


@pytest.fixture(scope="module")
def run(few: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return train(few, tmp_path_factory.mktemp("runs") / "run", tiny_auto(**OPTIONS))


def test_evaluate__exports_of_folds_are_refused_in_one_line(run):
    with pytest.raises(InputError, match="leave --runtime onnx out"):
        evaluate(run.path, runtime="onnx")


def test_evaluate__names_a_part_that_a_run_has(run):
    with pytest.raises(InputError, match="no val images in its split: use --subset out-of-fold"):
        evaluate(run.path, subset="val")


def test_train__few_masks_are_all_learned_from_and_each_is_held_out_once(run):
    split = Split.load(run.split_file)
    assert (len(split.train_labelled), split.val, split.test) == (FEW, (), ())
    assert run.config().folds == 3
    held_out = [Split.load(run.fold(name).split_file) for name in split.fold_names]
    assert sorted(i for fold in held_out for i in fold.val) == sorted(split.train_labelled)
    assert all(not {*fold.val} & {*fold.train_labelled} for fold in held_out)
    assert [len(fold.train_labelled) for fold in held_out] == [5, 5, 6]


def test_train__folds_leave_a_model_and_a_log_and_no_checkpoint(run):
    files = {p.name for p in run.fold("1").path.iterdir()}
    assert files == {
        *("config.yaml", "environment.json", "split.json", "log.csv", "model", "tensorboard")
    }
    assert pd.read_csv(run.fold("1").log_file)["val/dice"].notna().all()
    assert "val/dice" not in pd.read_csv(run.log_file)


def test_train__out_of_fold_score_is_that_of_the_networks_that_did_not_see_the_mask(run, few):
    found = json.loads(run.out_of_fold_file.read_text())
    rows = evaluate(run.path, subset="out-of-fold", metric_size="input").per_image
    assert 100 * rows["dice"].mean() == pytest.approx(found["dice"], abs=1e-3)
    assert (found["num_masks"], found["num_folds"]) == (FEW, 3)
    low, high = found["interval"]
    half = 2.3646 * 100 * rows["dice"].std() / FEW**0.5  # Student's t of seven degrees
    assert (low, high) == pytest.approx((found["dice"] - half, found["dice"] + half), abs=0.01)


def test_evaluate__says_of_expected_dice_what_the_training_said(lesions, tmp_path, capsys):
    """It is of the curve that is shipped, which is of a network surer than those of the folds."""
    config = tiny_auto(**OPTIONS | {"method": "supervised", "folds": 2})
    done = train(lesions, tmp_path / "run", config, reporter=Reporter())
    found = evaluate(done.path).summary.expected_dice
    assert found
    assert f"Calibrated on 24 out-of-fold images. {found}" in capsys.readouterr().err
    assert evaluate(done.path, flips=True).summary.expected_dice is None
    done.out_of_fold_file.write_text("{")
    with pytest.raises(InputError, match=r"out_of_fold.json is damaged .*: remove it, and repeat"):
        evaluate(done.path)


def test_train__a_fold_of_healthy_images_alone_has_no_part_in_the_score(run, few, tmp_path):
    """As in every other mean; a network that finds nothing there had Dice 1."""
    data, folds = tmp_path / "data", Split.load(run.split_file).folds
    shutil.copytree(few, data)
    masks = {file.stem: file for file in (data / "masks").iterdir()}
    healthy = [masks[name] for name, fold in folds.items() if fold == "1" and name in masks]
    for file in healthy:
        Image.new("L", (32, 32)).save(file)
    done = train(data, tmp_path / "run", tiny_auto(**OPTIONS))
    found = json.loads(done.out_of_fold_file.read_text())
    assert found["num_masks"] == FEW - len(healthy)
    scores = evaluate(done.path, metric_size="input").summary
    assert found["dice"] == pytest.approx(scores.mean["dice"], abs=1e-3)


def test_train__a_fold_chooses_no_epoch_by_what_it_holds_out(run):
    """Its threshold suits the other folds, its weights are those after the last step."""
    thresholds = {Segmenter.load(run.fold(n).path).card.threshold for n in ("1", "2", "3")}
    assert thresholds <= {round(0.05 * i, 2) for i in range(2, 19)}
    best = json.loads(run.out_of_fold_file.read_text())["threshold"]
    assert Segmenter.load(run.path).card.threshold == best


def test_train__the_network_of_all_masks_starts_at_the_mean_of_the_folds(
    few, tmp_path, monkeypatch
):
    begun = []
    fit = Trainer.fit

    def note(self):
        begun.append({n: t.clone() for n, t in self.method.inference_model.state_dict().items()})
        fit(self)

    monkeypatch.setattr(Trainer, "fit", note)
    run = train(few, tmp_path / "run", tiny_auto(**OPTIONS))
    files = [run.fold(str(i)).model_folder / "model.safetensors" for i in range(1, 4)]
    weights = [load_file(file)["h.weight"] for file in files]
    assert torch.allclose(begun[-1]["h.weight"], torch.stack(weights).mean(dim=0), atol=1e-6)
    assert torch.equal(begun[0]["h.weight"], begun[1]["h.weight"])  # folds start alike


@pytest.mark.parametrize("step", [0, 9, 14, 20])
def test_train__killed_in_any_fold_ends_as_if_uninterrupted(run, few, tmp_path, monkeypatch, step):
    """Folds have 2 epochs of 3 steps each; the last is in the network of all masks."""
    done: list[int] = []
    original = Trainer._losses

    def interrupted(self, number):
        if len(done) == step:
            raise KeyboardInterrupt
        done.append(number)
        return original(self, number)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_losses", interrupted)
        with pytest.raises(KeyboardInterrupt):
            train(few, tmp_path / "killed", tiny_auto(**OPTIONS))
    killed = train(few, tmp_path / "killed", tiny_auto(**OPTIONS))
    assert_equal_runs(run, killed)
    assert killed.out_of_fold_file.read_bytes() == run.out_of_fold_file.read_bytes()


def test_evaluate__without_test_images_scores_out_of_fold(run, few, capsys):
    result = evaluate(run.path, reporter=Reporter(quiet=True))
    assert run.summary().subset == "out-of-fold"
    assert result.to_text().startswith("out-of-fold (each by a network that did not learn from it)")
    assert (run.summary().num_cases, run.summary().num_trained_on) == (FEW, 0)
    name = Split.load(run.split_file).train_labelled[0]
    fold = Segmenter.load(run.fold(Split.load(run.split_file).folds[name]).path)
    own = fold.predict(few / "images" / f"{name}.jpg")
    score = result.per_image.set_index("id")["dice"][name]
    truth = _mask(few / "masks" / f"{name}.png")
    assert score == pytest.approx(score_case(own[None].astype(np.float32), truth)[0].dice)


def _mask(path: Path) -> np.ndarray:
    from PIL import Image

    return (np.asarray(Image.open(path).convert("L")) > 127).astype(np.uint8)


def test_train__a_given_test_folder_stays_a_test(lesions, tmp_path):
    for part, names in (("train", range(8)), ("test", range(8, 12))):
        for folder in ("images", "masks"):
            (tmp_path / "data" / part / folder).mkdir(parents=True)
            for file in sorted((lesions / folder).iterdir()):
                if int(file.stem[-4:]) in names:
                    shutil.copy(file, tmp_path / "data" / part / folder)
    options = OPTIONS | {"epochs": 1, "fold_epochs": 1, "folds": 2}
    run = train(tmp_path / "data", tmp_path / "run", tiny_auto(**options))
    assert len(Split.load(run.split_file).test) == 4
    assert evaluate(run.path).summary.subset == "test"
    beside = evaluate(run.path, subset="out-of-fold")
    assert beside.per_image_file.parent.name == "scores-out-of-fold-original"
    assert run.summary().subset == "test"


def test_train__a_split_without_validation_part_is_dealt_out_to_folds(few, run, tmp_path):
    content = json.loads(run.split_file.read_text())
    first, *others = content["train_labelled"]
    content |= {"train_labelled": others, "test": [first], "folds": {}}
    (tmp_path / "split.json").write_text(json.dumps(content))
    options = OPTIONS | {"epochs": 1, "fold_epochs": 1, "split": tmp_path / "split.json"}
    settled = train(few, tmp_path / "run", tiny_auto(**options))
    split = Split.load(settled.split_file)
    assert (len(split.train_labelled), split.test, len(split.fold_names)) == (FEW - 1, (first,), 3)
    with pytest.raises(InputError, match="no validation images"):
        train(few, tmp_path / "none", tiny_auto(**options, folds=0))


def test_train__more_folds_than_masks_are_refused(few, tmp_path):
    with pytest.raises(
        ValueError, match=r"8 masked images or groups cannot be divided into 9 fold"
    ):
        train(few, tmp_path / "run", tiny_auto(**OPTIONS, folds=9))


def test_train__a_run_with_folds_does_not_go_on_in_several_processes(few, run):
    place = Place(torch.device("cpu"), rank=1, world=2)
    with pytest.raises(InputError, match="Folds are trained by one process, and these are 2"):
        train(few, run.path, tiny_auto(**OPTIONS), place=place)


def test_train__folds_of_which_bad_files_leave_one_are_refused(lesions, tmp_path):
    """Three masks make folds of two and of one; the masks of one of them are bad."""
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
        for file in sorted((lesions / folder).iterdir())[:3]:
            shutil.copy(file, tmp_path / folder)
    options = tiny_auto(**OPTIONS, skip_bad=True)
    split = Split.load(train(tmp_path, tmp_path / "whole", options).split_file)
    (alone,) = (i for i, fold in split.folds.items() if [*split.folds.values()].count(fold) == 1)
    next((tmp_path / "images").glob(f"{alone}.*")).write_bytes(b"not an image")
    with pytest.raises(InputError, match="all are in one fold"):
        train(tmp_path, tmp_path / "run", options)


def test_train__folds_that_bad_files_empty_are_not_counted(lesions, tmp_path):
    """Six masks make three folds of two; both masks of one of them are bad."""
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
        for file in sorted((lesions / folder).iterdir())[:6]:
            shutil.copy(file, tmp_path / folder)
    asked = tiny_auto(**OPTIONS | {"epochs": 1, "fold_epochs": 1}, skip_bad=True, folds=3)
    split = prepare(tmp_path, asked, Reporter(quiet=True), choose_folds=lambda masks, val: 3).split
    for name in (i for i, fold in split.folds.items() if fold == "2"):
        next((tmp_path / "images").glob(f"{name}.*")).write_bytes(b"not an image")
    run = train(tmp_path, tmp_path / "run", asked)
    assert run.config().folds == 2
    assert Split.load(run.split_file).fold_names == ("1", "3")
    train(tmp_path, run.path, asked)  # the same command goes on


def test_evaluate__names_the_threshold_of_each_fold_and_the_shipped_one(run):
    summary = evaluate(run.path, subset="out-of-fold").summary
    assert summary.fold_thresholds == {
        name: Segmenter.load(run.fold(name).path).card.threshold for name in ("1", "2", "3")
    }
    assert summary.threshold == Segmenter.load(run.path).card.threshold


@pytest.mark.parametrize(
    ("changes", "is_said"),
    [({}, True), ({"folds": 0}, False), ({"labelled": 4}, False), ({"method": "auto"}, False)],
)
def test_hint__of_folds_is_for_whoever_names_a_method(lesions, changes, is_said):
    asked = tiny_auto(**{"labelled": 1.0, "method": "supervised", **changes})
    place = Place(torch.device("cpu"))
    choose = partial(choose_folds, asked, place)
    prepared = prepare(lesions, asked, Reporter(quiet=True), choose_folds=choose)
    lines = hint_of_folds(asked, place, prepared)
    assert [line.startswith("10 of the 24 masks are not learned from") for line in lines] == [
        True
    ] * is_said
    assert all("With --folds 3" in line for line in lines)


def test_adapt__of_a_run_with_folds_has_none_and_is_not_trained_over(few, run, tmp_path):
    adapt(run.path, few / "images", tmp_path / "adapted")
    with pytest.raises(InputError, match="no test images"):
        evaluate(tmp_path / "adapted")
    export(tmp_path / "adapted", "torchscript")
    with pytest.raises(InputError, match="which a training would replace"):
        train(few, tmp_path / "adapted", tiny_auto(**OPTIONS))


def test_train__says_that_no_mask_is_wasted(few, tmp_path, capsys):
    train(few, tmp_path / "run", tiny_auto(**OPTIONS), reporter=Reporter())
    said = list(_lines(capsys.readouterr().err))
    counted = "8 labelled and 8 unlabelled images to train on, 8 masks held out in turn in 3 folds"
    assert f"{few}: {counted}" in said
    assert any(line.startswith("Training 3 folds (8 masks, and none is wasted), ") for line in said)
    assert said[-1].startswith("Out-of-fold Dice ")
    assert "at the network's size" in said[-1]  # `evaluate` scores at the size of the images
    assert "8 masks, each scored by a network that did not learn from it" in said[-1]


def _lines(text: str) -> Iterator[str]:
    return (line for line in text.splitlines() if line)


def test_out_of_fold__of_two_scores():
    found = out_of_fold([0.5, 0.7], 0.4, num_folds=2)
    # Student's t of one degree is 12.706; the standard error 10: cut to [0, 100]
    assert (found.dice, found.interval, found.threshold) == (60.0, (0.0, 100.0), 0.4)


def test_export__says_that_it_compares_on_masks_that_were_learned_from(
    run, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(exporting, "_dice", lambda *_: 80.0)
    words = ["--format", "torchscript", "--out", str(tmp_path)]
    assert main(["export", str(run.path), *words]) == 0
    assert f"Dice on {FEW} labelled images (learned from): 80.00 as" in capsys.readouterr().err
