"""Where there is a GPU it is used: no tensor is left behind, and it is not kept waiting."""

from types import SimpleNamespace

import pandas as pd
import pytest
import torch

from crosslevel.evaluation.evaluate import evaluate
from crosslevel.inference.segmenter import Segmenter
from crosslevel.methods import METHODS
from crosslevel.methods.base import Clock
from crosslevel.methods.build import build_method
from crosslevel.system import devices
from crosslevel.training.train import train
from support.equal_runs import assert_equal_runs, stop_at
from support.fake_device import DEVICE, other_device
from support.tiny import tiny_batch, tiny_config


def test_the_pretended_device__refuses_to_be_mixed_with_the_cpu(monkeypatch):
    with other_device(monkeypatch):
        there = torch.ones(2).to(DEVICE)
        with pytest.raises(RuntimeError, match="mixes devices"):
            there + torch.ones(2)
        assert (there + there).cpu().tolist() == [2, 2]


@pytest.mark.parametrize("method", sorted(METHODS))
def test_train__elsewhere_killed_and_repeated_equals_the_uninterrupted_run(
    lesions, tmp_path, monkeypatch, method
):
    here = train(lesions, tmp_path / "here", tiny_config(method))
    with other_device(monkeypatch):
        whole = train(lesions, tmp_path / "whole", tiny_config(method))
        with monkeypatch.context() as patch:
            stop_at(patch, 3)
            with pytest.raises(KeyboardInterrupt):
                train(lesions, tmp_path / "there", tiny_config(method))
        there = train(lesions, tmp_path / "there", tiny_config(method))
    assert_equal_runs(whole, there)
    log, expected = (pd.read_csv(run.log_file).drop(columns="seconds") for run in (whole, here))
    pd.testing.assert_frame_equal(log, expected, rtol=1e-4)  # it keeps learning rates in float32


def test_segmenter__elsewhere_predicts_as_on_the_cpu(lesions, tmp_path, monkeypatch):
    run = train(lesions, tmp_path / "run", tiny_config())
    image = next((lesions / "images").iterdir())
    here = evaluate(run.path), Segmenter.load(run.path).predict(image)
    with other_device(monkeypatch):
        there = evaluate(run.path), Segmenter.load(run.path).predict(image)
    assert here[0].to_text() == there[0].to_text()
    assert (here[1] == there[1]).all()


@pytest.mark.parametrize("method", sorted(METHODS))
def test_step__waits_no_longer_for_a_teacher_of_many_weights(method, monkeypatch):
    config = tiny_config(method)
    with other_device(monkeypatch) as waits:
        built = build_method(config).to(DEVICE).train()
        batch = tiny_batch().to(DEVICE)
        built.after_step(Clock(0, 30))  # a teacher's first step copies the student
        for step in (1, 29):
            before = waits.count
            built.training_step(batch, Clock(step, 30))
            built.after_step(Clock(step, 30))
            assert waits.count - before <= 3  # torch and we ask how often it was moved


@pytest.mark.parametrize(("major", "chosen"), [(7, "fp32"), (8, "bf16")])
def test_precision__of_a_gpu_is_bf16_only_if_it_need_not_emulate_it(monkeypatch, major, chosen):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: SimpleNamespace(major=major))
    monkeypatch.setattr(torch.cuda, "_check_bf16_tensor_supported", lambda _: True)
    assert devices.Place(torch.device("cuda")).faster_precision == chosen


@pytest.mark.parametrize(("speedup", "chosen"), [(0.5, "fp32"), (1.1, "fp32"), (2.7, "bf16")])
def test_precision__of_a_cpu_is_bf16_if_measured_to_pay(monkeypatch, speedup, chosen):
    monkeypatch.setattr(devices, "bf16_speedup", lambda: speedup)
    assert devices.Place(torch.device("cpu")).faster_precision == chosen
