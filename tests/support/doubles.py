"""Methods and batches in double precision, and what a test works out from logits by itself."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from crosslevel.methods.base import Method
from crosslevel.methods.build import build_method
from crosslevel.models.segmenter import SegmentationNet
from crosslevel.types import Batch
from support.tiny import tiny_batch, tiny_config


def double_batch() -> Batch:
    """2 labelled and 3 unlabelled images of 32 px, always the same."""
    batch = tiny_batch()
    return Batch(batch.images.double(), batch.masks, batch.unlabelled.double())


@torch.no_grad()
def double_method(name: str, classes: dict[str, Any] | None = None, **args: Any) -> Any:
    """The method in training, its networks sure of every class in places, each of other ones."""
    method: Method = build_method(tiny_config(name, classes=classes or {}, args=args)).double()
    nets = [module for module in method.modules() if isinstance(module, SegmentationNet)]
    for seed, net in enumerate(nets):
        generator = torch.Generator().manual_seed(seed)
        head = torch.randn(net.h.weight.shape, generator=generator, dtype=torch.float64)
        net.h.weight.copy_(head)
        logits = remembered(net, double_batch().unlabelled)
        weight, bias = net.h.parameters()
        bias.sub_(logits.mean(dim=(0, 2, 3)))
        weight.mul_(2 / logits.std())
        bias.mul_(2 / logits.std())
    return method.train()


def remembered(net: SegmentationNet, images: torch.Tensor) -> torch.Tensor:
    """The logits of a batch, whose statistics are from then on BatchNorm's running ones."""
    norms = [module for module in net.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = 1.0
    logits: torch.Tensor = net.train()(images)
    for norm in norms:
        norm.momentum = 0.1
    return logits


def probabilities(logits: torch.Tensor) -> NDArray[np.float64]:
    """Of every class, background included: (B, C, H, W) → (B, K, H, W)."""
    z = logits.detach().numpy()
    if z.shape[1] == 1:
        z = np.concatenate([np.zeros_like(z), z], axis=1)
    powers = np.exp(z)
    found: NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return found


def together(net: torch.nn.Module, *images: torch.Tensor) -> list[torch.Tensor]:
    """Logits of images that share a batch of BatchNorm, apart again."""
    return list(net(torch.cat(images)).split([len(x) for x in images]))


def dice_ce(logits: torch.Tensor, labels: torch.Tensor) -> float:
    """½ (Dice + CE) of each image and foreground class, from the probabilities alone."""
    p, y = probabilities(logits), labels.numpy()
    truth = np.stack([y == k for k in range(p.shape[1])], axis=1)
    ce = -np.log((p * truth).sum(axis=1)).mean()
    return float((dice(logits, labels) + ce) / 2)


def dice(logits: torch.Tensor, labels: torch.Tensor) -> float:
    """1 less the soft Dice of each image and foreground class, smoothed by 1, then the mean."""
    p, y = probabilities(logits), labels.numpy()
    losses = [
        1 - (2 * (p[b, k] * (y[b] == k)).sum() + 1) / (p[b, k].sum() + (y[b] == k).sum() + 1)
        for b in range(len(p))
        for k in range(1, p.shape[1])
    ]
    return float(np.mean(losses))


def ramp(progress: float) -> float:
    """The exponential one: e^(-5 (1 - t)²)."""
    return float(np.e ** (-5 * (1 - progress) ** 2))
