"""Plain methods that contrast vectors of places, with vectors of earlier steps as negatives.

A pseudo-label of a random network is sure of nothing, so that here every place is sure enough.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from benchmarks.plain.losses import cut, supervised_loss, two_classes
from benchmarks.plain.methods import PlainMethod, projector
from benchmarks.plain.pseudo_labels import THRESHOLD, PlainFixMatch, most_probable, pseudo_loss
from benchmarks.plain.views import Boxes, draw_boxes, other_colours, other_view


class PlainQueue(nn.Module):
    """The newest vectors of background and foreground."""

    vectors: Tensor
    filled: Tensor

    def __init__(self, length: int, dim: int = 128) -> None:
        super().__init__()
        self.register_buffer("vectors", torch.zeros(2, length, dim))
        self.register_buffer("filled", torch.zeros(2, length))

    def push(self, vectors: Tensor, labels: Tensor) -> None:
        """Put vectors (N, D) before those of their class, and forget the oldest."""
        for label in (0, 1):
            new = vectors[labels == label].to(self.vectors.dtype)
            ones = torch.ones(len(new), device=new.device, dtype=self.filled.dtype)
            length = self.vectors.shape[1]
            self.vectors[label] = torch.cat([new, self.vectors[label].clone()])[:length]
            self.filled[label] = torch.cat([ones, self.filled[label].clone()])[:length]


class PlainCAC(PlainMethod):
    """A place looks alike in two crops, and the less sure side follows the surer one."""

    grid = 12

    def build(self) -> None:
        """From each cell of a map to its vector; the queue."""
        self.project = nn.Sequential(nn.Conv2d(16, 16, 1), nn.ReLU(), nn.Conv2d(16, 128, 1))
        self.queue = PlainQueue(256)

    def losses(
        self, images: Tensor, masks: Tensor, unlabelled: Tensor, progress: float
    ) -> dict[str, Tensor]:
        """Supervised, and the contrast in both directions."""
        boxes = [draw_boxes(unlabelled, 0.4) for _ in range(2)]
        crops = [other_colours(box.crop(unlabelled)) for box in boxes]
        maps = self.net.f(torch.cat([images, *crops]))
        labelled, first, second = torch.split(maps, [len(images), *map(len, crops)])
        sides = [self.side(box, x) for box, x in zip(boxes, (first, second), strict=True)]
        contrast = self.follow(*sides) + self.follow(*reversed(sides))
        vectors = torch.cat([places(v.detach()) for _, v, _ in sides])
        labels = torch.cat([places(p) for _, _, p in sides]).argmax(1)
        chosen = torch.randint(len(vectors), (128,), device=vectors.device)
        self.latest = F.normalize(vectors[chosen], dim=1), labels[chosen]
        return {
            "supervised": supervised_loss(self.net.h(labelled), masks),
            "contrast": 0.1 * math.exp(-5 * (1 - progress) ** 2) * contrast / 2,
        }

    def side(self, box: Boxes, maps: Tensor) -> tuple[Boxes, Tensor, Tensor]:
        """Return box, vectors (B, D, g, g) and probabilities (B, 2, g, g) of a crop."""
        vectors = self.project(F.adaptive_avg_pool2d(maps, self.grid))
        with torch.no_grad():
            p = F.adaptive_avg_pool2d(two_classes(self.net.h(maps)), self.grid)
        return box, vectors, p

    def follow(
        self, ours: tuple[Boxes, Tensor, Tensor], theirs: tuple[Boxes, Tensor, Tensor]
    ) -> Tensor:
        """Return the loss of our places, each against the same place of the other crop."""
        where = theirs[0].in_crop(ours[0].in_image(self.grid))
        partners, p = (
            F.grid_sample(x.detach(), where, padding_mode="border", align_corners=False)
            for x in theirs[1:]
        )
        seen = (where.abs() <= 1).all(3).flatten()
        surer, label = places(p).max(1)
        counts = seen & (surer > places(ours[2]).amax(1)) & (surer >= THRESHOLD)
        queries = F.normalize(places(ours[1]), dim=1)
        positive = (queries * F.normalize(places(partners), dim=1)).sum(1, keepdim=True) / 0.1
        others = torch.stack([queries @ kept.T for kept in self.queue.vectors]) / 0.1
        others = others.masked_fill(self.queue.filled[:, None] == 0, float("-inf"))
        negatives = torch.where(label[:, None] == 1, others[0], others[1])
        losses = -F.log_softmax(torch.cat([positive, negatives], dim=1), dim=1)[:, 0]
        return (losses * counts).sum() / counts.sum().clamp(min=1)

    def after_step(self) -> None:
        """Put the step's vectors into the queue."""
        self.queue.push(*self.latest)


