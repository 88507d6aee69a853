"""What a run chooses by itself, and that it is written down and kept."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import torch

from crosslevel.config.reading import from_dict
from crosslevel.config.settled import SettledConfig, as_started
from crosslevel.config.train import TrainConfig
from crosslevel.errors import InputError
from crosslevel.models import segmenter
from crosslevel.system.devices import Place
from crosslevel.training.budget import Pace
from crosslevel.training.ladder import NUM_STEPS
from crosslevel.training.plan import Facts, choose_folds, common_precision, plan, rung_within
from crosslevel.training.train import train
from support.tiny import tiny_auto, tiny_config

HERE = Place(torch.device("cpu"))
RECIPE = TrainConfig(precision="fp32")


@pytest.mark.parametrize("num_labelled", [1, 5, 10, 96, 480, 5000])
def test_plan__gives_about_the_same_steps_for_any_number_of_masks(num_labelled):
    planned = plan(RECIPE, Facts(num_labelled=num_labelled), HERE)
    assert planned.num_steps == planned.config.epochs * -(-num_labelled // 4)
    assert NUM_STEPS <= planned.num_steps < NUM_STEPS + max(num_labelled / 4 + 1, 1)


@pytest.mark.parametrize(("num_unlabelled", "method"), [(0, "supervised"), (1, "fixmatch")])
def test_plan__the_method_depends_on_unlabelled_images(num_unlabelled, method):
    assert plan(RECIPE, Facts(num_unlabelled=num_unlabelled), HERE).config.method == method


@pytest.mark.parametrize(
    ("asked", "num_unlabelled", "num_folds", "seconds", "rung"),
    [
        (RECIPE, 10, 0, 2000, 0),  # 1 250 steps of a second, and two thirds more
        (RECIPE, 10, 0, 3000, 1),
        (RECIPE, 10, 3, 2000, 0),  # folds are a part of the run
        (RECIPE, 10, 3, 3000, 1),
        (RECIPE, 0, 0, 3000, 0),  # nothing to label
        (replace(RECIPE, method="fixmatch"), 10, 0, 3000, 0),  # told
    ],
)
def test_rung_within__is_the_higher_one_if_the_time_suffices(
    asked, num_unlabelled, num_folds, seconds, rung
):
    facts = Facts(num_labelled=20, num_unlabelled=num_unlabelled, num_folds=num_folds)
    timed = plan(asked, replace(facts, budget=seconds, pace=Pace(step=1, check=0)), HERE)
    assert rung_within(asked, facts, timed, HERE) == rung


def test_plan__leaves_what_was_asked_for():
    config = tiny_config()
    planned = plan(config, Facts(num_labelled=4), HERE)
    assert planned.config == replace(config, args=planned.config.args)
    assert planned.config.args["tiles"] == 2
    assert planned.reasons == {}


def test_plan__the_faster_precision_is_measured_once(monkeypatch):
    found = iter([2.0])
    monkeypatch.setattr("crosslevel.system.devices.bf16_speedup", lambda: next(found))
    place = Place(torch.device("cpu"))
    planned = [plan(TrainConfig(), Facts(), place) for _ in range(2)]
    assert [p.config.precision for p in planned] == ["bf16", "bf16"]
    assert planned[0].reasons["precision"] == "faster here than fp32"


def test_plan__a_budget_is_spent_at_the_pace_that_was_measured():
    facts = Facts(num_labelled=8, budget=1000, pace=Pace(step=1, check=10))
    # of 950 s, 16 checks leave 790 for epochs of 2 s; one check an epoch makes them 12 s
    assert plan(RECIPE, facts, HERE).config.epochs == 395
    assert plan(replace(RECIPE, check_every=1), facts, HERE).config.epochs == 79


def test_plan__folds_and_the_network_of_all_masks_share_the_work():
    planned = plan(RECIPE, Facts(num_labelled=20, num_folds=3), HERE)
    assert (planned.config.folds, planned.config.epochs) == (3, 63)  # 315 steps of 1250
    assert planned.config.fold_epochs == 79  # of 4 steps: as many


def test_plan__a_budget_covers_the_folds():
    facts = Facts(num_labelled=20, num_folds=3, budget=1000, pace=Pace(step=1, check=2))
    # without 3 folds of 6 checks 964 s are left, 915 with the reserve, for 4 times 5 steps an epoch
    assert plan(RECIPE, facts, HERE).config.epochs == 45
    given = plan(replace(RECIPE, fold_epochs=10), facts, HERE).config
    # 3 folds of 40 steps take 120 s
    assert (given.fold_epochs, given.epochs) == (10, 160)


@pytest.mark.parametrize(
    ("changes", "num_masks", "has_val", "expected"),
    [
        ({}, 20, False, 3),
        ({}, 5, False, 2),
        ({}, 100, False, 3),
        ({}, 101, False, 0),
        ({}, 20, True, 0),
        ({"labelled": 0.5}, 20, False, 0),
        ({"labelled": 1}, 20, False, 0),
        ({"method": "clcc"}, 20, False, 0),
        ({"method": "clcc", "folds": 3}, 200, True, 3),
        ({"folds": 0}, 20, False, 0),
        ({"method": "clcc", "split": Path("split.json")}, 20, False, 3),
    ],
)
def test_choose_folds__where_masks_are_few_and_nothing_else_is_asked(
    changes, num_masks, has_val, expected
):
    assert choose_folds(TrainConfig(**changes), HERE, num_masks, has_val) == expected


@pytest.mark.parametrize(
    ("facts", "line"),
    [
        (
            Facts(num_labelled=20, num_unlabelled=9, num_folds=3),
            "3 folds (20 masks, and none is wasted), fixmatch (some images have no mask), "
            "efficientnet_lite0, 256 px, 315 steps (the recipe's length), "
            "fp32 (faster here than bf16)",
        ),
        (
            Facts(num_labelled=10, num_unlabelled=9),
            "fixmatch (some images have no mask), efficientnet_lite0, 256 px, "
            "1251 steps (the recipe's length), fp32 (faster here than bf16)",
        ),
        (
            Facts(num_labelled=10, num_unlabelled=0, budget=900.0, pace=Pace(1.0, 1.0)),
            "supervised (every image has a mask), efficientnet_lite0, 256 px, "
            "837 steps (what fits in 15 min 0 s), fp32 (faster here than bf16)",
        ),
        (
            Facts(num_labelled=10, num_unlabelled=0, budget=3.0, pace=Pace(1.0, 1.0)),
            "supervised (every image has a mask), efficientnet_lite0, 256 px, 3 steps "
            "(the least there is, for which 3 s do not suffice), fp32 (faster here than bf16)",
        ),
    ],
)
def test_plan__says_why(facts, line, monkeypatch):
    monkeypatch.setattr("crosslevel.system.devices.bf16_speedup", lambda: 1.0)
    assert str(plan(TrainConfig(), facts, Place(torch.device("cpu")))) == line


def test_plan__says_so_if_folds_alone_take_longer_than_the_budget():
    facts = Facts(num_labelled=9, num_folds=3, budget=60.0, pace=Pace(1.0, 0.0))
    planned = plan(TrainConfig(fold_epochs=100, precision="fp32"), facts, HERE)
    assert planned.config.epochs == 1
    assert planned.reasons["epochs"] == "the least there is, for which 1 min 0 s do not suffice"


def test_plan__gives_no_reason_for_what_was_asked_for():
    planned = plan(tiny_config("clcc", size=160), Facts(num_labelled=4), HERE)
    assert str(planned) == "clcc, unet, 160 px, 6 steps, fp32"


@pytest.mark.parametrize("name", ["method", "epochs", "check_every", "precision"])
def test_settled_config__has_nothing_left_to_choose(name):
    values = {"method": "clcc", "epochs": 1, "check_every": 1, "precision": "fp32"}
    assert from_dict(SettledConfig, values, where="x").epochs == 1
    with pytest.raises(InputError, match=name):
        from_dict(SettledConfig, {**values, name: "auto"}, where="config.yaml")
    with pytest.raises(InputError, match=f"{name} is 'auto'"):
        tiny_config(**{name: "auto"})


def test_as_started__takes_what_is_auto_from_the_run():
    started = tiny_config("supervised", args={"decay": 0.9}, epochs=7)
    asked = TrainConfig(size=64, epochs=3)
    both = as_started(asked, started)
    assert (both.method, both.args) == ("supervised", {"decay": 0.9})
    assert (both.size, both.epochs, both.check_every) == (64, 3, 1)
    assert as_started(replace(asked, method="clcc"), started).args == {}


def test_common_precision__is_that_of_runs_begun(monkeypatch):
    place = Place(torch.device("cpu"))
    monkeypatch.setattr("crosslevel.system.devices.bf16_speedup", lambda: 1.0)
    begun = [tiny_config(precision="bf16")]
    assert common_precision(TrainConfig(), begun, place) == "bf16"
    assert common_precision(TrainConfig(), [], place) == "fp32"
    assert common_precision(TrainConfig(precision="fp32"), begun, place) == "fp32"


def test_train__auto_is_written_down_and_resumed(lesions, tmp_path, monkeypatch):
    monkeypatch.setattr("crosslevel.training.ladder.NUM_STEPS", 4)
    run = train(lesions, tmp_path / "run", tiny_auto())
    written = run.config()
    assert (written.method, written.epochs, written.check_every) == ("fixmatch", 2, 1)
    assert train(lesions, tmp_path / "run", tiny_auto()).config() == written


def test_train__budget_decides_the_epochs(lesions, tmp_path, monkeypatch):
    monkeypatch.setattr("crosslevel.training.plan.epochs_within", lambda *_: 3)
    run = train(lesions, tmp_path / "run", tiny_auto(), budget=60.0)
    assert run.config().epochs == 3
    assert pd.read_csv(run.log_file)["epoch"].tolist() == [1, 2, 3]


def test_train__budget_and_epochs_contradict_each_other(lesions, tmp_path):
    with pytest.raises(InputError, match="leave --epochs out"):
        train(lesions, tmp_path / "run", tiny_config(), budget=60.0)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("budget", [None, 60.0])
def test_train__builds_one_network(lesions, tmp_path, monkeypatch, budget):
    built = []
    build = segmenter.SegmentationNet.__init__

    def count(self, *arguments):
        if torch.get_default_device().type != "meta":  # there it has no weights, and takes no time
            built.append(self)
        build(self, *arguments)

    monkeypatch.setattr(segmenter.SegmentationNet, "__init__", count)
    monkeypatch.setattr("crosslevel.training.plan.epochs_within", lambda *_: 1)
    monkeypatch.setattr("crosslevel.training.ladder.NUM_STEPS", 1)
    # a network without memory tells whether it could be built again, and the end calibrates a copy
    monkeypatch.setattr("crosslevel.training.train.refuse_unloadable", lambda *_: None)
    monkeypatch.setattr("crosslevel.training.train.calibrate_model", lambda *_: "")
    train(lesions, tmp_path / "run", tiny_auto(), budget=budget)
    assert len(built) == 1


def test_train__masks_for_all_images_choose_another_method_than_supposed(
    lesions, tmp_path, monkeypatch
):
    monkeypatch.setattr("crosslevel.training.ladder.NUM_STEPS", 2)
    run = train(lesions, tmp_path / "run", tiny_auto(labelled=1.0, folds=0))
    assert run.config().method == "supervised"
    assert set(pd.read_csv(run.log_file).filter(like="loss/")) == {"loss/supervised"}


def test_train__one_mask_is_enough(lesions, tmp_path):
    run = train(lesions, tmp_path / "run", tiny_config(labelled=1))
    assert pd.read_csv(run.log_file)["step"].tolist() == [1, 2, 3]
