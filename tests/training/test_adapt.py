import json
import shutil

import numpy as np
import pytest
import torch
from torch import nn

from crosslevel.cli import main
from crosslevel.errors import InputError
from crosslevel.evaluation.evaluate import evaluate
from crosslevel.images.preprocess import normalise
from crosslevel.inference.segmenter import Segmenter
from crosslevel.models.folder import load_model
from crosslevel.system.files import write_text
from crosslevel.training.adapt import adapt
from crosslevel.training.adapt_options import AdaptOptions
from crosslevel.training.train import train
from crosslevel.training.unlabelled import (
    SOURCE_IMAGES,
    best_threshold,
    reestimate_batchnorm,
    self_train,
)
from examples import another_clinic
from support.tiny import tiny_config


@pytest.fixture(scope="module")
def run(lesions, tmp_path_factory):
    return train(lesions, tmp_path_factory.mktemp("runs") / "run", tiny_config("supervised"))


def files_of(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_reestimate_batchnorm__weighs_old_and_new_by_their_images():
    norm = nn.BatchNorm2d(3)
    net = nn.Sequential(norm).eval()
    norm.get_buffer("running_mean").fill_(5.0)
    images = np.random.default_rng(0).integers(0, 256, (24, 4, 4, 3), np.uint8)
    assert reestimate_batchnorm(net, images) == 1
    of_new = normalise(torch.from_numpy(images)).mean(dim=(0, 2, 3))
    kept = SOURCE_IMAGES / (SOURCE_IMAGES + 24)
    torch.testing.assert_close(norm.get_buffer("running_mean"), 5 * kept + of_new * (1 - kept))
    assert norm.momentum == 0.1
    assert not norm.training


def test_reestimate_batchnorm__lets_no_image_count_for_many():
    """The last of nine was a batch of its own, and counted as much as the other eight."""
    norm = nn.BatchNorm2d(3)
    images = np.zeros((9, 4, 4, 3), np.uint8)
    images[-1] = 255
    reestimate_batchnorm(nn.Sequential(norm).eval(), images)
    black, white = (normalise(torch.from_numpy(images[[i]])).mean(dim=(0, 2, 3)) for i in (0, -1))
    share = (
        norm.get_buffer("running_mean") / (1 - SOURCE_IMAGES / (SOURCE_IMAGES + 9)) - black
    ) / (white - black)
    assert (share - 1 / 9).abs().max() < 0.02
    assert len(share) == 3


def test_best_threshold__has_the_highest_overlap_with_the_probabilities():
    probabilities = torch.tensor([[[[0.9, 0.9, 0.35, 0.1]]]])
    # from 0.3 on: 2 * 2.15 / (2.25 + 3); from 0.5 on: 2 * 1.8 / (2.25 + 2)
    assert best_threshold(probabilities, [0.3, 0.5]) == 0.5
    assert best_threshold(probabilities / 2, [0.3, 0.6]) == 0.3


def test_self_train__leaves_statistics_and_the_callers_random_numbers_alone(run, monkeypatch):
    monkeypatch.setattr("crosslevel.training.unlabelled.SURE", 0.0)
    net, _ = load_model(run.model_folder)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    images = np.random.default_rng(0).integers(0, 256, (9, 32, 32, 3), np.uint8)
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    self_train(net, images, 2, lambda: None)
    assert torch.equal(torch.rand(1), expected)
    after = net.state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed
    assert not any("running" in name for name in changed)


def test_adapt__leaves_the_run_as_it_was_and_writes_one_that_is_used_alike(
    run, lesions, tmp_path, capsys
):
    before = files_of(run.path)
    out = tmp_path / "theirs"
    words = ["adapt", str(run.path), str(lesions / "images"), "--out", str(out)]
    assert main([*words, "--threshold", "--self_training", "1"]) == 0
    said = capsys.readouterr().err
    for name in ("BatchNorm: statistics of", "Self-training: 1 steps", "Threshold: "):
        assert name in said
    assert "no expected Dice" in said
    assert files_of(run.path) == before
    record = json.loads((out / "adaptation.json").read_text())
    assert record["num_images"] == 24
    assert [step["name"] for step in record["steps"]] == [
        "BatchNorm",
        "Self-training",
        "Threshold",
    ]
    assert Segmenter.load(out).calibration is None
    assert evaluate(out, lesions).summary.num_cases == 5
    assert main(words) == 2
    assert "exists and is not empty" in capsys.readouterr().err


def test_adapt__takes_images_of_one_name_from_two_folders(run, lesions, tmp_path):
    shutil.copytree(lesions / "images", tmp_path / "theirs")
    record = adapt(run.path, [lesions / "images", tmp_path / "theirs"], tmp_path / "out")
    assert (record.num_images, record.problems) == (48, [])


def test_adapt__says_what_it_cannot_do(run, lesions, tmp_path):
    few = sorted((lesions / "images").iterdir())[:5]
    bad = tmp_path / "bad.png"
    write_text(bad, "no image")
    with pytest.raises(InputError, match=r"At least 8 .* found are 5; .*bad.png"):
        adapt(run.path, [*few, bad], tmp_path / "out")
    with pytest.raises(InputError, match="No step is left"):
        AdaptOptions(batchnorm=False)
    with pytest.raises(InputError, match="must not be negative"):
        AdaptOptions(self_training=-1)
    assert not (tmp_path / "out").exists()


def test_another_clinic__prints_each_step_with_its_interval(run, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("crosslevel.training.adapt.LEAST_IMAGES", 2)
    monkeypatch.setattr(another_clinic, "STEPS", {"BatchNorm": AdaptOptions()})
    another_clinic.main(run.path, tmp_path, ["colours and vignette"])
    assert "colours and vignette: Dice" in capsys.readouterr().out