class PlainFixMatchCLCC(PlainFixMatch):
    """FixMatch, whose teacher's full image also teaches the tiles of another view."""

    tiles = 5

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        super().__init__(weights)
        self.p = projector(weights)
        self.taught_p = copy.deepcopy(self.p).requires_grad_(False)
        self.queue = PlainQueue(64)
        names = ("vectors", "filled")
        self.queue.load_state_dict({name: weights[f"contrast.queue.{name}"] for name in names})

    def losses(
        self, images: Tensor, masks: Tensor, unlabelled: Tensor, progress: float
    ) -> dict[str, Tensor]:
        """Those of FixMatch, Eq. 1 and Eq. 2."""
        with torch.no_grad():
            whole = self.teacher.eval().f(unlabelled)
            taught, vectors = self.teacher.h(whole), self.taught_p.eval()(whole)
        labels, confidence = most_probable(taught)
        strong, targets, keep = self.strong_targets(unlabelled, labels, confidence)
        logits = self.net(torch.cat([images, strong]))
        pseudo = pseudo_loss(logits[len(images) :], targets, keep)
        features = self.remember_nothing(cut(other_view(unlabelled), self.tiles))
        ramp = min(1.0, progress / 0.2)
        shares = places(F.adaptive_avg_pool2d(two_classes(taught), self.tiles))
        self.latest = places(vectors), shares.argmax(1)
        return {
            "supervised": supervised_loss(logits[: len(images)], masks),
            "pseudo": ramp * pseudo,
            "contrast": 0.1 * ramp * self.contrast(self.p(features), vectors, shares),
            "consistency": ramp * self.agreement(self.net.h(features), taught),
        }

    def remember_nothing(self, tiles: Tensor) -> Tensor:
        """Return features of tiles, without an effect on BatchNorm's running statistics."""
        norms = [m for m in self.net.f.modules() if isinstance(m, nn.BatchNorm2d)]
        for norm in norms:
            norm.momentum = 0.0
        features: Tensor = self.net.f(tiles)
        for norm in norms:
            norm.momentum = 0.1
        return features

    def contrast(self, tiles: Tensor, whole: Tensor, shares: Tensor) -> Tensor:
        """Eq. 1 with the tile (N, D, 1, 1) as the anchor, classes counting alike."""
        queries, keys = F.normalize(places(tiles), dim=1), F.normalize(places(whole), dim=1)
        alike = torch.exp(queries @ keys.T / 0.5)
        counts = 1 - shares @ shares.T
        counts.fill_diagonal_(1.0)  # the tile's own place
        total = (counts * alike).sum(1)
        for label in (0, 1):
            kept = F.normalize(self.queue.vectors[label], dim=1)
            others = torch.exp(queries @ kept.T / 0.5) * self.queue.filled[label]
            total = total + (1 - shares[:, label]) * others.sum(1)
        losses = -torch.log(alike.diagonal() / total)
        labels = shares.argmax(1)
        return torch.stack([losses[labels == label].mean() for label in labels.unique()]).mean()

    def agreement(self, local: Tensor, whole: Tensor) -> Tensor:
        """Eq. 2, pixels weighed by how sure the teacher is."""
        target = cut(torch.sigmoid(whole), self.tiles)
        sure = (2 * target - 1).abs()
        return (sure * (torch.sigmoid(local) - target) ** 2).sum() / sure.sum()

    def after_step(self) -> None:
        """Move the teacher, its p, and the queue."""
        super().after_step()
        with torch.no_grad():
            for kept, new in zip(self.taught_p.parameters(), self.p.parameters(), strict=True):
                kept.mul_(0.99).add_(new, alpha=0.01)
        for average, statistic in zip(self.taught_p.buffers(), self.p.buffers(), strict=True):
            average.copy_(statistic)
        self.queue.push(*self.latest)


def places(maps: Tensor) -> Tensor:
    """Map (B, D, h, w) → (B·h·w, D)."""
    return maps.permute(0, 2, 3, 1).flatten(0, 2)
