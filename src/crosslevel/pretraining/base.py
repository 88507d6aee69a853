"""What every pretext task is: a backbone that learns from images, and the heads it learns with.

Optimiser, schedule, logging and checkpoints are those of a training (`crosslevel.training`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from torch import Tensor

from crosslevel.config.model import ModelConfig
from crosslevel.methods.learner import Clock, Learner
from crosslevel.models.segmenter import build_backbone
from crosslevel.types import Batch

__all__ = ["Clock", "PretextTask", "Setting"]


@dataclass(frozen=True, slots=True)
class Setting:
    """What a pretext task is built for.

    Attributes:
        size: Side of the images in pixels.
        model: The backbone.
    """

    size: int
    model: ModelConfig


class PretextTask(Learner):
    """A task without masks. What its backbone has learned is handed to a training.

    A subclass has its options in `Args`, builds its heads in `__init__` after
    `super().__init__(args, setting)`, and returns its losses from `training_step`. Its batches
    have no labelled images: `batch.unlabelled` are all of them, as they are in their files, and
    `batch.groups` says which are of one patient or sequence.

    Args:
        args: The options, an instance of the class's own `Args`.
        setting: What to build for.

    Raises:
        InputError: If an option is outside its range, or the size does not suit the backbone.
    """

    learns: ClassVar[Literal["encoder", "backbone"]] = "encoder"
    """What is handed to a training; of an encoder alone the decoder is not trained."""

    def __init__(self, args: Any, setting: Setting) -> None:
        super().__init__(args)
        self.setting = setting
        self.f = build_backbone(setting.model)
        self.check_size()
        if self.learns == "encoder":
            encoder = self.f.encoder_state().keys()
            for name, parameter in self.f.named_parameters():
                parameter.requires_grad_(name in encoder)

    def check_size(self) -> None:
        """See that the images suit the backbone; a task that cuts them overrides it.

        Raises:
            InputError: If they do not; the message names the nearest sizes that do.
        """
        self.f.check_size(self.setting.size)

    @property
    def deepest_channels(self) -> int:
        """Channels of the encoder's deepest map."""
        return self.f.encoder_channels[-1]

    def deepest(self, images: Tensor) -> Tensor:
        """Return the encoder's deepest map: (B, 3, H, W) → (B, F, h, w)."""
        return self.f.encode(images)[-1]

    @staticmethod
    def groups(batch: Batch) -> Tensor:
        """Return the group of each image: (U,)."""
        assert batch.groups is not None, "whoever makes batches knows them"
        return batch.groups[len(batch.images) :]
