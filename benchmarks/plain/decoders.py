"""Plain methods in which several decoders, or one with dropped features, must agree."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from benchmarks.plain.losses import supervised_loss, two_classes
from benchmarks.plain.methods import PlainMethod
from benchmarks.plain.unet import PlainNet


class PlainCCT(PlainMethod):
    """A further decoder for each of three perturbations learns from the first one's answers."""

    def build(self) -> None:
        """Three decoders."""
        self.decoders = nn.ModuleList(decoder_alone() for _ in range(3))

    def losses(
        self, images: Tensor, masks: Tensor, unlabelled: Tensor, progress: float
    ) -> dict[str, Tensor]:
        """Supervised, and consistency."""
        features = self.net.f.encode(torch.cat([images, unlabelled]))
        logits = self.net.h(self.net.f.decode(features)[0])
        target = two_classes(logits[len(images) :]).detach()
        total = torch.zeros(())
        for kind, decoder in enumerate(self.decoders):
            changed = [perturb(kind, level[len(images) :]) for level in features]
            assert isinstance(decoder, PlainNet)
            answer = two_classes(decoder.h(decoder.f.decode(changed)[0]))
            total = total + F.mse_loss(answer, target) / 3
        return {
            "supervised": supervised_loss(logits[: len(images)], masks),
            "consistency": 0.1 * math.exp(-5 * (1 - progress) ** 2) * total,
        }


class PlainRDrop(PlainMethod):
    """Two passes of the decoder with other channels dropped."""

    def losses(
        self, images: Tensor, masks: Tensor, unlabelled: Tensor, progress: float
    ) -> dict[str, Tensor]:
        """Supervised, and agreement."""
        features = self.net.f.encode(torch.cat([images, unlabelled]))
        first, second = (
            self.net.h(self.net.f.decode([F.dropout2d(x, 0.3) for x in features])[0])
            for _ in range(2)
        )
        p, q = (two_classes(x[len(images) :]) for x in (first, second))
        divergence = (p * torch.log(p / q)).sum(1).mean() + (q * torch.log(q / p)).sum(1).mean()
        supervised = [supervised_loss(x[: len(images)], masks) for x in (first, second)]
        return {
            "supervised": (supervised[0] + supervised[1]) / 2,
            "agreement": math.exp(-5 * (1 - progress) ** 2) * divergence / 2,
        }


class PlainMCNet(PlainMethod):
    """Two decoders, each near the sharpened answer of the other."""

    def build(self) -> None:
        """The second decoder, which enlarges by interpolation."""
        self.second = decoder_alone()
        self.second.f.upsample = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(2 * width, width, 1),
                nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True),
            )
            for width in (128, 64, 32, 16)
        )

    def losses(
        self, images: Tensor, masks: Tensor, unlabelled: Tensor, progress: float
    ) -> dict[str, Tensor]:
        """Supervised, and consistency of all images."""
        features = self.net.f.encode(torch.cat([images, unlabelled]))
        logits = [net.h(net.f.decode(features)[0]) for net in (self.net, self.second)]
        p, q = map(two_classes, logits)
        consistency = F.mse_loss(p, sharpen(q)) + F.mse_loss(q, sharpen(p))
        supervised = [supervised_loss(x[: len(images)], masks) for x in logits]
        return {
            "supervised": (supervised[0] + supervised[1]) / 2,
            "consistency": 0.1 * math.exp(-5 * (1 - progress) ** 2) * consistency,
        }


def decoder_alone() -> PlainNet:
    """Return a network without its encoder."""
    net = PlainNet()
    net.f.encoder = nn.ModuleList()
    return net


def perturb(kind: int, features: Tensor) -> Tensor:
    """Return features with noise (0), without some channels (1), or where attention is low (2)."""
    if kind == 0:
        return features * (1 + torch.empty_like(features[0]).uniform_(-0.3, 0.3))
    if kind == 1:
        return F.dropout2d(features, 0.3)
    attention = features.mean(1, keepdim=True)
    share = float(torch.empty(()).uniform_(0.7, 0.9))
    return features * (attention < attention.amax((2, 3), keepdim=True) * share)


def sharpen(p: Tensor) -> Tensor:
    """Return probabilities at temperature 0.1."""
    return p**10 / (p**10 + (1 - p) ** 10)
