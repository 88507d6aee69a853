"""Steps on a device: the same as on the CPU, and the host waits once for many of them."""

import math
from contextlib import contextmanager

import pytest
import torch

from crosslevel.data.datamodule import DataModule, Sampling
from crosslevel.data.device_set import DeviceSet, choices_ahead, choices_at, fits
from crosslevel.data.prepare import prepare
from crosslevel.methods import METHODS
from crosslevel.methods.build import build_method
from crosslevel.methods.learner import Learner
from crosslevel.pretraining import TASKS
from crosslevel.pretraining.build import build_task
from crosslevel.runs.folder import RunFolder
from crosslevel.system.console import Reporter
from crosslevel.training import device_steps
from crosslevel.training.device_steps import (
    WARM_UP,
    DeviceSteps,
    Recorder,
    tried_convolutions,
)
from crosslevel.training.gradients import NotFiniteError
from crosslevel.training.loop import Trainer
from crosslevel.training.step import HostSteps, Optimisation
from crosslevel.training.train import train
from support.equal_runs import assert_equal_runs
from support.fake_device import DEVICE, other_device
from support.tiny import tiny_config, tiny_pretraining

CPU = torch.device("cpu")
NUM_STEPS = 15


@pytest.fixture
def data(lesions):
    return make_data(lesions)


