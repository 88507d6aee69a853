"""The two networks of CLCC, and what each makes of the full image."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor

from crosslevel.methods.base import Task
from crosslevel.methods.parts.average import MovingAverage
from crosslevel.methods.parts.clcc_options import CLCCArgs
from crosslevel.methods.parts.levels import Maps, Network, Pair, maps_of
from crosslevel.methods.parts.stages import Stage


class Sides:
    """Student and teacher, whose weights the method itself holds.

    Args:
        args: Who is asked for what.
        task: Whether labelled images are seen apart.
        student: The network that learns, and its p.
        teacher: Their average, if there is one.
    """

    def __init__(
        self, args: CLCCArgs, task: Task, student: Pair, teacher: MovingAverage | None
    ) -> None:
        self._args, self._task, self._student, self._teacher = args, task, student, teacher

    def pair(self, who: Network) -> Pair:
        """Return the student, or the teacher in evaluation mode."""
        if who == "student":
            return self._student
        assert self._teacher is not None, "built where it is asked"
        return cast(Pair, self._teacher.module.eval())

    def full_maps(self, labelled: Tensor, others: Tensor, stage: Stage) -> dict[Network, Maps]:
        """Return Z of those who are asked; the student alone sees labelled images for their masks.

        Args:
            labelled: (L, 3, H, W).
            others: (U, 3, H, W).
            stage: Its weights decide who is asked.
        """
        args, net = self._args, self._student.net
        asked = {args.vectors} if stage.alpha else set()
        asked |= {args.target} if stage.beta else set()
        first, *rest = self._task.batches(labelled, others if "student" in asked else others[:0])
        maps = [maps_of(net.f, first, args.depth)]
        has_gradient = (stage.alpha > 0 and args.vectors == "student") or not args.detach_global
        with torch.set_grad_enabled(has_gradient):  # `rest` are unlabelled images alone
            maps += [maps_of(net.f, images, args.depth) for images in rest]
        whole: dict[Network, Maps] = {"student": Maps.join(maps)}
        if "teacher" in asked:
            images = torch.cat([labelled, others])
            with torch.no_grad():
                whole["teacher"] = maps_of(self.pair("teacher").net.f, images, args.depth)
        return whole

    def judge(self, whole: dict[Network, Maps], num_labelled: int) -> Tensor:
        """Return logits (U, C, H, W) of the unlabelled images: the teacher's, if it was asked."""
        who: Network = "teacher" if "teacher" in whole else "student"
        logits: Tensor = self.pair(who).net.h(whole[who].predicted[num_labelled:].detach())
        return logits

    def after_step(self) -> None:
        """Move the teacher, if there is one."""
        if self._teacher is not None:
            self._teacher.update_parameters(self._student)
