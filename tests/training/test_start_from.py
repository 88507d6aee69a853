"""A run starts from another: its weights are taken, and what was a test stays one."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from crosslevel.config.model import ModelConfig
from crosslevel.data.split import Split
from crosslevel.errors import InputError
from crosslevel.evaluation.evaluate import evaluate
from crosslevel.models.folder import ModelCard, load_model, save_model
from crosslevel.models.growing import weights_for
from crosslevel.models.segmenter import build_segmentation_net
from crosslevel.runs.folder import RunFolder
from crosslevel.system.console import Reporter
from crosslevel.system.devices import Place
from crosslevel.training.loop import Trainer
from crosslevel.training.train import train
from support.equal_runs import assert_equal_runs, stop_at
from support.tiny import tiny_config

MODEL = ModelConfig(widths=(4, 8))


@pytest.fixture(scope="module")
def more(lesions: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """12 of the images with masks, and a folder of all 24 under other names."""
    first, second = (tmp_path_factory.mktemp(name) for name in ("first", "second"))
    for folder in ("images", "masks"):
        for place in (first, second):
            (place / folder).mkdir()
        for file in sorted((lesions / folder).iterdir()):
            shutil.copy(file, second / folder / f"again_{file.name}")
            if int(file.stem[-4:]) < 12:
                shutil.copy(file, first / folder)
    return first, second


@pytest.fixture(scope="module")
def begun(more: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    out = tmp_path_factory.mktemp("begun") / "run"
    return train(more[0], out, tiny_config("supervised", labelled=1.0, epochs=1))


def test_train__from_a_run_keeps_its_test_and_validation_images(more, begun, tmp_path, monkeypatch):
    started = []
    fit = Trainer.fit

    def note(self):
        started.append(self.method.inference_model.state_dict()["f.encoder.0.0.weight"].clone())
        fit(self)

    monkeypatch.setattr(Trainer, "fit", note)
    config = tiny_config("supervised", labelled=1.0, epochs=1, start_from=begun.path)
    run = train(more[1], tmp_path / "run", config)
    before, split = Split.load(begun.split_file), Split.load(run.split_file)
    for part in ("val", "test"):
        assert [f"again_{name}" for name in getattr(before, part)] == [*getattr(split, part)]
    assert len(split.train_labelled) == 24 - len(before.val) - len(before.test)
    weights = load_file(begun.model_folder / "model.safetensors")
    assert torch.equal(started[0], weights["f.encoder.0.0.weight"])


def test_train__from_a_run_goes_on_when_that_run_is_gone(more, begun, tmp_path, monkeypatch):
    other = RunFolder(shutil.copytree(begun.path, tmp_path / "other"))
    config = tiny_config("supervised", labelled=1.0, start_from=other.path)
    whole = train(more[1], tmp_path / "whole", config)
    with monkeypatch.context() as patch:
        stop_at(patch, 0)
        with pytest.raises(KeyboardInterrupt):
            train(more[1], tmp_path / "killed", config)
    shutil.rmtree(other.path)
    assert_equal_runs(whole, train(more[1], tmp_path / "killed", config))


def test_train__from_a_run_deals_out_new_masks_alone(more, begun, tmp_path):
    """A network that has learned from a mask cannot be scored on it."""
    content = json.loads(begun.split_file.read_text())
    content |= {"train_labelled": content["train_labelled"] + content["val"], "val": []}
    other = RunFolder(shutil.copytree(begun.path, tmp_path / "other"))
    other.split_file.write_text(json.dumps(content))
    settings = {"labelled": 1.0, "epochs": 1, "start_from": other.path, "folds": 2}
    run = train(more[1], tmp_path / "run", tiny_config("supervised", **settings))
    split = Split.load(run.split_file)
    learned = {f"again_{name}" for name in content["train_labelled"]}
    assert learned < {*split.train_labelled}
    assert split.folds.keys() == {*split.train_labelled} - learned
    assert len(split.folds) == 12
    unfolded = tiny_config("supervised", **settings | {"folds": 0})
    with pytest.raises(InputError, match=r"0 masks are new to the run.*give at least 2 new masks"):
        train(more[0], tmp_path / "none", unfolded)
    with pytest.raises(InputError, match=r"12 masks are new to the run.*say --folds 3, so that"):
        train(more[1], tmp_path / "unfolded", unfolded)


def test_train__from_a_run_without_validation_images_is_of_one_process(more, begun, tmp_path):
    others = tmp_path / "others"
    for folder in ("images", "masks"):
        (others / folder).mkdir(parents=True)
        for number in range(12, 20):
            shutil.copy(next((more[1] / folder).glob(f"*{number:04}.*")), others / folder)
    config = tiny_config("supervised", labelled=1.0, epochs=1, start_from=begun.path)
    two = Place(torch.device("cpu"), rank=0, world=2)
    with pytest.raises(InputError, match="and these are 2: train in one process"):
        train(others, tmp_path / "run", config, place=two)


def given_parts(lesions: Path, out: Path, run: RunFolder, part: str) -> Path:
    """A list of images that a run learned from without their masks: two of a part, the others."""
    seen = Split.load(run.split_file).train_unlabelled
    rows = ["image,mask,part"]
    for place, name in enumerate(seen):
        image, mask = lesions / "images" / f"{name}.jpg", lesions / "masks" / f"{name}.png"
        rows.append(f"{image},{mask},{part if place < 2 else ''}")
    out.write_text("\n".join(rows))
    return out


def test_train__from_a_run_that_has_seen_images_to_be_scored_on(lesions, tmp_path, capsys):
    """Learned from without their masks, they are no honest test."""
    begun = train(lesions, tmp_path / "run", tiny_config("mean_teacher", epochs=1))
    config = tiny_config("supervised", labelled=1.0, epochs=1, start_from=begun.path)
    tested = given_parts(lesions, tmp_path / "test.csv", begun, "test")
    with pytest.raises(InputError, match=r"2 of the 2 test images .* were seen by .*or train with"):
        train(tested, tmp_path / "tested", replace(config, folds=2))
    folded = given_parts(lesions, tmp_path / "folds.csv", begun, "")
    train(folded, tmp_path / "folded", replace(config, folds=2), reporter=Reporter())
    assert "10 of the 10 images that folds hold out were seen, without" in capsys.readouterr().err
    before = train(lesions, tmp_path / "alone", tiny_config("supervised", epochs=1))
    honest = replace(config, folds=2, start_from=before.path)
    train(tested, tmp_path / "honest", honest, reporter=Reporter())
    assert "were seen" not in capsys.readouterr().err


def test_evaluate__refuses_what_the_start_was_trained_on(more, begun, lesions, tmp_path):
    """By another name, and by a run that has none of it itself."""
    before = Split.load(begun.split_file)
    for folder in ("images", "masks"):
        (tmp_path / "data" / folder).mkdir(parents=True)
        for file in sorted((lesions / folder).iterdir()):
            if file.stem in before.val or int(file.stem[-4:]) > 14:
                shutil.copy(file, tmp_path / "data" / folder)
    config = tiny_config("supervised", labelled=1.0, epochs=1, start_from=begun.path)
    run = train(tmp_path / "data", tmp_path / "run", config)
    words = {"subset": "all", "out": tmp_path / "scores"}
    count = len(before.train_labelled)
    said = rf"{count} images of .* were trained on .*it started from"
    with pytest.raises(InputError, match=said):
        evaluate(run.path, more[0], **words)
    found = evaluate(run.path, more[0], allow_overlap=True, **words).summary
    assert (found.num_trained_on, found.num_validated_on) == (count, len(before.val))


def test_train__from_a_run_and_a_split_contradict_each_other():
    with pytest.raises(InputError, match="leave split and labelled out"):
        tiny_config(start_from=Path("run"), labelled=4)


def test_weights_for__classes_grow_by_name(tmp_path):
    net = build_segmentation_net(MODEL, 1)
    card = ModelCard(method="x", model=MODEL, classes=["lesion"], num_channels=1, size=32)
    save_model(tmp_path, net, card)
    grown = build_segmentation_net(MODEL, 3)
    weights = weights_for(tmp_path, MODEL, ["tool", "lesion"], grown.state_dict())
    grown.load_state_dict(weights)
    images = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    net, _ = load_model(tmp_path)
    with torch.no_grad():
        background, _, lesion = grown.eval()(images).unbind(dim=1)
        expected = net(images)[:, 0].sigmoid()
    both = torch.stack([background, lesion])
    assert torch.allclose(both.softmax(dim=0)[1], expected, atol=1e-5)


def test_weights_for__refuses_another_network_and_a_class_that_is_gone(tmp_path):
    net = build_segmentation_net(MODEL, 1)
    card = ModelCard(method="x", model=MODEL, classes=["lesion"], num_channels=1, size=32)
    save_model(tmp_path, net, card)
    with pytest.raises(InputError, match="give the same --model"):
        weights_for(tmp_path, ModelConfig(widths=(4, 16)), ["lesion"], net.state_dict())
    with pytest.raises(InputError, match="lesion is missing: name it with --classes, too"):
        weights_for(tmp_path, MODEL, ["tool"], net.state_dict())
