"""MoCo v2: a view must find its key, made by a slow average, among keys of earlier steps."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn

from crosslevel.losses import queue_contrast_loss
from crosslevel.methods.parts.average import MovingAverage
from crosslevel.methods.parts.heads import head, pooled
from crosslevel.methods.parts.options import Count, Positive, Share
from crosslevel.pretraining.base import Clock, PretextTask, Setting
from crosslevel.pretraining.queue import KeyQueue
from crosslevel.pretraining.views import ViewArgs, two_views
from crosslevel.types import Batch


class MoCo(PretextTask):
    """As many negatives as a long queue holds, with a small batch.

    Choose it for what `simclr` is for, with small batches. Where images are fewer than the queue is
    long, it holds each of them several times: `--args.queue` shortens it.

    Source: He et al., *Momentum contrast for unsupervised visual representation learning*, CVPR
    2020, in the form of Chen et al., *Improved baselines with momentum contrastive learning*, 2020
    (two-layer head, τ = 0.2, blur). Differs from these: AdamW, a shorter queue, no shuffled
    BatchNorm, which needs several GPUs, and keys of the same image or group are not negatives.
    """

    @dataclass(frozen=True, kw_only=True)
    class Args(ViewArgs):
        """Options of MoCo.

        Attributes:
            temperature: τ.
            queue: Keys of earlier steps; the paper's 65536 suit a million images.
            decay: Of the moving average that makes keys.
            dim: Length of the vectors.
        """

        temperature: Positive = 0.2
        queue: Count = 4096
        decay: Share = 0.999
        dim: Count = 128

    args: Args

    def __init__(self, args: Args, setting: Setting) -> None:
        super().__init__(args, setting)
        self.heads = self.build_heads()
        self.average = MovingAverage(self._networks(), args.decay)
        self.queues = nn.ModuleList(KeyQueue(args.queue, args.dim) for _ in self.heads)
        self._latest: tuple[list[Tensor], Tensor] | None = None

    def build_heads(self) -> nn.ModuleList:
        """Return the heads, each of which has a queue of its own."""
        return nn.ModuleList([head(self.deepest_channels, self.args.dim)])

    def training_step(self, batch: Batch, clock: Clock) -> dict[str, Tensor]:
        """Gives "contrast"."""
        first, second = two_views(batch.unlabelled, self.args)
        keys = self.head_of_keys(0)(pooled(self.maps_of_keys(second.images))).flatten(1)
        queries = self.heads[0](pooled(self.deepest(first.images))).flatten(1)
        groups = self.groups(batch)
        self._latest = [keys], groups
        return {"contrast": self.contrast(0, queries, keys, groups)}

    def contrast(self, queue: int, queries: Tensor, keys: Tensor, groups: Tensor) -> Tensor:
        """Return the loss of queries (N, D) with keys (N, D) of groups (N,), against a queue."""
        kept = self.queues[queue]
        assert isinstance(kept, KeyQueue), "built as one"
        negatives = kept.is_negative(groups)
        temperature = self.args.temperature
        return queue_contrast_loss(queries, keys, kept.vectors, negatives, temperature=temperature)

    @torch.no_grad()
    def maps_of_keys(self, images: Tensor) -> Tensor:
        """Return the averaged encoder's deepest map; it normalises by this batch."""
        maps: Tensor = cast(Any, self.average.train().module)[0].encode(images)[-1]
        return maps

    def head_of_keys(self, number: int) -> nn.Module:
        """Return one of the averaged heads."""
        found: nn.Module = cast(Any, self.average.module)[1][number]
        return found

    def phase(self, clock: Clock) -> Hashable:
        """Return one and the same."""
        return ()

    def spoilt_by_a_pass(self) -> Iterable[Tensor]:
        """Return all buffers but the queues', which are long and change after a step alone."""
        kept = {id(buffer) for buffer in self.queues.buffers()}
        return [buffer for buffer in self.buffers() if id(buffer) not in kept]

    def after_step(self, clock: Clock) -> None:
        """Move the average, and put the step's keys into the queues."""
        self.average.update_parameters(self._networks())
        assert self._latest is not None, "after a step"
        keys, groups = self._latest
        for queue, vectors in zip(self.queues, keys, strict=True):
            assert isinstance(queue, KeyQueue), "built as one"
            queue.push(vectors, groups)
        self._latest = None

    def _networks(self) -> nn.ModuleList:
        return nn.ModuleList([self.f, self.heads])
