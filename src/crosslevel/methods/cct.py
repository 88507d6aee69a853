"""CCT, cross-consistency: decoders that see perturbed features agree with the one that does not."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from crosslevel.logits import to_log_class_probabilities
from crosslevel.losses.ramp import exponential_ramp
from crosslevel.methods.base import Clock, Method, Task
from crosslevel.methods.parts.decoders import FurtherDecoder
from crosslevel.methods.parts.feature_views import channel_dropout, feature_dropout, feature_noise
from crosslevel.methods.parts.options import Weight
from crosslevel.types import Batch

PERTURBATIONS: tuple[Callable[[Tensor], Tensor], ...] = (
    feature_noise,
    channel_dropout,
    feature_dropout,
)


class CCT(Method):
    """One encoder, a decoder for the masks, and a further one for each kind of perturbation.

    Choose it where you do not know which changes of an image leave its mask as it is: features are
    perturbed, not images. The further decoders take memory in training alone.

    Source: Ouali et al., *Semi-supervised semantic segmentation with cross-consistency training*,
    CVPR 2020, with the three perturbations of SSL4MIS at every level of the encoder. Differs from
    the paper: its other four perturbations are left out, further decoders see all levels, and the
    weight rises over the whole training. As there, they learn from unlabelled images alone, and the
    first decoder is a fixed target.
    """

    @dataclass(frozen=True, kw_only=True)
    class Args:
        """Options of CCT.

        Attributes:
            weight: Of the consistency loss at the end of its ramp.
        """

        weight: Weight = 0.1

    args: Args

    def __init__(self, args: Args, task: Task) -> None:
        super().__init__(args, task)
        self.decoders = nn.ModuleList(FurtherDecoder(task) for _ in PERTURBATIONS)

    def training_step(self, batch: Batch, clock: Clock) -> dict[str, Tensor]:
        """Gives "supervised" and, with unlabelled images, "consistency"."""
        *clean, last = self.task.batches(batch.images, batch.unlabelled)
        features = self.net.f.encode(last)
        logits = torch.cat([*map(self.net, clean), self.net.h(self.net.f.decode(features))])
        labelled, unlabelled = torch.split(logits, [len(batch.images), len(batch.unlabelled)])
        losses = {"supervised": self.task.supervised_loss(labelled, batch.masks)}
        if len(batch.unlabelled):
            target = to_log_class_probabilities(unlabelled).exp().detach()
            last_features = [level[-len(target) :] for level in features]
            weight = self.args.weight * exponential_ramp(clock.progress)
            losses["consistency"] = weight * self._consistency(last_features, target)
        return losses

    def phase(self, clock: Clock) -> Hashable:
        """Return one and the same: the weight's ramp knows `progress` alone."""
        return ()

    def _consistency(self, features: Sequence[Tensor], target: Tensor) -> Tensor:
        """Return the mean-square difference of further decoders from the target, averaged."""
        differences = []
        for decoder, perturb in zip(self.decoders, PERTURBATIONS, strict=True):
            logits = decoder([perturb(level) for level in features])
            found = to_log_class_probabilities(logits).exp()
            differences.append((found - target).square().mean())
        return torch.stack(differences).mean()
