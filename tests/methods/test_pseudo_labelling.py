"""CPS and self-training against what their papers say, pixel by pixel."""

import math

import pytest
import torch
from torch.nn.functional import cross_entropy

from crosslevel.config.model import ModelConfig
from crosslevel.errors import InputError
from crosslevel.losses import dice_ce_loss
from crosslevel.methods import cps, self_training
from crosslevel.methods.base import Clock
from crosslevel.methods.build import build_method
from support.opinions import (
    LATE,
    answer,
    build,
    darker,
    fixed_boxes,
    hard,
    is_sure,
    let_draw,
    loss_of,
    opinionated,
    paste,
    random_batch,
)
from support.tiny import tiny_config

NAMES = ["cps", "fixmatch", "self_training", "unimatch"]


@pytest.mark.parametrize("name", NAMES)
def test_step__trains_on_a_pretrained_encoder(name):
    model = ModelConfig(name="efficientnet_lite0")
    args = {"threshold": 0.5} if name != "cps" else {}
    method = build_method(tiny_config(name, size=64, model=model, args=args)).train()
    optimizer = torch.optim.AdamW([p for p in method.parameters() if p.requires_grad], lr=1e-3)
    batch, supervised = random_batch(64), []
    batch.masks[:] = 0
    batch.masks[:, 16:48, 16:48] = 1
    for images in (batch.images, batch.unlabelled):
        images[:, :, 16:48, 16:48] += 2
    for step in range(20, 26):
        torch.manual_seed(step)
        losses = method.training_step(batch, Clock(step, 30))
        assert len(losses) > 1
        assert all(loss.isfinite() and loss.item() > 0 for loss in losses.values())
        torch.stack(list(losses.values())).sum().backward()
        optimizer.step()
        optimizer.zero_grad()
        method.after_step(Clock(step, 30))
        supervised.append(losses["supervised"].item())
    assert supervised[-1] < supervised[0]


def test_cps__equals_its_definition(monkeypatch):
    method, batch, boxes = opinionated("cps"), random_batch(), fixed_boxes()
    let_draw(monkeypatch, cps, [], [boxes])
    nets = [method.net, method.get_submodule("other")]
    ours, others = (hard(answer(net, batch.unlabelled)) for net in nets)
    assert (ours != others).any()
    losses = method.training_step(batch, LATE)
    images = torch.cat([batch.images, paste(boxes, batch.unlabelled)])
    logits = [net(images) for net in nets]
    cross = [
        loss_of(x[2:], paste(boxes, labels))
        for x, labels in zip(logits, (others, ours), strict=True)
    ]
    ramp = math.exp(-5 * (1 - 29 / 30) ** 2)
    assert losses["cross"].item() == pytest.approx(ramp * sum(cross), rel=1e-4)
    supervised = [dice_ce_loss(x[:2], batch.masks).item() for x in logits]
    assert losses["supervised"].item() == pytest.approx(sum(supervised), rel=1e-4)
    assert method.inference_model is method.net


def test_cps__of_several_classes_learns_the_most_probable(monkeypatch):
    config = tiny_config("cps", classes={"polyp": 1, "tool": 2}, args={"cutmix": 0.0})
    method, batch = build_method(config).train(), random_batch()
    nets = [method.net, method.get_submodule("other")]
    with torch.no_grad():
        method.eval()
        ours, others = (net(batch.unlabelled).argmax(1) for net in nets)
        method.train()
    losses = method.training_step(batch, LATE)
    images = torch.cat([batch.images, batch.unlabelled])
    cross = [
        cross_entropy(net(images)[2:], y).item()
        for net, y in zip(nets, (others, ours), strict=True)
    ]
    ramp = math.exp(-5 * (1 - 29 / 30) ** 2)
    assert losses["cross"].item() == pytest.approx(ramp * sum(cross), rel=1e-4)


def test_cps__the_networks_start_apart_also_with_one_pretrained_encoder():
    method = build_method(tiny_config("cps", model=ModelConfig(name="efficientnet_lite0")))
    ours = dict(method.net.named_parameters())
    others = dict(method.get_submodule("other").named_parameters())
    assert torch.equal(ours["f.stem.0.weight"], others["f.stem.0.weight"])
    for name in ("f.decoder.0.0.weight", "h.weight"):
        assert not torch.equal(ours[name], others[name])


def test_self_training__equals_its_definition(monkeypatch):
    method, batch = opinionated("self_training", weight=0.5), random_batch()
    let_draw(monkeypatch, self_training, [darker], [])
    probabilities = answer(method.teacher, batch.unlabelled)
    labels, keep = hard(probabilities), is_sure(probabilities, 0.9)
    losses = method.training_step(batch, LATE)
    logits = method.net(torch.cat([batch.images, darker(batch.unlabelled)]))
    assert losses["pseudo"].item() == pytest.approx(
        0.5 * loss_of(logits[2:], labels, keep), rel=1e-4
    )
    supervised = dice_ce_loss(logits[:2], batch.masks)
    assert losses["supervised"].item() == pytest.approx(supervised.item(), rel=1e-4)


def test_self_training__starts_without_a_teacher():
    method = build("self_training")
    assert set(method.training_step(random_batch(), Clock(11, 30))) == {"supervised"}
    assert set(method.training_step(random_batch(), Clock(12, 30))) == {"supervised", "pseudo"}


@pytest.mark.parametrize(
    ("share", "rounds", "num_steps", "expected"),
    [
        (0.4, 1, 30, [11]),
        (0.4, 2, 30, [11, 20]),
        (0.25, 3, 12, [2, 5, 8]),
        (0.4, 5, 10, [3, 5, 6, 7, 8]),
        (0.01, 1, 5, [0]),  # never by a network that has seen nothing
        (0.99, 2, 3, [2]),
    ],
)
def test_self_training__the_teacher_changes_only_between_rounds(share, rounds, num_steps, expected):
    method = build("self_training", warmup_share=share, rounds=rounds)
    changed = []
    for step in range(num_steps):
        with torch.no_grad():
            method.net.h.bias.add_(1.0)
        before = method.teacher.h.bias.clone()
        method.after_step(Clock(step, num_steps))
        if not torch.equal(before, method.teacher.h.bias):
            assert torch.equal(method.teacher.h.bias, method.net.h.bias)
            changed.append(step)
    assert changed == expected


def test_self_training__goes_on_with_the_teacher_of_its_checkpoint():
    method, losses = opinionated("self_training"), []
    resumed = build("self_training")
    resumed.load_state_dict(method.state_dict())
    for each in (method, resumed):
        torch.manual_seed(0)
        losses.append(each.training_step(random_batch(), LATE)["pseudo"].item())
    assert losses[0] == losses[1] > 0


@pytest.mark.parametrize("args", [{"rounds": 0}, {"warmup_share": 0.0}, {"warmup_share": 1.0}])
def test_self_training__without_a_first_teacher_is_refused(args):
    with pytest.raises(InputError, match=r"must be (at least 1|strictly between 0 and 1)"):
        build("self_training", **args)
