"""Methods that learn from pseudo-labels, their networks with opinions, and what they should say.

A network just initialised is sure of nothing, so that no pixel would be learned from and every
comparison would be one of zeros. The networks here are given opinions, each its own.
"""

import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from crosslevel.methods.base import Clock
from crosslevel.methods.build import build_method
from crosslevel.models.segmenter import SegmentationNet
from crosslevel.types import Batch
from support.tiny import tiny_config

LATE = Clock(29, 30)
NUM_UNLABELLED = 3


def random_batch(size=32):
    generator = torch.Generator().manual_seed(0)
    return Batch(
        images=torch.randn(2, 3, size, size, generator=generator),
        masks=torch.randint(0, 2, (2, size, size), generator=generator),
        unlabelled=torch.randn(NUM_UNLABELLED, 3, size, size, generator=generator),
    )


def build(name, **args):
    return build_method(tiny_config(name, args=args)).train()


@torch.no_grad()
def opinionated(name, **args):
    """The method, its networks sure of both classes in places, each network of other ones."""
    method = build(name, **args)
    nets = [module for module in method.modules() if isinstance(module, SegmentationNet)]
    for seed, net in enumerate(nets):
        generator = torch.Generator().manual_seed(seed)
        net.h.weight.copy_(torch.randn(net.h.weight.shape, generator=generator))
        logits = net.eval()(random_batch().unlabelled)
        _, bias = net.h.parameters()
        bias.sub_(logits.mean())
        for parameter in net.h.parameters():
            parameter.mul_(3 / logits.std())
        net.train()
    return method


@torch.no_grad()
def answer(net, images):
    """Probabilities (U, H, W) of a binary network at rest; it is in training again after."""
    net.eval()
    probabilities = net(images)[:, 0].sigmoid()
    net.train()
    return probabilities


def is_sure(probabilities, threshold):
    sure = (probabilities >= threshold) | (probabilities <= 1 - threshold)
    assert 0.05 < sure.float().mean() < 0.95, "else this test shows nothing"
    return sure


def hard(probabilities):
    labels = (probabilities > 0.5).float()
    assert 0.05 < labels.mean() < 0.95, "else this test shows nothing"
    return labels


def paste(boxes, x):
    """CutMix, one image after the other: the box of each comes from the next, the last's from 0."""
    mixed = x.clone()
    for i, box in enumerate(boxes):
        mixed[i][..., box] = x[(i + 1) % len(x)][..., box]
    return mixed


def loss_of(logits, labels, keep=None):
    losses = binary_cross_entropy_with_logits(logits[:, 0], labels, reduction="none")
    return (losses if keep is None else losses[keep]).sum().item() / labels.numel()


def fixed_boxes(shift=0):
    boxes = torch.zeros(NUM_UNLABELLED, 32, 32, dtype=torch.bool)
    boxes[0, 4 + shift : 20 + shift, 6:30] = True
    boxes[2, 10:30, shift : 12 + shift] = True  # the second image keeps all of its own
    return boxes


def let_draw(monkeypatch, module, views, boxes):
    """Strong views and boxes as given, in order, in place of random ones."""
    views, boxes = iter(views), iter(boxes)
    monkeypatch.setattr(module, "strong_view", lambda x, drawn: next(views)(x), raising=False)
    monkeypatch.setattr(module, "boxes_at", lambda corners, x: next(boxes), raising=False)


def darker(images):
    return images.flip(1) * 0.5


def inverted(images):
    return -images
