"""Plain methods with an adversary, and with one image pasted into another."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from benchmarks.plain.losses import supervised_loss, two_classes
from benchmarks.plain.methods import PlainMeanTeacher, PlainMethod, statistics
from benchmarks.plain.pseudo_labels import label
from benchmarks.plain.unet import PlainNet


class PlainDAN(PlainMethod):
    """A critic tells predictions with a mask from those without."""

    def build(self) -> None:
        """The critic."""
        self.critic = PlainCritic()

    def losses(
        self, images: Tensor, masks: Tensor, unlabelled: Tensor, progress: float
    ) -> dict[str, Tensor]:
        """Supervised, what deceives the critic, and what it learns."""
        together = torch.cat([images, unlabelled])
        logits = self.net(together)
        p = two_classes(logits)
        count, others = len(images), len(unlabelled)
        self.critic.eval().requires_grad_(False)
        deceived = self.critic(p[count:], unlabelled)
        self.critic.train().requires_grad_(True)
        verdicts = self.critic(p.detach(), together)
        truth = torch.tensor([1] * count + [0] * others, device=logits.device)
        deceiving = F.cross_entropy(deceived, torch.ones_like(truth[count:]))
        return {
            "supervised": supervised_loss(logits[:count], masks),
            "adversarial": 0.1 * math.exp(-5 * (1 - progress) ** 2) * deceiving,
            "critic": F.cross_entropy(verdicts, truth),
        }


class PlainCritic(nn.Module):
    """Prediction and image → without a mask, with a mask."""

    def __init__(self) -> None:
        super().__init__()
        self.of_prediction = nn.Conv2d(2, 64, 4, 2, 1)
        self.of_image = nn.Conv2d(3, 64, 4, 2, 1)
        widths = ((64, 128), (128, 256), (256, 512))
        self.deeper = nn.ModuleList(nn.Conv2d(i, o, 4, 2, 1) for i, o in widths)
        self.verdict = nn.Linear(512, 2)

    def forward(self, predictions: Tensor, images: Tensor) -> Tensor:
        """Return logits (B, 2)."""
        x = self.of_prediction(predictions) + self.of_image(images)
        for layer in self.deeper:
            x = layer(F.dropout2d(F.leaky_relu(x, 0.2), 0.5, self.training))
        x = F.adaptive_avg_pool2d(F.leaky_relu(x, 0.2), 1)
        return self.verdict(x.flatten(1))  # type: ignore[no-any-return]


class PlainDeepCoTraining(PlainMethod):
    """Two networks that agree, also on images made to mislead the other."""

    def build(self) -> None:
        """The second network."""
        self.other = PlainNet()

    def losses(
        self, images: Tensor, masks: Tensor, unlabelled: Tensor, progress: float
    ) -> dict[str, Tensor]:
        """Supervised, agreement (Eq. 2), and view difference (Eq. 3)."""
        count, ramp = len(images), math.exp(-5 * (1 - progress) ** 2)
        together = torch.cat([images, unlabelled]).requires_grad_(True)
        nets = (self.net, self.other)
        logits = [net(together) for net in nets]
        supervised = [supervised_loss(x[:count], masks) for x in logits]
        p, q = (two_classes(x) for x in logits)
        mean = ((p + q) / 2)[count:]
        agreement = entropy(mean) - (entropy(p[count:]) + entropy(q[count:])) / 2
        difference = torch.zeros(())
        for mine, loss, target, net in zip(logits, supervised, (p, q), reversed(nets), strict=True):
            own = mine[count:]
            labels = (own.detach() > 0).to(own.dtype)
            loss = loss + F.binary_cross_entropy_with_logits(own, labels)
            [slope] = torch.autograd.grad(loss, together, retain_graph=True)
            misleading = (together + 0.02 / statistics(together)[1] * slope.sign()).detach()
            found = two_classes(net(misleading))
            difference = difference - (target.detach() * torch.log(found)).sum(1).mean()
        return {
            "supervised": supervised[0] + supervised[1],
            "agreement": ramp * agreement,
            "difference": 0.5 * ramp * difference,
        }


class PlainBCP(PlainMeanTeacher):
    """Labelled images in unlabelled ones, and the other way round."""

    def losses(
        self, images: Tensor, masks: Tensor, unlabelled: Tensor, progress: float
    ) -> dict[str, Tensor]:
        """Of the labelled pixels, and half as much of the others."""
        labels, _ = label(self.teacher, unlabelled)
        inside = boxes(images, 2 / 3)
        half = (len(images) + 1) // 2
        inside[half:] = ~inside[half:]
        truth = torch.where(inside, masks, labels)
        logits = self.net(torch.where(inside[:, None], images, unlabelled))
        return {
            "supervised": of_region(logits, truth, inside),
            "pseudo": 0.5 * of_region(logits, truth, ~inside),
        }


def entropy(p: Tensor) -> Tensor:
    """Return the mean over pixels."""
    return -(p * torch.log(p)).sum(1).mean()


def boxes(images: Tensor, share: float) -> Tensor:
    """Return a box at random in each image: (B, H, W)."""
    height, width = images.shape[2:]
    rows, columns = int(height * share), int(width * share)
    top = (torch.rand(len(images), 1) * (height - rows + 1)).long()
    left = (torch.rand(len(images), 1) * (width - columns + 1)).long()
    inside = torch.zeros(len(images), height, width, dtype=torch.bool)
    for box, y, x in zip(inside, top.flatten().tolist(), left.flatten().tolist(), strict=True):
        box[y : y + rows, x : x + columns] = True
    return inside.to(images.device)


def of_region(logits: Tensor, truth: Tensor, region: Tensor) -> Tensor:
    """½ (Dice + CE) of the pixels of a region."""
    p, t = torch.sigmoid(logits[:, 0]), truth.to(logits.dtype)
    overlap = (p * t * region).sum((1, 2))
    total = ((p + t) * region).sum((1, 2))
    dice = (1 - (2 * overlap + 1) / (total + 1)).mean()
    each = F.binary_cross_entropy_with_logits(logits[:, 0], t, reduction="none")
    return 0.5 * (dice + (each * region).sum() / region.sum())
