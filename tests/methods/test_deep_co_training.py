import numpy as np
import pytest
import torch

from crosslevel.images.preprocess import IMAGENET_STD
from crosslevel.losses import dice_ce_loss
from crosslevel.methods.base import Clock
from support.doubles import dice_ce, double_batch, double_method, probabilities, ramp, together

STEP = 0.03


def misleading(net, batch):
    """Each pixel and colour moved by STEP of [0, 1], up or down, whichever hurts the network."""
    images = torch.cat([batch.images, batch.unlabelled]).requires_grad_()
    logits = net(images)
    foreground = logits[2:, 0].sigmoid()
    hurt = -torch.maximum(foreground, 1 - foreground).log().mean()
    (dice_ce_loss(logits[:2], batch.masks) + hurt).backward()
    std = torch.tensor(IMAGENET_STD, dtype=torch.float64).view(1, 3, 1, 1)
    assert images.grad is not None
    return (images + STEP * images.grad.sign() / std).detach()


def entropy(p):
    return -(p * np.log(p)).sum(axis=1)


def test_losses__are_those_of_the_paper():
    method = double_method("deep_co_training", weight=2.0, difference=3.0, step=STEP)
    batch = double_batch()
    losses = method.training_step(batch, Clock(6, 10))
    nets = [method.net, method.other]
    clean = [together(net, batch.images, batch.unlabelled) for net in nets]
    supervised = sum(dice_ce(labelled, batch.masks) for labelled, _ in clean)
    p, q = (probabilities(unlabelled) for _, unlabelled in clean)
    agreement = (entropy((p + q) / 2) - entropy(p) / 2 - entropy(q) / 2).mean()
    difference = 0.0
    for fooled, other, logits in ((nets[0], nets[1], clean[0]), (nets[1], nets[0], clean[1])):
        target, found = torch.cat(logits), other(misleading(fooled, batch))
        difference -= (probabilities(target) * np.log(probabilities(found))).sum(axis=1).mean()
    assert losses["supervised"].item() == pytest.approx(supervised, rel=1e-9)
    assert losses["agreement"].item() == pytest.approx(2 * ramp(0.6) * agreement, rel=1e-9)
    assert losses["difference"].item() == pytest.approx(3 * ramp(0.6) * difference, rel=1e-6)


def test_running_statistics__do_not_know_adversarial_images():
    method, plain = (double_method("deep_co_training") for _ in range(2))
    batch = double_batch()
    method.training_step(batch, Clock(6, 10))
    for net in (plain.net, plain.other):
        net(torch.cat([batch.images, batch.unlabelled]))
    found, expected = method.state_dict(), plain.state_dict()
    for name in (name for name in found if "running" in name):
        torch.testing.assert_close(found[name], expected[name])
