"""The gradients of a step are those of the sum of its losses, whatever parts it comes in."""

import pytest
import torch

from crosslevel.losses import (
    cross_level_consistency_loss,
    cross_level_contrastive_loss,
    dice_ce_loss,
)
from crosslevel.methods.base import Clock
from crosslevel.methods.build import build_method
from crosslevel.methods.parts.batchnorm import frozen_running_statistics
from crosslevel.tiles import from_tiles, to_tiles
from crosslevel.training.gradients import NotFiniteError, accumulate_gradients, check_finite
from support.tiny import tiny_batch, tiny_config

CLOCKS = {"contrast": Clock(0, 30), "consistency": Clock(10, 30), "both": Clock(20, 30)}
STAGES = [
    {"epochs": 1, "alpha": 0.5, "beta": 0.0},
    {"epochs": 1, "alpha": 0.0, "beta": 2.0},
    {"epochs": 1, "alpha": 0.5, "beta": 2.0},
]


def clcc(batchnorm="joint", **args):
    args = {"tiles": 2, "stages": STAGES, **args}
    return build_method(tiny_config("clcc", batchnorm=batchnorm, args=args)).train()


@pytest.fixture
def batch():
    return tiny_batch()


def every_branch(method, batch, alpha, beta):
    """Eq. 3 with both passes, both heads and both losses in one graph, weights of 0 or not."""
    images = torch.cat([batch.images, batch.unlabelled])
    is_apart = method.task.batchnorm == "apart"
    parts = [batch.images, batch.unlabelled] if is_apart else [images]
    whole = torch.cat([method.net.f(part) for part in parts])
    with frozen_running_statistics(method.net.f):
        tiles = method.net.f(to_tiles(images, 2))
    vectors = from_tiles(method.p(tiles), 2)
    contrast = cross_level_contrastive_loss(
        method.p(whole),
        vectors.detach() if method.args.detach_local else vectors,
        temperature=method.args.temperature,
    )
    consistency = cross_level_consistency_loss(
        method.net.h(whole),
        method.net.h(tiles),
        2,
        reduction=method.args.reduction,
        detach_global=method.args.detach_global,
    )
    supervised = dice_ce_loss(method.net.h(whole)[: len(batch.images)], batch.masks)
    return {
        "supervised": supervised,
        "contrast": alpha * contrast,
        "consistency": beta * consistency,
    }


@pytest.mark.parametrize("batchnorm", ["joint", "apart"])
@pytest.mark.parametrize("detach_local", [True, False])
@pytest.mark.parametrize("detach_global", [True, False])
@pytest.mark.parametrize(("stage", "clock"), list(enumerate(CLOCKS.values())), ids=list(CLOCKS))
def test_accumulate_gradients__equals_one_graph_of_every_branch(
    batch, stage, clock, detach_global, detach_local, batchnorm
):
    options = {"detach_global": detach_global, "detach_local": detach_local}
    plain, ours = (clcc(batchnorm, **options) for _ in range(2))
    weights = STAGES[stage]["alpha"], STAGES[stage]["beta"]
    expected = every_branch(plain, batch, *weights)
    torch.stack(list(expected.values())).sum().backward()
    found = accumulate_gradients(ours, batch, clock, "fp32")
    for name, value in found.items():
        assert value == pytest.approx(float(expected[name].detach()), rel=1e-5)
    assert all(float(expected[name].detach()) == 0 for name in expected.keys() - found.keys())
    for (name, a), b in zip(plain.named_parameters(), ours.parameters(), strict=True):
        one, other = (torch.zeros_like(p) if p.grad is None else p.grad for p in (a, b))
        torch.testing.assert_close(other, one, rtol=1e-5, atol=1e-6, msg=name)


def test_accumulate_gradients__one_graph_at_a_time(batch):
    method = clcc()
    had_gradients = []
    for part in method.training_parts(batch, CLOCKS["consistency"]):
        had_gradients.append(method.net.h.weight.grad is not None)
        assert len(part) == 1
        torch.stack(list(part.values())).sum().backward()
    assert had_gradients == [False, True]


def test_check_finite__refuses_a_loss_that_is_not_and_names_it(batch):
    method = clcc()
    torch.nn.init.constant_(method.net.h.bias, float("nan"))
    losses = accumulate_gradients(method, batch, CLOCKS["consistency"], "fp32")
    with pytest.raises(NotFiniteError, match="'supervised' became nan") as raised:
        check_finite(losses, batch, step=7)
    assert raised.value.step == 7


@pytest.mark.parametrize(
    "parts", [[None], [{}], [{"first": torch.ones((), requires_grad=True)}, {}]]
)
def test_gradients__a_part_without_a_loss_is_refused(batch, parts, monkeypatch):
    method = build_method(tiny_config("supervised")).train()
    monkeypatch.setattr(type(method), "training_parts", lambda *_: iter(parts))
    with pytest.raises(ValueError, match="Supervised gave no loss"):
        accumulate_gradients(method, batch, CLOCKS["both"], "fp32")
