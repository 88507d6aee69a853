import math
from typing import Any

import pytest
import torch
from torch import nn

from crosslevel.config.model import ModelConfig
from crosslevel.methods.build import build_method
from crosslevel.training.gradients import NotFiniteError
from crosslevel.training.step import (
    Optimisation,
    learning_rate_factor,
    parameter_groups,
)
from crosslevel.types import Batch
from support.tiny import tiny_config


class Fails(nn.Module):
    """A method of one weight and a BatchNorm; its loss is not finite where `when` says so."""

    def __init__(self, when):
        super().__init__()
        self.norm = nn.BatchNorm1d(3)
        self.when, self.calls = when, []

    def training_parts(self, batch, clock):
        is_autocast = torch.is_autocast_enabled("cpu")
        self.calls.append(is_autocast)
        bad = self.when(is_autocast)
        features = self.norm(batch.images[:, :, 0, 0] * (math.inf if bad else 1))
        yield {"supervised": features.mean(), "other": self.norm.weight.sum()}

    def own_rates(self):
        return {}

    def spoilt_by_a_pass(self):
        return self.norm.buffers()

    def after_step(self, clock):
        pass


def optimisation_of(method: Any, precision: Any) -> Optimisation:
    return Optimisation(method, tiny_config(precision=precision), num_steps=10)


def random_batch():
    images = torch.rand(4, 3, 8, 8)
    return Batch(images=images, masks=(images[:, 0] > 0.5).long(), unlabelled=images[:2])


def state(module):
    return {name: value.clone() for name, value in module.state_dict().items()}


def test_step__is_repeated_without_autocast_when_a_loss_is_not_finite():
    method, plain = Fails(lambda is_autocast: is_autocast), Fails(lambda _: False)
    batch = random_batch()
    losses = optimisation_of(method, "bf16").step(0, batch)
    expected = optimisation_of(plain, "fp32").step(0, batch)
    assert method.calls == [True, False]
    assert losses == expected
    for name, value in state(plain).items():
        torch.testing.assert_close(state(method)[name], value, msg=name)


@pytest.mark.parametrize(("precision", "calls"), [("bf16", [True, False]), ("fp32", [False])])
def test_step__leaves_everything_as_it_was_when_it_fails(precision, calls):
    method, batch = Fails(lambda _: True), random_batch()
    before = state(method)
    with pytest.raises(NotFiniteError, match="'supervised' became nan") as failed:
        optimisation_of(method, precision).step(0, batch)
    assert method.calls == calls
    assert torch.equal(failed.value.batch.images, batch.images)
    for name, value in state(method).items():
        assert torch.equal(before[name], value), name


def test_step__copies_what_a_pass_may_spoil_and_nothing_else(monkeypatch):
    method = Fails(lambda _: False)
    method.register_buffer("queue", torch.zeros(1000, 7))
    copied, clone = [], torch.Tensor.clone

    def noted(x):
        copied.append(tuple(x.shape))
        return clone(x)

    monkeypatch.setattr(torch.Tensor, "clone", noted)
    optimisation_of(method, "fp32").step(0, random_batch())
    assert len(copied) == 3, "of the BatchNorm"
    assert (1000, 7) not in copied


def test_step__moves_the_weights_and_leaves_no_gradient():
    method = build_method(tiny_config("supervised"))
    before = state(method)
    losses = Optimisation(method, tiny_config("supervised"), 10).step(5, random_batch())
    assert losses["supervised"] > 0
    assert any(not torch.equal(before[name], value) for name, value in state(method).items())
    assert all(p.grad is None for p in method.parameters())


@pytest.mark.parametrize(
    ("progress", "decay", "expected"),
    [(0.0, "cosine", 0.0), (0.25, "none", 1.0), (0.625, "cosine", 0.5), (1.0, "cosine", 0.0)],
)
def test_learning_rate__warms_up_then_decays(progress, decay, expected):
    assert learning_rate_factor(progress, 0.25, decay) == pytest.approx(expected)


def test_parameter_groups__slow_encoder_and_the_rest_share_all_parameters():
    model = ModelConfig(name="efficientnet_lite0", weights=None)
    method = build_method(tiny_config("supervised", model=model))
    fast, slow = parameter_groups(method, 0.1)
    assert (fast["rate"], slow["rate"]) == (1.0, 0.1)
    pretrained = method.net.f.pretrained
    assert pretrained is not None
    encoder = set(pretrained.parameters())
    assert set(slow["params"]) == encoder
    assert set(fast["params"]) | encoder == set(method.parameters())


def test_parameter_groups__a_random_start_has_one():
    assert len(parameter_groups(build_method(tiny_config()), 0.1)) == 1


@pytest.mark.parametrize(("warmup", "decay"), [(0.5, "cosine"), (0.25, "none")])
def test_learning_rate__per_epoch_is_that_of_the_epoch_s_begin(warmup, decay):
    settings: dict[str, Any] = {"warmup": warmup, "decay": decay, "epochs": 8}
    config = tiny_config(precision="fp32", rate_per="epoch", **settings)
    method: Any = Fails(lambda _: False)
    optimisation = Optimisation(method, config, num_steps=8 * 3)
    found = [optimisation.learning_rate(step) / config.learning_rate for step in range(8 * 3)]
    expected = [learning_rate_factor(epoch / 8, warmup, decay) for epoch in range(8)]
    assert found == pytest.approx([factor for factor in expected for _ in range(3)])
