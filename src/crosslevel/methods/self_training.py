"""Self-training: a network trained on the masks labels the rest, and its student learns both."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass

import torch
from torch import Tensor

from crosslevel.errors import InputError
from crosslevel.losses.pseudo_label import pseudo_label_loss, pseudo_labels
from crosslevel.methods.base import Clock, Method, Task
from crosslevel.methods.strong_views import strong_view
from crosslevel.types import Batch


class SelfTraining(Method):
    """Rounds of pseudo-labelling by a frozen copy; the first round is supervised.

    Source: Lee, *Pseudo-Label*, ICML workshop 2013, in rounds as in Xie et al., *Noisy Student*,
    CVPR 2020. Differs from both: the student goes on from the teacher's weights instead of a new
    start, and labels are made on the weak view of each step instead of once.
    """

    @dataclass(frozen=True, kw_only=True)
    class Args:
        """Options of self-training.

        Attributes:
            rounds: Equal parts of the training; at the end of each the teacher becomes the
                current network.
            threshold: Pixels at least so confident are learned from.
            weight: Of the loss on pseudo-labels.
        """

        rounds: int = 3
        threshold: float = 0.9
        weight: float = 1.0

    args: Args

    def __init__(self, args: Args, task: Task) -> None:
        super().__init__(args, task)
        if args.rounds < 2:
            raise InputError(f"args.rounds is {args.rounds}; the first has no teacher: 2 or more.")
        self.teacher = deepcopy(self.net).requires_grad_(False)

    def training_step(self, batch: Batch, clock: Clock) -> dict[str, Tensor]:
        """Gives "supervised" and, after the first round and with unlabelled images, "pseudo"."""
        has_pseudo = self._round(clock.step, clock) > 0 and len(batch.unlabelled) > 0
        images = batch.images
        if has_pseudo:
            images = torch.cat([batch.images, strong_view(batch.unlabelled)])
        num_labelled = len(batch.images)
        logits = self.net(images)
        losses = {"supervised": self.task.supervised_loss(logits[:num_labelled], batch.masks)}
        if has_pseudo:
            labels, confidence = self._label(batch.unlabelled)
            keep = confidence >= self.args.threshold
            losses["pseudo"] = self.args.weight * pseudo_label_loss(
                logits[num_labelled:], labels, keep
            )
        return losses

    @torch.no_grad()
    def _label(self, images: Tensor) -> tuple[Tensor, Tensor]:
        return pseudo_labels(self.teacher.eval()(images))

    def after_step(self, clock: Clock) -> None:
        """At the end of a round, make the network the teacher of the next."""
        if self._round(clock.step + 1, clock) > self._round(clock.step, clock):
            self.teacher.load_state_dict(self.net.state_dict())

    def _round(self, step: int, clock: Clock) -> int:
        return step * self.args.rounds // clock.num_steps