def make_data(lesions, *, warp=False, detail=1):
    config = tiny_config(labelled=4, size=32 // detail)
    prepared = prepare(lesions, config, Reporter(quiet=True), None)
    sampling = Sampling(batch_labelled=2, batch_unlabelled=3, seed=0, warp=warp, detail=detail)
    return DataModule(
        prepared.parts, prepared.split.hashes, config.mask_classes, config.size, sampling
    )


def build(name, device=CPU, **settings):
    if name.startswith("pretext "):
        asked = tiny_pretraining(name.removeprefix("pretext "))
        task, loop_config = build_task(asked), asked.for_loop((0, 255), "fp32")
        return Optimisation(task.to(device).train(), loop_config, NUM_STEPS)
    config = tiny_config(name, **settings)
    return Optimisation(build_method(config).to(device).train(), config, NUM_STEPS)


def state(optimisation):
    return {k: v.cpu() for k, v in optimisation.method.state_dict().items()}


@pytest.mark.parametrize("detail", [1, 2])
@pytest.mark.parametrize("warp", [False, True])
def test_batch__on_a_device_is_that_of_the_host_bit_for_bit(lesions, warp, detail):
    data = make_data(lesions, warp=warp, detail=detail)
    on_device = DeviceSet.load(data, CPU)
    ahead = choices_ahead(data, range(10, 20), CPU)
    for row in range(10):
        found = on_device.batch(choices_at(ahead, torch.tensor([row])))
        expected = data.batch(10 + row)
        assert torch.equal(found.images, expected.images)
        assert torch.equal(found.masks, expected.masks)
        assert torch.equal(found.unlabelled, expected.unlabelled)
        assert (found.finer is None) == (expected.finer is None) == (detail == 1)
        if found.finer is not None and expected.finer is not None:
            assert torch.equal(found.finer, expected.finer)


def test_fits__by_the_share_of_free_memory(data):
    used = sum(x.nbytes for x in (data.training_arrays().images, data.training_arrays().masks))
    assert fits(data, 3 * used)
    assert not fits(data, 2 * used)


def test_fits__counts_images_in_more_detail(lesions):
    arrays = make_data(lesions, detail=2).training_arrays()
    used = sum(x.nbytes for x in (arrays.images, arrays.masks, arrays.finer))
    assert not fits(make_data(lesions, detail=2), 2 * used)
    assert fits(make_data(lesions, detail=2), 3 * used)


ROUGH = {"urpc": 0.1, "cross_teaching": 0.1}
"""Relative differences of losses that rounding grows to: a device's weights of losses are fp32."""


class Recording:
    """Runs steps as a CUDA graph would replay them, which it proves that they allow.

    Between the first steps of a phase and the last, the CPU neither waits nor sends anything, and
    the same operations run on the same numbers of the CPU.
    """

    def __init__(self, waits):
        self.waits, self.phases = waits, {}

    def run(self, phase, once, say):
        waits, runs = self.waits, self.phases.setdefault(phase, [])
        waits.operations, before = [], (waits.count, waits.uploads)
        names = once()
        runs.append(waits.operations)
        if len(runs) > WARM_UP:
            assert (waits.count, waits.uploads) == before
        if len(runs) > WARM_UP + 1:
            assert waits.operations == runs[WARM_UP]
            runs.pop()
        return names


@pytest.mark.parametrize("name", [*sorted(METHODS), *(f"pretext {task}" for task in sorted(TASKS))])
def test_steps_on_a_device__are_those_of_the_host_and_can_be_recorded(data, name, monkeypatch):
    host_steps = HostSteps(build(name), map(data.batch, range(NUM_STEPS)))
    with other_device(monkeypatch) as waits:
        recording = Recording(waits)
        monkeypatch.setattr(device_steps, "recorder_for", lambda place: recording)
        steps = DeviceSteps(build(name, DEVICE), data, pytest.fail)
        found = [steps.losses(step, 2) for step in range(2)]
        before = waits.count
        found += [steps.losses(step, NUM_STEPS) for step in range(2, NUM_STEPS)]
        assert waits.count - before <= 1
        assert steps.is_level
    assert max(map(len, recording.phases.values())) > WARM_UP, "some were compared"
    for step, losses in enumerate(found):
        expected = host_steps.losses(step, NUM_STEPS)  # each depends on the weights so far
        assert losses == pytest.approx(expected, rel=ROUGH.get(name, 1e-3), abs=1e-6), step


def test_a_method_that_cannot_be_recorded__says_so_once_and_runs(data, monkeypatch):
    monkeypatch.setattr(device_steps, "recorder_for", lambda place: None)
    expected = DeviceSteps(build("supervised"), data, pytest.fail).losses(0, 3)
    said: list[str] = []
    monkeypatch.setattr(torch.cuda, "Stream", lambda device: None)
    monkeypatch.setattr(torch.cuda, "graph_pool_handle", lambda: None)
    monkeypatch.setattr(device_steps, "recorder_for", lambda place: Recorder(place.device))
    optimisation = build("supervised")
    monkeypatch.setattr(type(optimisation.method), "phase", Learner.phase)
    monkeypatch.setattr(type(optimisation.method), "unrecorded", "it asks a friend")
    assert DeviceSteps(optimisation, data, said.append).losses(0, 3) == expected
    assert said == [
        "Steps are run one by one, since they cannot be recorded on this GPU: "
        "Supervised: it asks a friend"
    ]


def test_losses__are_taken_ahead_but_not_past_the_end(data):
    optimisation = build("supervised")
    steps = DeviceSteps(optimisation, data, pytest.fail)
    expected = [build("supervised") for _ in range(3)]
    for num_steps, reference in enumerate(expected, start=1):
        host = HostSteps(reference, map(data.batch, range(num_steps)))
        for step in range(num_steps):
            host.losses(step, num_steps)
    steps.losses(0, 2)
    assert not steps.is_level
    steps.losses(1, 2)
    assert steps.is_level
    two = state(expected[1])
    assert all(torch.equal(state(optimisation)[name], two[name]) for name in two)


def test_a_step_of_too_many_losses__is_refused(data, monkeypatch):
    optimisation = build("supervised")
    original = type(optimisation.method).training_step

    def many(self, batch, clock):
        [loss] = original(self, batch, clock).values()
        return {f"loss{number}": loss for number in range(9)}

    monkeypatch.setattr(type(optimisation.method), "training_step", many)
    with pytest.raises(ValueError, match="Supervised gave 9 losses; a step may have at most 8"):
        DeviceSteps(optimisation, data, pytest.fail).losses(0, 1)


@pytest.mark.parametrize("num_steps", [1, 2, 3])
def test_run__stopped_while_steps_are_ahead_goes_on_to_the_same_weights(
    lesions, tmp_path, monkeypatch, num_steps
):
    config = tiny_config("supervised", check_every=3)  # its three epochs are taken at once
    asked: list[int] = []

    @contextmanager
    def stop_after_steps():
        yield lambda: len(asked) >= num_steps

    original = Trainer._losses

    def count(self, step):
        asked.append(step)
        return original(self, step)

    with other_device(monkeypatch):
        whole = train(lesions, tmp_path / "whole", config)
        with monkeypatch.context() as patch:
            patch.setattr(Trainer, "_losses", count)
            patch.setattr("crosslevel.training.loop.requested_stop", stop_after_steps)
            train(lesions, tmp_path / "stopped", config)  # to the check, which is its end
        assert_equal_runs(whole, RunFolder(tmp_path / "stopped"))


def test_a_loss_that_is_not_finite__names_its_step_and_leaves_the_weights_before_it(
    data, monkeypatch
):
    reference, optimisation = build("supervised"), build("supervised")
    host = HostSteps(reference, map(data.batch, range(5)))
    for step in range(5):
        host.losses(step, 5)
    original = type(optimisation.method).training_step

    def spoil(self, batch, clock):
        losses = original(self, batch, clock)
        return {name: loss * (math.nan if clock.step == 5 else 1) for name, loss in losses.items()}

    monkeypatch.setattr(type(optimisation.method), "training_step", spoil)
    steps = DeviceSteps(optimisation, data, pytest.fail)
    with pytest.raises(NotFiniteError) as raised:
        steps.losses(0, 9)
    assert raised.value.step == 5
    assert torch.equal(raised.value.batch.images, data.batch(5).images)
    for name, value in state(reference).items():
        torch.testing.assert_close(state(optimisation)[name], value, msg=name)


TEACHER = {"vectors": "teacher", "anchor": "tile", "target": "teacher", "evaluated": "teacher"}


@pytest.mark.parametrize(
    "args",
    [
        {"view": "all", "tile_flips": True, "context": 8, "further_tiles": [4]},
        {"same_class": "left_out", "negative_images": "batch", "anchors": "balanced", "depth": 1},
        {"same_class": "weighed", "queue": 8, "anchors": "lesion", "projection_end": "relu"},
        {**TEACHER, "confidence": "weighed", "queue": 8},
    ],
    ids=["tiles", "classes", "queue", "teacher"],
)  # fmt: skip
def test_host__waits_once_whatever_the_options_of_clcc(data, monkeypatch, args):
    args = {"tiles": 2, "stages": [{"epochs": 1, "alpha": 1.0, "beta": 1.0}], **args}
    with other_device(monkeypatch) as waits:
        steps = DeviceSteps(build("clcc", DEVICE, args=args), data, pytest.fail)
        steps.losses(0, 2)
        steps.losses(1, 2)
        before = waits.count
        for step in range(2, 8):
            steps.losses(step, 8)
        assert waits.count - before <= 1


@pytest.mark.parametrize(
    ("is_worth_it", "is_deterministic", "is_tried"),
    [(True, False, True), (False, False, False), (True, True, False)],
)
def test_tried_convolutions__where_a_run_is_long(is_worth_it, is_deterministic, is_tried):
    torch.use_deterministic_algorithms(is_deterministic)
    try:
        with tried_convolutions(is_worth_it):
            assert torch.backends.cudnn.benchmark == is_tried
    finally:
        torch.use_deterministic_algorithms(False)
    assert not torch.backends.cudnn.benchmark
