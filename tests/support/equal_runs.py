"""When two runs are the same run, and how one of them is interrupted."""

import io
from typing import Any

import pandas as pd
import pytest
import torch

from crosslevel.runs.folder import RunFolder
from crosslevel.training.loop import Trainer


def weights(run: RunFolder) -> dict[str, torch.Tensor]:
    """All weights and buffers after the last step."""
    _, _, saved = run.last_checkpoint.read_bytes().partition(b"\n")
    state: dict[str, Any] = torch.load(io.BytesIO(saved), weights_only=True)
    method: dict[str, torch.Tensor] = state["method"]
    return method


def assert_equal_runs(first: RunFolder, second: RunFolder) -> None:
    """Same weights bit for bit, same log but for the clock, same shipped model."""
    a, b = weights(first), weights(second)
    assert a.keys() == b.keys()
    assert all(torch.equal(a[name], b[name]) for name in a)
    log_a, log_b = (pd.read_csv(run.log_file).drop(columns="seconds") for run in (first, second))
    pd.testing.assert_frame_equal(log_a, log_b)
    for name in ("model.safetensors", "model.json"):
        models = [(run.model_folder / name).read_bytes() for run in (first, second)]
        assert models[0] == models[1], name


def stop_at(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """Let training be interrupted when `step` is about to be done."""
    original = Trainer._losses

    def interrupted(self: Trainer, number: int) -> dict[str, float]:
        if number == step:
            raise KeyboardInterrupt
        return original(self, number)

    monkeypatch.setattr(Trainer, "_losses", interrupted)
