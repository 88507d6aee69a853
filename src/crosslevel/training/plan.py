"""The plan of a run: what is asked and what is there become what is trained, and why.

Nothing below it knows "auto": it hands down a `SettledConfig`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace
from typing import Any

from crosslevel.config.settled import SettledConfig
from crosslevel.config.train import TrainConfig
from crosslevel.data.datamodule import steps_per_epoch
from crosslevel.data.prepare import Prepared
from crosslevel.data.split import Split
from crosslevel.errors import InputError
from crosslevel.methods.build import with_all_args
from crosslevel.system.console import duration
from crosslevel.system.devices import Place
from crosslevel.training.budget import Pace, epochs_within
from crosslevel.training.ladder import (
    FOLD_CHECKS,
    FOLD_SHARE,
    check_interval,
    method_for,
    num_folds,
    recipe_epochs,
    rung_for,
)
from crosslevel.types import Auto, SettledPrecision, Window


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What is known of the data and the time when a run is planned.

    Attributes:
        num_labelled: Labelled training images, at least 1.
        num_unlabelled: Unlabelled training images.
        num_folds: In how many folds the labelled images are held out in turn.
        window: What is black and white in images deeper than 8 bits, by what they hold.
        budget: Seconds the run may take; None if nothing was said.
        pace: How fast it goes, once that was measured; only a budget needs it.
        rung: Of the ladder of methods, as the time allows.
    """

    num_labelled: int = 1
    num_unlabelled: int = 1
    num_folds: int = 0
    window: Window = ()
    budget: float | None = None
    pace: Pace | None = None
    rung: int = 0

    @classmethod
    def of(cls, split: Split, window: Window, budget: float | None) -> Facts:
        """Count the cases of the training parts."""
        return cls(
            num_labelled=len(split.train_labelled),
            num_unlabelled=len(split.train_unlabelled),
            num_folds=len(split.fold_names),
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
        if config.folds:
            parts = {"folds": f"{config.folds} folds"} | parts
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
        choice = method_for(facts.num_unlabelled, facts.rung)
        values |= {"method": choice.method, "args": choice.args}
        reasons["method"] = choice.reason
    if asked.folds == "auto" or facts.num_folds:  # files set aside may have emptied a fold
        values["folds"] = facts.num_folds
    if facts.num_folds:
        reasons["folds"] = f"{facts.num_labelled} masks, and none is wasted"
    if asked.epochs == "auto":
        values["epochs"], reasons["epochs"] = _length(asked, facts, steps)
    if asked.fold_epochs == "auto":
        values["fold_epochs"] = _fold_epochs(asked, facts, values["epochs"] * steps)
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


def rung_within(asked: TrainConfig, facts: Facts, timed: Plan, place: Place) -> int:
    """Return the rung of the ladder that a budget allows.

    Args:
        asked: As asked for.
        facts: On the lowest rung.
        timed: What they lead to, in the time there is.
        place: Where the run computes.
    """
    if asked.method != "auto" or not facts.num_unlabelled:
        return 0
    recipe = plan(asked, replace(facts, budget=None, pace=None), place)
    return rung_for(timed.num_steps, recipe.num_steps)


def _length(asked: TrainConfig, facts: Facts, steps: int) -> tuple[int, str]:
    """Epochs, and why so many."""
    if facts.budget is None or facts.pace is None:
        return recipe_epochs(steps * _cost(facts)), "the recipe's length"
    check_every = None if asked.check_every == "auto" else asked.check_every
    seconds, pace = facts.budget, facts.pace
    if facts.num_folds:
        seconds, pace = _without_folds(asked, facts, seconds, pace)
    epochs, least = epochs_within(seconds, pace, steps, check_every), steps * pace.step + pace.check
    if epochs == 1 and least > seconds:
        return epochs, f"the least there is, for which {duration(facts.budget)} do not suffice"
    return epochs, f"what fits in {duration(facts.budget)}"


def _without_folds(
    asked: TrainConfig, facts: Facts, seconds: float, pace: Pace
) -> tuple[float, Pace]:
    """Return what folds leave of a budget, and the pace with what they take of each step."""
    left = seconds - facts.num_folds * (FOLD_CHECKS + 1) * pace.check
    if asked.fold_epochs == "auto":
        return left, Pace(pace.step * _cost(facts), 0.0)
    steps = asked.fold_epochs * _fold_steps(asked, facts)
    return left - facts.num_folds * steps * pace.step, Pace(pace.step, 0.0)


def _cost(facts: Facts) -> float:
    """Return the steps of the whole run for each step on all masks."""
    return 1 + facts.num_folds * FOLD_SHARE


def _fold_epochs(asked: TrainConfig, facts: Facts, num_steps: int) -> int:
    return max(1, round(FOLD_SHARE * num_steps / _fold_steps(asked, facts)))


def _fold_steps(asked: TrainConfig, facts: Facts) -> int:
    """Return the steps of an epoch of a fold of middle size."""
    held_out = facts.num_labelled // max(1, facts.num_folds)
    return steps_per_epoch(max(1, facts.num_labelled - held_out), asked.batch_labelled)


def choose_folds(asked: TrainConfig, place: Place, num_masks: int, has_val: bool) -> int:
    """Return in how many folds masks are held out in turn; 0 where they are divided once.

    The recipe does so with few masks, unless some of them only are to be used. Whoever names a
    method asks for it, or gives a split, or a run to start from, without validation images.

    Args:
        asked: As asked for.
        place: Several processes train no folds.
        num_masks: That no one has given to a test part; those of one group count once.
        has_val: A validation part is given.

    Raises:
        InputError: Several processes are to go on from a run, which only folds could choose.
    """
    if asked.start_from and place.world > 1 and not has_val:
        raise InputError(
            "Without validation images here, a run with --from holds its new masks out in folds, "
            f"which one process trains, and these are {place.world}: train in one process."
        )
    if asked.folds != "auto":
        return asked.folds
    is_recipe = asked.method == "auto" and isinstance(asked.labelled, float) and asked.labelled == 1
    if place.world > 1 or has_val or not (asked.split or asked.start_from or is_recipe):
        return 0
    return num_folds(num_masks)


def hint_of_folds(asked: TrainConfig, place: Place, prepared: Prepared) -> list[str]:
    """Return a line for whoever names a method with few masks, of which some are then held back."""
    parts = prepared.parts
    held_back = [*parts["val"], *parts["test"]]
    is_free = asked.folds == "auto" and asked.labelled == 1.0 and not any(c.part for c in held_back)
    if prepared.split.folds or not is_free or asked.split or asked.start_from:
        return []
    number = num_folds(prepared.num_masks)
    if not number or place.world > 1:
        return []
    return [
        f"{len(held_back)} of the {prepared.num_masks} masks are not learned from, as always where "
        f"a method is named: they choose the epoch and are the test. With --folds {number} the run "
        "learns from all, and each mask is scored by a network that did not learn from it."
    ]


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


def refuse_several_processes(folds: int | Auto, budget: float | None, place: Place) -> None:
    """Refuse what one process alone can do.

    Args:
        folds: As asked for; of a run that goes on, those it has.
        budget: Seconds, if a time was given.
        place: Of this process.

    Raises:
        InputError: For a budget, since a trial of one process does not tell the pace of several;
            and for folds.
    """
    if place.world > 1 and folds not in ("auto", 0):
        raise InputError(
            f"Folds are trained by one process, and these are {place.world}: train in one process, "
            "or, with another --out, leave --folds out."
        )
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
