"""FixMatch and UniMatch against what their papers say, pixel by pixel."""

from dataclasses import replace

import pytest
import torch

from crosslevel.losses import dice_ce_loss
from crosslevel.methods import fixmatch
from crosslevel.methods.base import Clock
from crosslevel.methods.parts import feature_views
from support.opinions import (
    LATE,
    NUM_UNLABELLED,
    answer,
    build,
    darker,
    fixed_boxes,
    hard,
    inverted,
    is_sure,
    let_draw,
    loss_of,
    opinionated,
    paste,
    random_batch,
)


@pytest.mark.parametrize("decay", [0.99, 0.0])
def test_fixmatch__equals_its_definition(monkeypatch, decay):
    method, batch = opinionated("fixmatch", decay=decay), random_batch()
    boxes = fixed_boxes()
    let_draw(monkeypatch, fixmatch, [darker], [boxes])
    probabilities = answer(method.teacher.module, batch.unlabelled)
    labels, keep = hard(probabilities), is_sure(probabilities, 0.9)
    losses = method.training_step(batch, LATE)
    logits = method.net(torch.cat([batch.images, paste(boxes, darker(batch.unlabelled))]))
    expected = loss_of(logits[2:], paste(boxes, labels), paste(boxes, keep))
    assert losses["pseudo"].item() == pytest.approx(expected, rel=1e-4)
    supervised = dice_ce_loss(logits[:2], batch.masks)
    assert losses["supervised"].item() == pytest.approx(supervised.item(), rel=1e-4)


@pytest.mark.parametrize(("step", "weight"), [(0, 0.0), (3, 0.5), (6, 1.0), (29, 1.0)])
def test_fixmatch__weight_rises_over_the_first_fifth(step, weight):
    assert build("fixmatch").weight(Clock(step, 30)) == pytest.approx(weight)


def test_fixmatch__weight_multiplies_the_loss():
    losses = []
    for weight in (1.0, 0.25):
        torch.manual_seed(0)
        losses.append(opinionated("fixmatch", weight=weight).training_step(random_batch(), LATE))
    assert losses[0]["pseudo"].item() > 0
    assert losses[1]["pseudo"].item() == pytest.approx(losses[0]["pseudo"].item() / 4)


def test_fixmatch__an_unreachable_threshold_leaves_the_labelled_images():
    losses = opinionated("fixmatch", threshold=1.0).training_step(random_batch(), LATE)
    assert losses["pseudo"].item() == 0


def test_fixmatch__labelling_moves_no_buffer_of_the_teacher():
    method = build("fixmatch")
    before = {name: b.clone() for name, b in method.teacher.named_buffers()}
    method.label(random_batch().unlabelled)
    assert all(torch.equal(before[name], b) for name, b in method.teacher.named_buffers())


def test_fixmatch__decay_0_is_labelled_by_the_student():
    method = build("fixmatch", decay=0.0)
    optimizer = torch.optim.AdamW(method.net.parameters(), lr=1e-2)
    for step in range(2):
        sum(method.training_step(random_batch(), LATE).values()).backward()
        optimizer.step()
        method.after_step(Clock(step, 30))
    student, teacher = method.net.state_dict(), method.teacher.module.state_dict()
    assert all(torch.equal(student[name], teacher[name]) for name in student)


@pytest.mark.parametrize("evaluated", ["student", "teacher"])
def test_fixmatch__ships_the_network_asked_for(evaluated):
    method = build("fixmatch", evaluated=evaluated)
    expected = method.net if evaluated == "student" else method.teacher.module
    assert method.inference_model is expected


def every_second_channel(x, share):
    assert share == 0.5
    return x * (torch.arange(x.shape[1]) % 2).view(1, -1, 1, 1)


def without_even_channels(net, images):
    """Logits, those of the last images by every second channel of each level alone."""
    features = net.f.encode(images)
    for level in features:
        level.data[-NUM_UNLABELLED:, ::2] = 0
    return net.h(net.f.decode(features))


@pytest.mark.parametrize("batchnorm", ["joint", "apart"])
def test_fixmatch__dropout_takes_channels_from_strong_views_alone(monkeypatch, batchnorm):
    method, batch = opinionated("fixmatch", dropout=0.5), random_batch()
    method.task = replace(method.task, batchnorm=batchnorm)
    boxes = fixed_boxes()
    let_draw(monkeypatch, fixmatch, [darker], [boxes])
    monkeypatch.setattr(feature_views, "channel_dropout", every_second_channel)
    probabilities = answer(method.teacher.module, batch.unlabelled)
    labels, keep = hard(probabilities), is_sure(probabilities, 0.9)
    losses = method.training_step(batch, LATE)
    batches = [batch.images, paste(boxes, darker(batch.unlabelled))]
    if batchnorm == "joint":
        batches = [torch.cat(batches)]
    *whole, last = batches
    logits = torch.cat([*map(method.net, whole), without_even_channels(method.net, last)])
    supervised, unlabelled = logits.split([2, 3])
    expected = {
        "supervised": dice_ce_loss(supervised, batch.masks).item(),
        "pseudo": loss_of(unlabelled, paste(boxes, labels), paste(boxes, keep)),
    }
    assert {name: x.item() for name, x in losses.items()} == pytest.approx(expected, rel=1e-4)


def test_unimatch__equals_its_definition(monkeypatch):
    method, batch = opinionated("unimatch"), random_batch()
    boxes, views = [fixed_boxes(), fixed_boxes(2)], [darker, inverted]
    let_draw(monkeypatch, fixmatch, views, boxes)
    monkeypatch.setattr(feature_views, "channel_dropout", every_second_channel)
    probabilities = answer(method.teacher.module, batch.unlabelled)
    labels, keep = hard(probabilities), is_sure(probabilities, 0.95)
    losses = method.training_step(batch, LATE)
    strong = [paste(b, v(batch.unlabelled)) for b, v in zip(boxes, views, strict=True)]
    images = torch.cat([batch.images, *strong, batch.unlabelled])
    logits = without_even_channels(method.net, images)
    supervised, first, second, perturbed = logits.split([2, 3, 3, 3])
    expected = {
        "supervised": dice_ce_loss(supervised, batch.masks).item(),
        "strong": sum(
            0.25 * loss_of(x, paste(b, labels), paste(b, keep))
            for x, b in zip((first, second), boxes, strict=True)
        ),
        "feature": 0.5 * loss_of(perturbed, labels, keep),
    }
    assert {name: x.item() for name, x in losses.items()} == pytest.approx(expected, rel=1e-4)
