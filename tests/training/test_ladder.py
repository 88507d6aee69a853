"""What a training chooses by itself, and that it is written down and kept."""

from dataclasses import replace
from functools import partial

import pandas as pd
import pytest
import torch

from crosslevel.config.train import TrainConfig
from crosslevel.errors import InputError
from crosslevel.methods.build import build_method
from crosslevel.training.budget import epochs_within
from crosslevel.training.ladder import NUM_STEPS, describe, settle
from crosslevel.training.train import train
from crosslevel.types import Batch
from support.tiny import tiny_config


def auto(**changes):
    return replace(tiny_config(), method="auto", args={}, epochs="auto", **changes)


@pytest.mark.parametrize("num_labelled", [1, 5, 10, 96, 480, 5000])
def test_settle__gives_about_the_same_steps_for_any_number_of_masks(num_labelled):
    config = settle(TrainConfig(), num_labelled, 100)
    steps = config.num_epochs * -(-num_labelled // config.batch_labelled)
    assert NUM_STEPS <= steps < NUM_STEPS + max(num_labelled / 4 + 1, 1)


@pytest.mark.parametrize(("num_unlabelled", "method"), [(0, "supervised"), (1, "fixmatch")])
def test_settle__the_method_depends_on_unlabelled_images(num_unlabelled, method):
    assert settle(TrainConfig(), 10, num_unlabelled).method == method


def test_settle__leaves_what_was_asked_for():
    config = tiny_config()
    assert settle(config, 4, 4) == config


@pytest.mark.parametrize(
    ("num_unlabelled", "budget", "line"),
    [
        (
            9,
            None,
            "fixmatch (some images have no mask), efficientnet_lite0, 256 px, "
            "1250 steps (the recipe's length), fp32 (faster here than bf16)",
        ),
        (
            0,
            900.0,
            "supervised (every image has a mask), efficientnet_lite0, 256 px, "
            "1250 steps (what fits in 15 min 0 s), fp32 (faster here than bf16)",
        ),
    ],
)
def test_describe__says_why(num_unlabelled, budget, line):
    asked = TrainConfig()
    settled = settle(replace(asked, precision="fp32"), 10, num_unlabelled)
    assert describe(settled, asked, 1250, budget) == line


def test_describe__gives_no_reason_for_what_was_asked_for():
    config = tiny_config("clcc", size=160)
    assert describe(config, config, 6, None) == "clcc, unet, 160 px, 6 steps, fp32"


def test_train__auto_is_written_down_and_resumed(lesions, tmp_path, monkeypatch):
    monkeypatch.setattr("crosslevel.training.ladder.NUM_STEPS", 4)
    run = train(lesions, tmp_path / "run", auto())
    written = run.config()
    assert (written.method, written.epochs, written.check_every) == ("fixmatch", 2, 1)
    assert train(lesions, tmp_path / "run", auto()).config() == written


def test_train__budget_decides_the_epochs(lesions, tmp_path, monkeypatch):
    monkeypatch.setattr("crosslevel.training.train.epochs_within", lambda *_: 3)
    run = train(lesions, tmp_path / "run", auto(), budget=60.0)
    assert run.config().epochs == 3
    assert pd.read_csv(run.log_file)["epoch"].tolist() == [1, 2, 3]


def test_train__budget_and_epochs_contradict_each_other(lesions, tmp_path):
    with pytest.raises(InputError, match="leave --epochs out"):
        train(lesions, tmp_path / "run", tiny_config(), budget=60.0)
    assert not (tmp_path / "run").exists()


class Data:
    """A data module whose batch takes no time."""

    steps_per_epoch, num_validation_batches = 2, 1

    def __init__(self, batch):
        self._batch = batch

    def batch(self, step):
        return self._batch

    def validation_batches(self):
        yield self._batch.images, None


def test_epochs_within__grow_with_the_budget():
    images = torch.randn(2, 3, 32, 32)
    batch = Batch(images, torch.zeros(2, 32, 32, dtype=torch.int64), images[:0])
    config = tiny_config("supervised")
    data = Data(batch)
    few, many = (
        epochs_within(seconds, config, data, lambda: build_method(config))  # type: ignore[arg-type]
        for seconds in (0.0, 60.0)
    )
    assert few == 1
    assert many > 10


def test_epochs_within__count_the_checks_that_are_asked_for(monkeypatch):
    images = torch.randn(2, 3, 32, 32)
    data = Data(Batch(images, torch.zeros(2, 32, 32, dtype=torch.int64), images[:0]))
    ticks = iter(range(100))
    monkeypatch.setattr("crosslevel.training.budget.time.perf_counter", lambda: float(next(ticks)))
    planned = []
    for check_every in (1, 10, "auto"):
        config = tiny_config("supervised", check_every=check_every)
        build = partial(build_method, config)
        planned.append(epochs_within(100.0, config, data, build))  # type: ignore[arg-type]
    assert planned == [62, 156, 160]  # a check takes 1 s, an epoch of two steps ½ s


def test_train__one_mask_is_enough(lesions, tmp_path):
    run = train(lesions, tmp_path / "run", tiny_config(labelled=1))
    assert pd.read_csv(run.log_file)["step"].tolist() == [1, 2, 3]
