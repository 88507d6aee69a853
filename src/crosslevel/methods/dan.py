"""DAN, a deep adversarial network: predictions without a mask must pass for ones with a mask."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import cross_entropy, leaky_relu

from crosslevel.errors import InputError
from crosslevel.logits import to_log_class_probabilities
from crosslevel.losses.ramp import exponential_ramp
from crosslevel.methods.base import Clock, Method, Task
from crosslevel.methods.parts.options import Positive, Weight
from crosslevel.types import Batch

WITH_MASK, WITHOUT_MASK = 1, 0
LEAST_SIZE = 16
"""Pixels that the four convolutions of the critic halve four times."""


class DAN(Method):
    """A critic tells predictions on labelled images from others; the segmenter deceives it.

    Choose it where masks have a shape that a critic can learn, as those of organs have.

    Source: Zhang et al., *Deep adversarial networks for biomedical image segmentation utilizing
    unannotated images*, MICCAI 2017, with the critic of SSL4MIS. Differs from these: both learn in
    one step, from its predictions, the critic's features are averaged over any size, and the
    optimiser is the comparison's.
    """

    @dataclass(frozen=True, kw_only=True)
    class Args:
        """Options of DAN.

        Attributes:
            weight: Of the loss that deceives the critic, at the end of its ramp.
            critic_rate: Learning rate of the critic, as a share of `learning_rate`.
        """

        weight: Weight = 0.1
        critic_rate: Positive = 0.1

    args: Args

    def __init__(self, args: Args, task: Task) -> None:
        super().__init__(args, task)
        self.critic = Critic(num_classes=max(2, task.num_channels))

    def check_size(self) -> None:
        """See that the critic has pixels left, too."""
        super().check_size()
        if self.task.size < LEAST_SIZE:
            raise InputError(
                f"The critic of dan needs images of at least {LEAST_SIZE} px; found "
                f"{self.task.size}. Choose a larger --size."
            )

    def own_rates(self) -> dict[nn.Module, float]:
        """Return the critic's."""
        return {self.critic: self.args.critic_rate}

    def training_step(self, batch: Batch, clock: Clock) -> dict[str, Tensor]:
        """Gives "supervised" and, with unlabelled images, "adversarial" and "critic"."""
        both = self.forward_both(batch.images, batch.unlabelled)
        losses = {"supervised": self.task.supervised_loss(both[0], batch.masks)}
        if len(batch.unlabelled):
            with_mask, without = (to_log_class_probabilities(logits).exp() for logits in both)
            weight = self.args.weight * exponential_ramp(clock.progress)
            losses["adversarial"] = weight * self._deceive(without, batch.unlabelled)
            losses["critic"] = self._tell_apart(
                torch.cat([with_mask, without]).detach(), batch.images, batch.unlabelled
            )
        return losses

    def phase(self, clock: Clock) -> Hashable:
        """Return one and the same: the weight's ramp knows `progress` alone."""
        return ()

    def _deceive(self, predictions: Tensor, images: Tensor) -> Tensor:
        """Cross-entropy of the critic with the wrong answer; it learns nothing from it."""
        fixed = {name: value.detach() for name, value in self.critic.named_parameters()}
        verdicts = functional_call(self.critic.eval(), fixed, (predictions, images))
        self.critic.train()
        wrong = torch.full((len(images),), WITH_MASK, device=images.device)
        return cross_entropy(verdicts, wrong)

    def _tell_apart(self, predictions: Tensor, labelled: Tensor, others: Tensor) -> Tensor:
        """Cross-entropy of the critic with the right answers."""
        images = torch.cat([labelled, others])
        right = torch.full((len(images),), WITHOUT_MASK, device=images.device)
        right[: len(labelled)] = WITH_MASK
        return cross_entropy(self.critic(predictions, images), right)


class Critic(nn.Module):
    """Whether a prediction is of an image with a mask: (B, K, H, W), (B, 3, H, W) → (B, 2)."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.of_prediction, self.of_image = _half(num_classes, 64), _half(3, 64)
        self.deeper = nn.ModuleList([_half(64, 128), _half(128, 256), _half(256, 512)])
        self.dropout = nn.Dropout2d(0.5)
        self.verdict = nn.Linear(512, 2)

    def forward(self, predictions: Tensor, images: Tensor) -> Tensor:
        """Return logits of "without a mask" and "with a mask"."""
        x = self.of_prediction(predictions) + self.of_image(images)
        for layer in self.deeper:
            x = layer(self.dropout(leaky_relu(x, 0.2)))
        logits: Tensor = self.verdict(leaky_relu(x, 0.2).mean(dim=(2, 3)))
        return logits


def _half(in_channels: int, out_channels: int) -> nn.Conv2d:
    return nn.Conv2d(in_channels, out_channels, kernel_size=4, stride=2, padding=1)
