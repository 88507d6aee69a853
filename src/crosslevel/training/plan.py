"""The plan of a run: what is asked and what is there become what is trained, and why.

Nothing below it knows "auto": it hands down a `SettledConfig`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from crosslevel.config.settled import SettledConfig
from crosslevel.config.train import TrainConfig
from crosslevel.data.datamodule import steps_per_epoch
from crosslevel.errors import InputError
from crosslevel.methods.build import with_all_args
from crosslevel.system.console import duration
from crosslevel.system.devices import Place
from crosslevel.training.budget import Pace, epochs_within
from crosslevel.training.ladder import check_interval, method_for, recipe_epochs
from crosslevel.types import Case, SettledPrecision, Window


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What is known of the data and the time when a run is planned.

    Attributes:
        num_labelled: Labelled training images, at least 1.
        num_unlabelled: Unlabelled training images.
        window: What is black and white in images deeper than 8 bits, by what they hold.
        budget: Seconds the run may take; None if nothing was said.
        pace: How fast it goes, once that was measured; only a budget needs it.
    """

    num_labelled: int = 1
    num_unlabelled: int = 1
    window: Window = ()
    budget: float | None = None
    pace: Pace | None = None

    @classmethod
    def of(cls, parts: Mapping[str, Sequence[Case]], window: Window, budget: float | None) -> Facts:
        """Count the cases of the training parts."""
        return cls(
            num_labelled=len(parts["train_labelled"]),
            num_unlabelled=len(parts["train_unlabelled"]),
            window=window,
            budget=budget,
        )


@dataclass(frozen=True)
class Plan:
    """What is trained, and why.

    Attributes:
        config: Everything that decides the run.
        num_steps: Of the whole run.
        reasons: Why a field that was "auto" has its value, by the field's name.
    """

    config: SettledConfig
    num_steps: int
    reasons: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        """Return one line for a person, with the reason for what was not told."""
        config = self.config
        parts = {
            "method": config.method,
            "model": f"{config.model.label}, {config.size} px",
            "epochs": f"{self.num_steps} steps",
            "precision": config.precision,
        }
        return ", ".join(
            f"{text} ({self.reasons[name]})" if name in self.reasons else text
            for name, text in parts.items()
        )


def plan(asked: TrainConfig, facts: Facts, place: Place) -> Plan:
    """Decide everything that is "auto", and spell out every argument of the method.

    Args:
        asked: As asked for.
        facts: With a budget but no pace yet, the length is the recipe's.
        place: Where the run computes; it tells the faster precision.

    Raises:
        InputError: If the method's name or an argument is wrong.

    Example:
        >>> import torch
        >>> asked = TrainConfig(precision="fp32")
        >>> made = plan(asked, Facts(num_labelled=10, num_unlabelled=0), Place(torch.device("cpu")))
        >>> made.config.method, made.config.epochs, made.config.check_every
        ('supervised', 417, 27)
        >>> made.reasons["method"]
        'every image has a mask'
    """
    values: dict[str, Any] = {f.name: getattr(asked, f.name) for f in fields(asked)}
    steps = steps_per_epoch(facts.num_labelled, asked.batch_labelled)
    reasons: dict[str, str] = {}
    if asked.method == "auto":
        choice = method_for(facts.num_unlabelled)
        values |= {"method": choice.method, "args": choice.args}
        reasons["method"] = choice.reason
    if asked.epochs == "auto":
        values["epochs"], reasons["epochs"] = _length(asked, facts, steps)
    if asked.window == "auto":
        values["window"] = facts.window
    if asked.check_every == "auto":
        values["check_every"] = check_interval(values["epochs"])
    if asked.precision == "auto":
        values["precision"] = place.faster_precision
        other = "bf16" if place.faster_precision == "fp32" else "fp32"
        reasons["precision"] = f"faster here than {other}"
    config = with_all_args(SettledConfig(**values))
    return Plan(config, config.epochs * steps, reasons)


def _length(asked: TrainConfig, facts: Facts, steps: int) -> tuple[int, str]:
    """Epochs, and why so many."""
    if facts.budget is None or facts.pace is None:
        return recipe_epochs(steps), "the recipe's length"
    check_every = None if asked.check_every == "auto" else asked.check_every
    epochs = epochs_within(facts.budget, facts.pace, steps, check_every)
    return epochs, f"what fits in {duration(facts.budget)}"


def refuse_contradiction(asked: TrainConfig, budget: float | None) -> None:
    """Refuse a budget beside a number of epochs.

    Raises:
        InputError: Saying which of the two to leave out.
    """
    if budget is not None and asked.epochs != "auto":
        raise InputError(
            "A budget decides the number of epochs: leave --epochs out, or, with a preset, give "
            "--epochs auto."
        )


def refuse_several_processes(budget: float | None, place: Place) -> None:
    """Refuse what one process alone can do.

    Raises:
        InputError: For a budget, since a trial of one process does not tell the pace of several.
    """
    if budget is not None and place.world > 1:
        raise InputError(
            f"A budget is measured by one process, and these are {place.world}: leave --budget out "
            "and give --epochs, or train in one process."
        )


def common_precision(
    asked: TrainConfig, begun: Iterable[SettledConfig], place: Place
) -> SettledPrecision:
    """Return one number format for runs to be compared.

    Args:
        asked: What they share.
        begun: Those of them that have begun; where none is asked for, theirs is taken.
        place: Where they compute.
    """
    if asked.precision != "auto":
        return asked.precision
    return next((config.precision for config in begun), None) or place.faster_precision
