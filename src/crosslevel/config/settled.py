"""A configuration in which nothing is left to choose: what a run trains and writes down."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

from crosslevel.config.train import TrainConfig
from crosslevel.errors import InputError
from crosslevel.types import SIXTEEN_BITS, SettledPrecision, Window


@dataclass(frozen=True, kw_only=True)
class SettledConfig(TrainConfig):
    """A `TrainConfig` without "auto": what `config.yaml` of a run folder holds.

    Attributes:
        method: A method's name, or the import path of your own.
        folds: In how many parts the masks are held out in turn; runs from before have none.
        fold_epochs: Passes over the labelled images of a fold; of no effect without folds.
        window: What is black and white in images deeper than 8 bits; runs from before it was
            chosen took all that 16 bits can hold.
        epochs: Passes over the labelled images.
        check_every: Epochs between two checks on the validation images.
        precision: Number format of the forward passes.
    """

    # `field()` takes away the default "auto"
    method: str = field()
    folds: int = 0
    fold_epochs: int = 1
    window: Window = SIXTEEN_BITS
    epochs: int = field()
    check_every: int = field()
    precision: SettledPrecision = field()

    def __post_init__(self) -> None:
        """Refuse what is still to be chosen, and values no run can use.

        Raises:
            InputError: Naming the first such field.
        """
        if left := autos(self):
            raise InputError(f"{left[0]} is 'auto'; a run that has begun has a value there.")
        super().__post_init__()


def autos(config: TrainConfig) -> list[str]:
    """Return the names of the fields that are "auto".

    Example:
        >>> autos(TrainConfig(method="clcc", epochs=3))
        ['folds', 'fold_epochs', 'window', 'check_every', 'precision']
    """
    return [f.name for f in fields(config) if getattr(config, f.name) == "auto"]


def as_started(asked: TrainConfig, started: SettledConfig) -> SettledConfig:
    """Return what is asked for, with what is "auto" in it as in the run that was started.

    So is a number of folds of which files that were set aside left fewer.
    """
    of_the_run = {*autos(asked)} | ({"args"} if asked.method == "auto" else set())
    if asked.skip_bad and asked.folds != "auto" and 0 < started.folds < asked.folds:
        of_the_run.add("folds")
    values = {
        f.name: getattr(started if f.name in of_the_run else asked, f.name) for f in fields(asked)
    }
    return SettledConfig(**values)
