"""Self-training: a network trained on the masks labels the rest, and its student learns both."""

from __future__ import annotations

from collections.abc import Hashable
from copy import deepcopy
from dataclasses import dataclass

import torch
from torch import Tensor

from crosslevel.losses.pseudo_label import pseudo_label_loss, pseudo_labels
from crosslevel.methods.base import Clock, Method, Task
from crosslevel.methods.parts.options import Count, InnerShare, Share, Weight
from crosslevel.methods.parts.strong_views import draw_strong, strong_view
from crosslevel.types import Batch


class SelfTraining(Method):
    """Supervised at first, then rounds of pseudo-labelling by a frozen copy of the network.

    Choose it where masks alone already give a fair network, as with a pretrained encoder: it labels
    from then on, and what it is wrongly sure of is learned. A step takes as long as one of
    `fixmatch`.

    Source: Lee, *Pseudo-Label*, ICML workshop 2013, in rounds as in Xie et al., *Noisy Student*,
    CVPR 2020. Differs from both: the student goes on from the teacher's weights instead of a new
    start, and labels are made on the weak view of each step instead of once.
    """

    @dataclass(frozen=True, kw_only=True)
    class Args:
        """Options of self-training.

        Attributes:
            warmup_share: Of the training, before there is a teacher.
            rounds: Equal parts of the rest; at the start of each the current network becomes
                the teacher.
            threshold: Pixels at least so confident are learned from.
            weight: Of the loss on pseudo-labels.
        """

        warmup_share: InnerShare = 0.4
        rounds: Count = 2
        threshold: Share = 0.9
        weight: Weight = 1.0

    args: Args

    def __init__(self, args: Args, task: Task) -> None:
        super().__init__(args, task)
        self.teacher = deepcopy(self.net).requires_grad_(False)

    def training_step(self, batch: Batch, clock: Clock) -> dict[str, Tensor]:
        """Gives "supervised" and, once there is a teacher, with unlabelled images "pseudo"."""
        has_pseudo = self._round(clock.step, clock) > 0 and len(batch.unlabelled) > 0
        others = batch.unlabelled[:0]
        if has_pseudo:
            others = strong_view(batch.unlabelled, self.drawn_for(batch))
        labelled, unlabelled = self.forward_both(batch.images, others)
        losses = {"supervised": self.task.supervised_loss(labelled, batch.masks)}
        if has_pseudo:
            labels, confidence = self._label(batch.unlabelled)
            keep = confidence >= self.args.threshold
            losses["pseudo"] = self.args.weight * pseudo_label_loss(unlabelled, labels, keep)
        return losses

    def phase(self, clock: Clock) -> Hashable:
        """Return whether there is a teacher, and whether there is a new one after this step."""
        return self._round(clock.step, clock) > 0, self._is_last_of_round(clock)

    def draw(self, unlabelled: torch.Size) -> Tensor:
        """Return (U, 12): the strong view of each unlabelled image."""
        return draw_strong(unlabelled[0])

    @torch.no_grad()
    def _label(self, images: Tensor) -> tuple[Tensor, Tensor]:
        return pseudo_labels(self.teacher.eval()(images))

    def after_step(self, clock: Clock) -> None:
        """Before the first step of a round, make the network its teacher."""
        if self._is_last_of_round(clock):
            self.teacher.load_state_dict(self.net.state_dict())

    def _is_last_of_round(self, clock: Clock) -> bool:
        return self._round(clock.step + 1, clock) > self._round(clock.step, clock)

    def _round(self, step: int, clock: Clock) -> int:
        """Return the round of a step, from 1; 0 before the first teacher."""
        start = max(1, round(self.args.warmup_share * clock.num_steps))
        if step < start:
            return 0
        rest = max(1, clock.num_steps - start)
        return min(self.args.rounds, 1 + (step - start) * self.args.rounds // rest)
