"""A budget is measured on the run's own steps, and leaves no trace in it."""

import math

import pytest
import torch

from crosslevel.data.datamodule import DataModule, Sampling
from crosslevel.data.prepare import prepare
from crosslevel.methods import METHODS
from crosslevel.methods.build import build_method
from crosslevel.system.console import Reporter
from crosslevel.training.budget import Pace, epochs_within, measure_pace
from crosslevel.training.device_steps import DeviceSteps
from crosslevel.training.ladder import check_interval
from crosslevel.training.train import train
from crosslevel.types import Batch
from support.equal_runs import assert_equal_runs
from support.fake_device import DEVICE, other_device
from support.tiny import tiny_auto, tiny_batch, tiny_config


class Data:
    """A data module whose batch takes no time."""

    steps_per_epoch, num_validation_batches = 2, 3

    def __init__(self, batch):
        self._batch = batch

    def batch(self, step):
        return self._batch

    def validation_batches(self):
        yield self._batch.images, None


def small_batch():
    images = torch.randn(2, 3, 32, 32)
    return Batch(images, torch.zeros(2, 32, 32, dtype=torch.int64), images[:0])


def test_measure_pace__times_steps_and_all_validation_batches(monkeypatch):
    ticks = iter([0.0, 8.0, 10.0, 11.0])  # around four steps, then around one batch of three
    monkeypatch.setattr("crosslevel.training.budget.time.perf_counter", lambda: next(ticks))
    config = tiny_config("supervised")
    pace = measure_pace(build_method(config), config, Data(small_batch()))  # type: ignore[arg-type]
    assert pace == Pace(step=2.0, check=3.0)


def test_measure_pace__on_a_device_times_the_steps_that_a_run_takes_there(lesions, monkeypatch):
    config, taken = tiny_config("supervised", labelled=4), []
    prepared = prepare(lesions, config, Reporter(quiet=True), None)
    sampling = Sampling(batch_labelled=2, batch_unlabelled=0, seed=0)
    classes = config.mask_classes
    data = DataModule(prepared.parts, prepared.split.hashes, classes, config.size, sampling)
    take = DeviceSteps._run

    def note(self, start, end):
        taken.append((start, end))
        return take(self, start, end)

    with other_device(monkeypatch) as waits:
        monkeypatch.setattr(DeviceSteps, "_run", note)
        measure_pace(build_method(config).to(DEVICE), config, data)
    prepared_for = [(100, 104), (400, 404), (700, 704), (950, 954)]
    assert taken == prepared_for + [(end, end + 20) for _, end in prepared_for]
    assert waits.count <= len(taken) + 2  # twice a validation batch


@pytest.mark.parametrize("name", sorted(METHODS))
def test_measure_pace__leaves_no_trace(name):
    config = tiny_config(name)
    method = build_method(config)
    before = {key: value.clone() for key, value in method.state_dict().items()}
    random = torch.get_rng_state()
    measure_pace(method, config, Data(tiny_batch()))  # type: ignore[arg-type]
    after = method.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[key], after[key]) for key in before)
    assert all(parameter.grad is None for parameter in method.parameters())
    assert method.training
    assert torch.equal(random, torch.get_rng_state())


def test_epochs_within__grow_with_the_budget():
    pace = Pace(step=0.5, check=1.0)
    # of 95 s: epochs of 1 s, each with a check, with 9 in all, or with one for every five
    assert [epochs_within(100, pace, 2, every) for every in (1, 10, None)] == [47, 86, 79]
    assert epochs_within(0, pace, 2, None) == 1


@pytest.mark.parametrize("budget", [30, 60, 90, 120])
def test_epochs_within__counts_the_checks_that_there_will_be(budget):
    """Of 29 epochs each is checked, of 30 every second; 15 checks were counted for both."""
    epochs = epochs_within(budget, Pace(step=1.0, check=2.0), 1, None)
    takes = {e: e + 2 * math.ceil(e / check_interval(e)) for e in range(1, budget)}
    assert epochs == max(e for e, seconds in takes.items() if seconds <= 0.95 * budget)


@pytest.mark.parametrize("method", ["clcc", "self_training"])
def test_train__a_budgeted_run_is_the_run_of_so_many_epochs(lesions, tmp_path, monkeypatch, method):
    settled = tiny_config(method)
    monkeypatch.setattr("crosslevel.training.plan.epochs_within", lambda *_: settled.epochs)
    asked = tiny_auto(method=method, args=settled.args, check_every=1)
    budgeted = train(lesions, tmp_path / "budgeted", asked, budget=60.0)
    assert_equal_runs(train(lesions, tmp_path / "plain", settled), budgeted)


@pytest.mark.parametrize(("seconds", "method"), [(1.5, "unimatch"), (100.0, "fixmatch")])
def test_train__the_next_method_is_taken_if_it_fits(
    lesions, tmp_path, monkeypatch, seconds, method
):
    paces = {"fixmatch": Pace(1.0, 0.0), "unimatch": Pace(seconds, 0.0)}
    monkeypatch.setattr("crosslevel.training.train.measure_pace", lambda _, c, __: paces[c.method])
    monkeypatch.setattr("crosslevel.training.ladder.NUM_STEPS", 8)
    run = train(lesions, tmp_path / "run", tiny_auto(), budget=40.0)
    assert run.config().method == method


def test_train__a_budget_that_suffices_for_more_than_the_recipe_buys_the_next_method(
    lesions, tmp_path, monkeypatch
):
    monkeypatch.setattr("crosslevel.training.plan.epochs_within", lambda *_: 3)
    monkeypatch.setattr("crosslevel.training.ladder.NUM_STEPS", 1)
    budgeted = train(lesions, tmp_path / "budgeted", tiny_auto(), budget=60.0)
    settled = budgeted.config()
    assert settled.method == "unimatch"
    assert settled.args["buffers"] == "average"
    assert_equal_runs(train(lesions, tmp_path / "plain", settled), budgeted)
