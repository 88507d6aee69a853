"""The plain methods that learn from labels they make themselves.

Every pixel is confident enough for the threshold here: the labels of a network with random weights
would not count otherwise, and nothing would be compared.
"""

from __future__ import annotations

import copy
import math

import torch
import torch.nn.functional as F  # noqa: N812
from kornia.augmentation import ColorJiggle, RandomGaussianBlur, RandomGrayscale
from torch import Tensor, nn

from benchmarks.plain.losses import dice_loss, supervised_loss
from benchmarks.plain.methods import PlainMeanTeacher, PlainMethod, statistics
from benchmarks.plain.unet import PlainNet
from crosslevel.config.model import ModelConfig
from crosslevel.methods.parts.strong_views import draw_boxes
from crosslevel.models.segmenter import build_segmentation_net

THRESHOLD = 0.5


class PlainFixMatch(PlainMeanTeacher):
    """The teacher's confident labels of the weak view are the truth of the strong one."""

    def losses(
        self, images: Tensor, masks: Tensor, unlabelled: Tensor, progress: float
    ) -> dict[str, Tensor]:
        """Supervised, and cross-entropy with the pseudo-labels."""
        labels, confidence = label(self.teacher, unlabelled)
        strong, targets, keep = self.strong_targets(unlabelled, labels, confidence)
        logits = self.net(torch.cat([images, strong]))
        pseudo = pseudo_loss(logits[len(images) :], targets, keep)
        return {
            "supervised": supervised_loss(logits[: len(images)], masks),
            "pseudo": min(1.0, progress / 0.2) * pseudo,
        }

    def strong_targets(
        self, images: Tensor, labels: Tensor, confidence: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return a strong view with pasted boxes, its labels, and where they count."""
        boxes = draw_boxes(images, 0.5)
        strong = paste(boxes, strong_view(images))
        return strong, paste(boxes, labels), paste(boxes, confidence) >= THRESHOLD

    def after_step(self) -> None:
        """Move the teacher, and BatchNorm's statistics with it."""
        super().after_step()
        for kept, new in zip(self.teacher.buffers(), self.net.buffers(), strict=True):
            kept.copy_(new)


class PlainUniMatch(PlainFixMatch):
    """Two strong views, and the weak one with dropped features."""

    def losses(
        self, images: Tensor, masks: Tensor, unlabelled: Tensor, progress: float
    ) -> dict[str, Tensor]:
        """Supervised, both strong views, and the perturbed features."""
        labels, confidence = label(self.teacher, unlabelled)
        views = [self.strong_targets(unlabelled, labels, confidence) for _ in range(2)]
        together = torch.cat([images, views[0][0], views[1][0], unlabelled])
        start = len(together) - len(unlabelled)
        levels = [
            torch.cat([level[:start], F.dropout2d(level[start:], 0.5)])
            for level in self.net.f.encode(together)
        ]
        logits = self.net.h(self.net.f.decode(levels)[0])
        sizes = [len(images), len(unlabelled), len(unlabelled), len(unlabelled)]
        supervised, first, second, perturbed = torch.split(logits, sizes)
        weight = min(1.0, progress / 0.2)
        strong = pseudo_loss(first, *views[0][1:]) + pseudo_loss(second, *views[1][1:])
        feature = pseudo_loss(perturbed, labels, confidence >= THRESHOLD)
        return {
            "supervised": supervised_loss(supervised, masks),
            "strong": weight * 0.25 * strong,
            "feature": weight * 0.5 * feature,
        }


class PlainCPS(PlainMethod):
    """Two networks that label for each other."""

    def build(self) -> None:
        """The second network."""
        self.other = PlainNet()

    def losses(
        self, images: Tensor, masks: Tensor, unlabelled: Tensor, progress: float
    ) -> dict[str, Tensor]:
        """Supervised and cross supervision, both networks together."""
        nets = (self.net, self.other)
        boxes = draw_boxes(unlabelled, 0.5)
        labels = [paste(boxes, label(net, unlabelled)[0]) for net in nets]
        together = torch.cat([images, paste(boxes, unlabelled)])
        logits = [net.train()(together) for net in nets]
        everywhere = torch.ones_like(labels[0], dtype=torch.bool)
        supervised = [supervised_loss(x[: len(images)], masks) for x in logits]
        cross = [
            pseudo_loss(x[len(images) :], of_other, everywhere)
            for x, of_other in zip(logits, reversed(labels), strict=True)
        ]
        weight = math.exp(-5 * (1 - progress) ** 2)
        return {
            "supervised": supervised[0] + supervised[1],
            "cross": weight * (cross[0] + cross[1]),
        }


class PlainCrossTeaching(PlainMethod):
    """A U-Net and a transformer that label for each other; the transformer is the library's."""

    def build(self) -> None:
        """The transformer."""
        self.transformer = build_segmentation_net(ModelConfig(name="segformer"), 1)

    def losses(
        self, images: Tensor, masks: Tensor, unlabelled: Tensor, progress: float
    ) -> dict[str, Tensor]:
        """Supervised, and Dice with the other's labels."""
        together, count = torch.cat([images, unlabelled]), len(images)
        near, far = self.net(together), self.transformer(together)
        labels = [(x[count:, 0] > 0).long() for x in (near, far)]
        cross = dice_loss(near[count:], labels[1]) + dice_loss(far[count:], labels[0])
        return {
            "supervised": supervised_loss(near[:count], masks)
            + supervised_loss(far[:count], masks),
            "cross": 0.1 * math.exp(-5 * (1 - progress) ** 2) * cross,
        }


class PlainSelfTraining(PlainMethod):
    """A frozen copy labels the strong view."""

    def build(self) -> None:
        """The copy."""
        self.teacher = copy.deepcopy(self.net).requires_grad_(False)

    def losses(
        self, images: Tensor, masks: Tensor, unlabelled: Tensor, progress: float
    ) -> dict[str, Tensor]:
        """Supervised, and cross-entropy with the pseudo-labels."""
        logits = self.net(torch.cat([images, strong_view(unlabelled)]))
        labels, confidence = label(self.teacher, unlabelled)
        return {
            "supervised": supervised_loss(logits[: len(images)], masks),
            "pseudo": pseudo_loss(logits[len(images) :], labels, confidence >= THRESHOLD),
        }


@torch.no_grad()
def label(net: nn.Module, images: Tensor) -> tuple[Tensor, Tensor]:
    """Return what a network takes for most probable, in evaluation mode."""
    return most_probable(net.eval()(images))


def most_probable(logits: Tensor) -> tuple[Tensor, Tensor]:
    """Return the most probable class of each pixel and its probability."""
    confidence, labels = torch.softmax(two_class_logits(logits), 1).max(1)
    return labels, confidence


def pseudo_loss(logits: Tensor, labels: Tensor, keep: Tensor) -> Tensor:
    """Cross-entropy of the kept pixels, over the number of all."""
    losses = F.cross_entropy(two_class_logits(logits), labels, reduction="none")
    return (losses * keep).mean()


def two_class_logits(logits: Tensor) -> Tensor:
    """Map (B, 1, H, W) → (B, 2, H, W), background and foreground."""
    return torch.cat([torch.zeros_like(logits), logits], dim=1)


def strong_view(images: Tensor) -> Tensor:
    """Return colours, grey and blur."""
    mean, std = statistics(images.float())
    jitter = ColorJiggle(brightness=0.5, contrast=0.5, saturation=0.5, hue=0.25, p=0.8)
    blur = RandomGaussianBlur(kernel_size=(13, 13), sigma=(0.1, 2.0), p=0.5)
    with torch.no_grad():
        changed = blur(RandomGrayscale(p=0.2)(jitter((images.float() * std + mean).clamp(0, 1))))
        view: Tensor = (changed - mean) / std
        return view


def paste(boxes: Tensor, maps: Tensor) -> Tensor:
    """Return a box of the next image, or of its labels, into each."""
    return torch.where(boxes[:, None] if maps.ndim == 4 else boxes, maps.roll(-1, 0), maps)
