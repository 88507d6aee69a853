"""What a training does when it is not told.

The page *Which method?* of the documentation says which of these choices were measured, on
validation images of one data set, and which were not.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from crosslevel.config.train import TrainConfig
from crosslevel.data.datamodule import steps_per_epoch
from crosslevel.system.console import duration

NUM_STEPS = 1250
NUM_CHECKS = 15
WITH_UNLABELLED: tuple[str, dict[str, Any]] = ("fixmatch", {})
WITHOUT: tuple[str, dict[str, Any]] = ("supervised", {"decay": 0.99})


def settle(
    config: TrainConfig, num_labelled: int, num_unlabelled: int, *, epochs: int | None = None
) -> TrainConfig:
    """The configuration with everything that is "auto" decided, but for the precision.

    Args:
        config: As asked for.
        num_labelled: Labelled training images, at least 1.
        num_unlabelled: Unlabelled training images; without any, training is supervised.
        epochs: Where "auto"; if left out, about `NUM_STEPS` steps.

    Example:
        >>> settled = settle(TrainConfig(), num_labelled=10, num_unlabelled=0)
        >>> settled.method, settled.epochs, settled.check_every
        ('supervised', 417, 27)
    """
    if config.method == "auto":
        method, args = WITH_UNLABELLED if num_unlabelled else WITHOUT
        config = replace(config, method=method, args=args)
    if config.epochs == "auto":
        steps = steps_per_epoch(num_labelled, config.batch_labelled)
        config = replace(config, epochs=epochs or -(-NUM_STEPS // steps))
    if config.check_every == "auto":
        config = replace(config, check_every=max(1, config.num_epochs // NUM_CHECKS))
    return config


def describe(config: TrainConfig, asked: TrainConfig, num_steps: int, budget: float | None) -> str:
    """What will be trained, in one line for a person, with the reason where it was not told.

    Args:
        config: Without any "auto".
        asked: The same as asked for.
        num_steps: Of the training.
        budget: Seconds it may take, if that was said.
    """
    model = config.model
    network = f"{model.architecture} on {model.encoder}" if model.name == "smp" else model.name
    is_supervised = config.method == WITHOUT[0]
    masks = "every image has a mask" if is_supervised else "some images have no mask"
    length = "the recipe's length" if budget is None else f"what fits in {duration(budget)}"
    other = "bf16" if config.precision == "fp32" else "fp32"
    parts = [
        (config.method, masks, asked.method),
        (f"{network}, {config.size} px", "", None),
        (f"{num_steps} steps", length, asked.epochs),
        (config.precision, f"faster here than {other}", asked.precision),
    ]
    return ", ".join(f"{x} ({why})" if given == "auto" else x for x, why, given in parts)
