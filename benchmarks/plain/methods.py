"""The plain methods: a class each, with everything in sight."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from benchmarks.plain.losses import (
    consistency_loss,
    contrastive_loss,
    cut,
    pyramid_loss,
    supervised_loss,
    two_classes,
    uncertain_consistency_loss,
)
from benchmarks.plain.unet import PlainNet

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class PlainMethod(nn.Module):
    """A network that starts with given weights; a subclass adds what its paper needs."""

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.net = PlainNet()
        self.build()
        self.load_state_dict({name: weights[name] for name in self.state_dict()})

    def build(self) -> None:
        """More modules."""

    def trained(self) -> list[nn.Parameter]:
        """Return what the optimiser moves."""
        return [p for p in self.parameters() if p.requires_grad]

    def losses(
        self, images: Tensor, masks: Tensor, unlabelled: Tensor, progress: float
    ) -> dict[str, Tensor]:
        """Weighted losses by name; here: supervised alone."""
        return {"supervised": supervised_loss(self.net(images), masks)}

    def after_step(self) -> None:
        """Move a teacher."""


class PlainCLCC(PlainMethod):
    """Both passes, both heads and both losses at every step."""

    tiles = 5

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        super().__init__(weights)
        self.p = projector(weights)

    def losses(
        self, images: Tensor, masks: Tensor, unlabelled: Tensor, progress: float
    ) -> dict[str, Tensor]:
        """Eq. 3."""
        alpha, beta = self.weigh(progress)
        together = torch.cat([images, unlabelled])
        whole = self.net.f(together)
        local = self.net.f(cut(together, self.tiles))
        logits, local_logits = self.net.h(whole), self.net.h(local)
        return {
            "supervised": supervised_loss(logits[: len(images)], masks),
            "contrast": alpha * contrastive_loss(self.p(whole), self.p(local)),
            "consistency": beta * consistency_loss(logits, local_logits, self.tiles),
        }

    def weigh(self, progress: float) -> tuple[float, float]:
        """Return α = 1, β = 0 in the first third, and the other way round after it."""
        return (1.0, 0.0) if progress < 1 / 3 else (0.0, 1.0)


def statistics(images: Tensor) -> list[Tensor]:
    """Return mean and standard deviation of ImageNet, (3, 1, 1) each."""
    both = torch.tensor([MEAN, STD], dtype=images.dtype, device=images.device)
    return list(both.view(2, 3, 1, 1))


def projector(weights: Mapping[str, Tensor]) -> nn.Sequential:
    """Return p with its weights: three convolutions that shrink a tile to a vector."""
    layers: list[nn.Module] = []
    for kernel in (weights[f"p.{i}.weight"] for i in (0, 3, 6)):
        outputs, inputs, side = kernel.shape[:3]
        layers += [nn.Conv2d(inputs, outputs, side, stride=side), nn.BatchNorm2d(outputs)]
        layers += [nn.ReLU(inplace=True)]
    p = nn.Sequential(*layers[:-2])
    p.load_state_dict({name: weights[f"p.{name}"] for name in p.state_dict()})
    return p


class PlainCLCCBoth(PlainCLCC):
    """With the weights of our default's second stage."""

    def weigh(self, progress: float) -> tuple[float, float]:
        """Return α and β."""
        return 0.1, 3.0


class PlainMeanTeacher(PlainMethod):
    """Student and EMA teacher with noise."""

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        super().__init__(weights)
        self.teacher = copy.deepcopy(self.net).requires_grad_(False)

    def losses(
        self, images: Tensor, masks: Tensor, unlabelled: Tensor, progress: float
    ) -> dict[str, Tensor]:
        """Supervised, and agreement with the teacher."""
        logits = self.net(torch.cat([images, unlabelled]))
        student = two_classes(logits[len(images) :])
        weight = 0.1 * math.exp(-5 * (1 - progress) ** 2)
        return {
            "supervised": supervised_loss(logits[: len(images)], masks),
            "consistency": weight * self.consistency(student, unlabelled, progress),
        }

    def consistency(self, student: Tensor, unlabelled: Tensor, progress: float) -> Tensor:
        """Return mean-square difference."""
        return F.mse_loss(student, self.ask(unlabelled))

    def ask(self, unlabelled: Tensor) -> Tensor:
        """Return what the teacher sees in noise."""
        noise = torch.clamp(torch.randn_like(unlabelled) * 0.1, -0.2, 0.2)
        with torch.no_grad():
            return two_classes(self.teacher(unlabelled + noise / statistics(unlabelled)[1]))

    def after_step(self) -> None:
        """Move the teacher."""
        with torch.no_grad():
            for kept, new in zip(self.teacher.parameters(), self.net.parameters(), strict=True):
                kept.mul_(0.99).add_(new, alpha=0.01)


class PlainUAMT(PlainMeanTeacher):
    """The same where the teacher is certain."""

    def consistency(self, student: Tensor, unlabelled: Tensor, progress: float) -> Tensor:
        """Eight noisy passes tell how certain it is."""
        mean = torch.stack([self.ask(unlabelled) for _ in range(8)]).mean(0)
        threshold = (0.75 + 0.25 * math.exp(-5 * (1 - progress) ** 2)) * math.log(2)
        return uncertain_consistency_loss(student, self.ask(unlabelled), mean, threshold)


class PlainURPC(PlainMethod):
    """Four scales of one decoder."""

    def build(self) -> None:
        """A head for each coarser scale."""
        self.heads = nn.ModuleList(nn.Conv2d(width, 1, 3, padding=1) for width in (32, 64, 128))

    def losses(
        self, images: Tensor, masks: Tensor, unlabelled: Tensor, progress: float
    ) -> dict[str, Tensor]:
        """Supervised at every scale, and their agreement."""
        scales = self.scales(torch.cat([images, unlabelled]))
        supervised = sum(supervised_loss(s[: len(images)], masks) for s in scales)
        weight = 0.1 * math.exp(-5 * (1 - progress) ** 2)
        others = [s[len(images) :] for s in scales]
        return {
            "supervised": torch.as_tensor(supervised) / len(scales),
            "consistency": weight * pyramid_loss(others),
        }

    def scales(self, images: Tensor) -> list[Tensor]:
        """Return logits of each scale at full size."""
        full, half, quarter, eighth, _ = self.net.f.pyramid(images)
        half = half * (1 + torch.empty_like(half[0]).uniform_(-0.3, 0.3))
        attention = quarter.mean(1, keepdim=True)
        share = float(torch.empty(()).uniform_(0.7, 0.9))
        quarter = quarter * (attention < attention.amax((2, 3), keepdim=True) * share)
        eighth = F.dropout(eighth, 0.5)
        maps = [head(x) for head, x in zip(self.heads, (half, quarter, eighth), strict=True)]
        size = images.shape[2:]
        return [self.net.h(full), *(F.interpolate(x, size=size, mode="nearest") for x in maps)]
