"""Options of `rank` and `annotate`, without anything heavy: their `--help` answers at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from crosslevel.config.reading import check_literals
from crosslevel.errors import InputError

RankingName = Literal["random", "uncertainty", "diversity", "both"]
BY_DOUBT: tuple[RankingName, ...] = ("uncertainty", "both")
"""Rankings that ask how unsure a mask is."""
Doubt = Literal["expected_dice", "confidence"]
"""What says how unsure a mask is: the confidence where no expected Dice was measured."""


@dataclass(frozen=True, slots=True)
class RankOptions:
    """Which images are named, and by what.

    Whoever asks a network for an order gets one by what it says, so luck is not the default.

    Attributes:
        num: How many images to name.
        ranking: By luck, by how unsure the mask is (by its expected Dice, or its confidence where
            the model has no calibration), by how far the image is from all that have masks, or by
            both. With few masks, luck taught no less.
        seed: Of the luck.
    """

    num: int = 20
    ranking: RankingName = "both"
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what names no image.

        Raises:
            InputError: Naming the option.
        """
        if self.num < 1:
            raise InputError(f"num is {self.num}; it must be at least 1.")
        check_literals(self)


@dataclass(frozen=True, slots=True)
class AnnotateOptions:
    """How a folder is annotated.

    The order is by luck unless it is said: no other was better (`results/tries/kvasir-order`).

    Attributes:
        who: Your name, for annotations.csv; your login name if left out.
        ranking: Which images come first: by luck, or, once a model has seen them, as in `rank`.
        retrain_every: Train by itself after so many new masks; 0 for never.
        retrain_budget: Time that a training may take, like 5min; with --config left out.
        config: YAML file or preset for training; the recipe for any data if left out.
    """

    who: str = ""
    ranking: RankingName = "random"
    retrain_every: int = 0
    retrain_budget: str = "10min"
    config: str = ""

    def __post_init__(self) -> None:
        """Refuse what cannot be done.

        Raises:
            InputError: Naming the option.
        """
        if self.retrain_every < 0:
            raise InputError(f"retrain_every is {self.retrain_every}; it must not be negative.")
        check_literals(self)
