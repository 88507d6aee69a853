import numpy as np
import pytest
import torch

from crosslevel.methods import bcp
from crosslevel.methods.base import Clock
from crosslevel.methods.build import build_method
from crosslevel.types import Batch
from support.doubles import dice_ce, double_batch, double_method, probabilities
from support.tiny import tiny_batch, tiny_config

WARMUP, LATER = Clock(2, 10), Clock(3, 10)


def box_at(images, side):
    """The same place in every image: rows 4 to 20, columns 8 to 24."""
    boxes = torch.zeros(len(images), 32, 32, dtype=torch.bool)
    boxes[:, 4:20, 8:24] = True
    return boxes


@pytest.fixture(autouse=True)
def known_boxes(request, monkeypatch):
    if "draw_boxes" not in request.node.name:
        monkeypatch.setattr(bcp, "draw_boxes", box_at)


def seen_by(net):
    images = []
    net.register_forward_hook(lambda module, inputs, output: images.append((inputs[0], output)))
    return images


def region_loss(logits, labels, inside):
    """½ (Dice + CE) of the pixels inside, one image's Dice at a time."""
    p, y, m = probabilities(logits), labels.numpy(), inside.numpy()
    truth = np.where(y == 1, p[:, 1], p[:, 0])
    dices = [
        1 - (2 * (p[b, 1] * y[b])[m[b]].sum() + 1) / (p[b, 1][m[b]].sum() + y[b][m[b]].sum() + 1)
        for b in range(len(p))
    ]
    return (np.mean(dices) - np.log(truth[m]).mean()) / 2


def test_losses__are_those_of_the_paper():
    """Three pairs: the labelled part is a box in the first two, the rim in the last."""
    method, batch = double_method("bcp"), double_batch()
    labels = (method.teacher.eval()(batch.unlabelled)[:, 0] > 0).long()
    assert 0.1 < labels.double().mean() < 0.9
    seen = seen_by(method.net)
    losses = method.training_step(batch, LATER)
    ((mixed, logits),) = seen
    inside = box_at(mixed, None)
    is_labelled = torch.stack([inside[0], inside[1], ~inside[2]])
    truth = labels.clone()
    for pair in range(3):
        labelled = pair % 2
        expected = batch.unlabelled[pair].clone()
        expected[:, is_labelled[pair]] = batch.images[labelled][:, is_labelled[pair]]
        assert torch.equal(mixed[pair], expected)
        truth[pair][is_labelled[pair]] = batch.masks[labelled][is_labelled[pair]]
    supervised = region_loss(logits, truth, is_labelled)
    assert losses["supervised"].item() == pytest.approx(supervised, rel=1e-9)
    pseudo = 0.5 * region_loss(logits, truth, ~is_labelled)
    assert losses["pseudo"].item() == pytest.approx(pseudo, rel=1e-9)


@pytest.mark.parametrize("clock", [WARMUP, LATER])
def test_losses__of_the_sum_are_twice_those_of_the_mean(clock):
    losses = []
    for name in ("dice_ce", "dice_ce_sum"):
        method = build_method(tiny_config("bcp", supervised_loss=name))
        step = method.eval().training_step(tiny_batch(), clock)
        losses.append(torch.stack(list(step.values())))
    torch.testing.assert_close(losses[1], 2 * losses[0])


@pytest.mark.parametrize(("clock", "unlabelled"), [(WARMUP, 3), (LATER, 0)])
def test_warmup__mixes_labelled_images_alone(clock, unlabelled):
    method, full = double_method("bcp"), double_batch()
    batch = Batch(full.images, full.masks, full.unlabelled[:unlabelled])
    seen = seen_by(method.net)
    losses = method.training_step(batch, clock)
    ((mixed, logits),) = seen
    inside = box_at(mixed, None)
    images, masks = batch.images.clone(), batch.masks.clone()
    for image, other in ((0, 1), (1, 0)):
        images[image][:, inside[image]] = batch.images[other][:, inside[image]]
        masks[image][inside[image]] = batch.masks[other][inside[image]]
    assert torch.equal(mixed, images)
    assert set(losses) == {"supervised"}
    assert losses["supervised"].item() == pytest.approx(dice_ce(logits, masks), rel=1e-9)


def test_batchnorm_apart__is_a_pass_for_each_direction():
    method = build_method(tiny_config("bcp", batchnorm="apart")).train()
    seen = seen_by(method.net)
    method.training_step(tiny_batch(), LATER)
    assert [len(images) for images, _ in seen] == [2, 1]


def test_draw_boxes__have_their_size_and_every_place():
    torch.manual_seed(0)
    boxes = bcp.draw_boxes(torch.zeros(500, 3, 6, 9), side=0.5)
    assert boxes.sum(dim=(1, 2)).tolist() == [3 * 4] * 500
    rows, columns = boxes.any(dim=2), boxes.any(dim=1)
    assert set(rows.int().argmax(dim=1).tolist()) == set(range(4))
    assert set(columns.int().argmax(dim=1).tolist()) == set(range(6))
    assert (rows.sum(dim=1) == 3).all()
    assert (columns.sum(dim=1) == 4).all()
