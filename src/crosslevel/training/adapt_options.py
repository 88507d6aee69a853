"""Which steps fit a segmenter to new images: the options of `adapt` and of its command."""

from __future__ import annotations

from dataclasses import dataclass

from crosslevel.errors import InputError


@dataclass(frozen=True, kw_only=True)
class AdaptOptions:
    """Which steps are taken, in this order.

    Attributes:
        batchnorm: Move BatchNorm's statistics to those of the new images.
        threshold: Choose the threshold whose masks overlap most with the network's own
            probabilities on the new images; for a single class.
        self_training: So many steps of learning from what the network is sure of on the new images,
            in changed colours; 0 is none.
    """

    batchnorm: bool = True
    threshold: bool = False
    self_training: int = 0

    def __post_init__(self) -> None:
        """Refuse what would change nothing.

        Raises:
            InputError: Naming the options.
        """
        if self.self_training < 0:
            raise InputError(f"self_training is {self.self_training}; it must not be negative.")
        if not (self.batchnorm or self.threshold or self.self_training):
            raise InputError(
                "No step is left: give --batchnorm true, --threshold or a number of "
                "steps for --self_training."
            )
