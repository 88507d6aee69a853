"""One configuration of a pretraining: what an encoder learns from images alone, and how."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from crosslevel.config.model import ModelConfig
from crosslevel.config.settled import SettledConfig
from crosslevel.config.train import TrainConfig
from crosslevel.errors import InputError
from crosslevel.types import Auto, Precision, SettledPrecision, Window


@dataclass(frozen=True, kw_only=True)
class PretrainConfig:
    """Everything that decides the outcome of a pretraining.

    Fields that a `TrainConfig` has, too, mean the same.

    Attributes:
        method: A pretext task's name, or the import path of your own ("my_file.py:MyTask").
        args: Arguments of the task, as its `Args` define them (`--args.temperature 0.1`).
        test_images: Learn from test images, too; a score on them then counts for little.
        split: A `split.json` that says which images are test images.
        split_seed: Of the 60/20/20 split, if it is drawn: that of the later training.
        folds: As of the later training, whose test images are left out: one with folds has none.
            "auto" is its default; 0 is a training that names its method, or has --folds 0.
        skip_bad: Set images aside that cannot be used.
        masks: Name of the folder that holds the masks, where several could; none is opened.
        group_by: A pattern whose match in an image's name is its group: "(.+)_" for the name up to
            its last _; "none" for no groups.
        window: The values that become black and white in images deeper than 8 bits.
        channels: Which channels (from 0) of an image are red, green and blue, or which is grey.
        page: Of files with several pages, frames or slices: one of them (from 0) or "all".
        axis: Across which axis of a NIfTI volume its slices lie.
        size: Side in pixels to which images are resized.
        epochs: Passes over the images.
        batch: Images in a step; each is seen in two views by most tasks.
        learning_rate: The highest learning rate of AdamW.
        weight_decay: Weight decay of AdamW.
        warmup: Share of the pretraining over which the learning rate rises, to fall to 0 after it.
        seed: Of initial weights, order of images and views.
        precision: "auto" uses bf16 autocast where this machine computes faster with it.
        model: The backbone; give the training the same.
    """

    method: str = "simclr"
    args: dict[str, Any] = field(default_factory=dict)
    test_images: bool = False
    split: Path | None = None
    split_seed: int = 0
    folds: int | Auto = "auto"
    skip_bad: bool = False
    masks: str | None = None
    group_by: str | None = None
    window: Window | Auto = "auto"
    channels: tuple[int, ...] = ()
    page: int | Literal["all"] | None = None
    axis: Literal[0, 1, 2] = 2
    size: int = 256
    epochs: int = 100
    batch: int = 32
    learning_rate: float = 1e-3
    weight_decay: float = 1e-2
    warmup: float = 0.1
    seed: int = 0
    precision: Precision = "auto"
    model: ModelConfig = field(default_factory=lambda: ModelConfig(name="efficientnet_lite0"))

    def __post_init__(self) -> None:
        """Refuse values no pretraining can use.

        Raises:
            InputError: Naming the first such field.
        """
        if self.batch < 2:
            raise InputError(f"batch is {self.batch}; it must be at least 2.")
        assert self.for_data, "built, so that what both have is checked"

    @property
    def for_data(self) -> TrainConfig:
        """What is said of the data, of the length and of the optimiser, as a training has it."""
        return TrainConfig(**self._shared)

    def for_loop(self, window: Window, precision: SettledPrecision) -> SettledConfig:
        """Return what the loop of a training is told; the weights are looked at in the end."""
        shared = self._shared | {"window": window, "precision": precision, "folds": 0}
        return SettledConfig(**shared, method=self.method, check_every=self.epochs)

    @property
    def _shared(self) -> dict[str, Any]:
        not_shared = ("method", "args", "test_images", "batch")
        shared = {name: value for name, value in vars(self).items() if name not in not_shared}
        return {**shared, "batch_unlabelled": self.batch}
