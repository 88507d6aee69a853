"""One configuration is one run: frozen dataclasses whose fields are everything that decides it.

Nothing here imports torch, so `--help` and a wrong option answer at once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from crosslevel.config.images import check_reading
from crosslevel.config.model import ModelConfig
from crosslevel.errors import InputError
from crosslevel.types import (
    FOREGROUND,
    Auto,
    BatchNormBatch,
    Classes,
    Layout,
    Precision,
    Reading,
    Window,
    WithoutShapes,
)


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """Everything that decides the outcome of a run; the defaults are the recipe for anyone's data.

    What is "auto" is chosen when the data is known (see `crosslevel.training.plan`), and
    written down.

    Attributes:
        method: A method's name, the import path of your own ("my_file.py:MyMethod"), or "auto".
        args: Arguments of the method, as its `Args` define them (`--args.temperature 0.1`).
        labelled: Share (0.2) or number (120) of training masks that are used; 1.0 is all of them.
        draw: Which random choice of labelled images.
        split: A `split.json` to use instead of drawing one.
        split_seed: Seed of the 60/20/20 split; the same for every draw.
        folds: In how many parts the masks are held out in turn, to score each by a network that did
            not learn from it; the shipped one learns from all. 0 keeps a validation and a test
            part instead. "auto" is 3 where masks are few.
        fold_epochs: As `epochs`, of the network of each fold.
        start_from: A run whose weights are the start, for new masks of the same
            kind; on the command line `--from`. What it was tested on stays a test. Classes may be
            added.
        skip_bad: Set files aside that cannot be used, and list them in the run folder.
        classes: Mask value or colour of each class, for more than one ({polyp: 1, tool: 2}).
        masks: Name of the folder that holds the masks, where several could.
        without_shapes: What images are that a file of annotations lists without any shape: not
            annotated yet ("unlabelled"), or looked at and "healthy".
        group_by: A pattern whose match in an image's name is its group, which stays on one side of
            the split: "(.+)_" for the name up to its last _; "none" for no groups.
        ignore: Mask value or colour of pixels that enter neither the loss nor a score.
        instances: Every number or colour in a mask is one object, and all of them foreground.
        foreground: Name of what is drawn in masks of one class; the label of annotations with one.
        window: The values that become black and white in images deeper than 8 bits ([0, 4095]);
            of several `channels` those of each. "auto" goes by what the images hold, or by the
            window that all DICOM files name; "file" takes the window of each DICOM file.
        channels: Which channels (from 0) of an image are red, green and blue, or which one is
            grey, where it is neither grey nor RGB.
        page: Of files with several pages, frames or slices: one of them (from 0) or "all". Left
            out, it is all of DICOM and NIfTI.
        axis: Across which axis of a NIfTI volume its slices lie.
        size: Side in pixels to which images are resized.
        epochs: Passes over the labelled images; the method's stages scale in proportion. "auto"
            is a number of steps that suits the recipe, or what fits in --budget.
        batch_labelled: Labelled images in a step.
        batch_unlabelled: Unlabelled images in a step, where a method uses them.
        batchnorm: Whether training normalises labelled and unlabelled images in one batch of
            BatchNorm ("joint"), or each in their own ("apart", as Split-BN of Zając et al., arXiv
            1904.03515), so that the supervised loss learns as if alone. Tiles share a batch;
            running statistics follow both.
        balanced: Draw labelled images by class, so that one that few of them show is seen as often
            as the others; images without foreground are a class of their own.
        warp: Also turn, scale and move training images by any amount, besides the flips and
            quarter turns of the paper.
        supervised_loss: "dice_ce", ½ (Dice + CE) as in the paper, or "dice_ce_sum", not halved.
        learning_rate: The highest learning rate of AdamW.
        encoder_rate: Learning rate of a pretrained encoder, as a share of `learning_rate`.
        weight_decay: Weight decay of AdamW.
        warmup: Share of the training over which the learning rate rises linearly.
        decay: After that "cosine" to 0, or "none".
        rate_per: The learning rate changes with each "step", or stays for an "epoch" what it is at
            the start of the epoch, as in the CLCC authors' code.
        check_every: Epochs between two checks on the validation images.
        patience: Checks in a row without a better Dice after which the training ends, before its
            `epochs`. The learning rate has then not fallen to 0. Left out, it never does.
        calibrate: Binary only: choose the threshold by validation Dice instead of 0.5.
        seed: Of initial weights, order of images, augmentation and dropout.
        precision: "auto" uses bf16 autocast where this machine computes faster with it.
        model: The backbone.
    """

    method: str = "auto"
    args: dict[str, Any] = field(default_factory=dict)
    labelled: int | float = 1.0
    draw: int = 0
    split: Path | None = None
    split_seed: int = 0
    folds: int | Auto = "auto"
    fold_epochs: int | Auto = "auto"
    start_from: Path | None = None
    skip_bad: bool = False
    classes: dict[str, int | tuple[int, int, int]] = field(default_factory=dict)
    masks: str | None = None
    without_shapes: WithoutShapes = "unlabelled"
    group_by: str | None = None
    ignore: int | tuple[int, int, int] | None = None
    instances: bool = False
    foreground: str = FOREGROUND
    window: Window | Auto = "auto"
    channels: tuple[int, ...] = ()
    page: int | Literal["all"] | None = None
    axis: Literal[0, 1, 2] = 2
    size: int = 256
    epochs: int | Auto = "auto"
    batch_labelled: int = 4
    batch_unlabelled: int = 4
    batchnorm: BatchNormBatch = "joint"
    balanced: bool = False
    warp: bool = True
    supervised_loss: Literal["dice_ce", "dice_ce_sum"] = "dice_ce"
    learning_rate: float = 1e-3
    encoder_rate: float = 1.0
    weight_decay: float = 1e-2
    warmup: float = 0.1
    decay: Literal["cosine", "none"] = "cosine"
    rate_per: Literal["step", "epoch"] = "step"
    check_every: int | Auto = "auto"
    patience: int | None = None
    calibrate: bool = True
    seed: int = 0
    precision: Precision = "auto"
    model: ModelConfig = field(
        default_factory=lambda: ModelConfig(name="efficientnet_lite0"),
    )

    def __post_init__(self) -> None:
        """Refuse values no run can use.

        Raises:
            InputError: Naming the first such field and its range.
        """
        at_least_one = ("size", "epochs", "fold_epochs", "batch_labelled", "check_every")
        for name in (*at_least_one, "patience"):
            value = getattr(self, name)
            if value not in ("auto", None) and value < 1:
                raise InputError(f"{name} is {value}; it must be at least 1.")
        for name in ("batch_unlabelled", "seed", "draw", "split_seed"):
            if getattr(self, name) < 0:
                raise InputError(f"{name} is {getattr(self, name)}; it must not be negative.")
        if self.folds != "auto" and (self.folds < 0 or self.folds == 1):
            raise InputError(f"folds is {self.folds}; it must be 2 or more, or 0 for none.")
        if not 0 <= self.warmup <= 1:
            raise InputError(f"warmup is {self.warmup}; it is a share between 0 and 1.")
        check_reading(self.reading)
        self._check_rates()
        self.mask_classes.check()
        if self.start_from and (self.split or repr(self.labelled) != "1.0"):
            raise InputError(
                "start_from takes all new masks, and the other run's test images stay a test: "
                "leave split and labelled out."
            )
        if self.method == "auto" and self.args:
            raise InputError("args belong to a method: name it with --method.")

    def _check_rates(self) -> None:
        if self.rate_per == "epoch" and self.epochs == 1 and self.warmup > 0:
            raise InputError(
                "epochs is 1 and rate_per is 'epoch': the learning rate would be 0 throughout. "
                "Give more epochs, or a warmup of 0."
            )
        rates = self.learning_rate, self.encoder_rate
        if not (all(rate > 0 for rate in rates) and self.weight_decay >= 0):
            raise InputError(
                "learning_rate and encoder_rate must be greater than 0, weight_decay at least 0."
            )

    @property
    def mask_classes(self) -> Classes:
        """How this run reads masks."""
        return Classes(self.classes, self.ignore, self.instances, self.foreground)

    @property
    def layout(self) -> Layout:
        """What is said about the folders and names of the data."""
        return Layout(self.masks, self.group_by, self.without_shapes)

    @property
    def reading(self) -> Reading:
        """How this run reads images."""
        return Reading(self.page, self.channels, self.axis, self.window)
