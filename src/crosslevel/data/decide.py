"""Which split a run gets: given, drawn, dealt out to folds, or that of the run it starts from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from crosslevel.config.train import TrainConfig
from crosslevel.data.continued import continued, new_masks
from crosslevel.data.draw import make_split, units_of, with_folds
from crosslevel.data.quality.findings import Findings
from crosslevel.data.split import Split
from crosslevel.errors import InputError
from crosslevel.system.console import Reporter
from crosslevel.types import Case

ChooseFolds = Callable[[int, bool], int]
"""Masks that are not a given test part (those of one group count once), and whether a validation
part is given → how many folds they are dealt out to, or 0."""


@dataclass(frozen=True, slots=True)
class Deciding:
    """What decides a split beside the data and the configuration.

    Attributes:
        choose_folds: Decides about folds, once the masks are counted.
        before: Split of the run whose weights are the start.
    """

    choose_folds: ChooseFolds
    before: Split | None

    def split(
        self,
        given: Split | None,
        cases: Sequence[Case],
        config: TrainConfig,
        findings: Findings,
        alike: Sequence[Sequence[str]],
    ) -> Split:
        """Return the split of these cases.

        Args:
            given: By `config.split`.
            cases: The data set.
            config: Labelled share, draw and seed.
            findings: With the hashes of the images.
            alike: Sets of ids whose images show the same picture.

        Raises:
            InputError: There is nothing to score the run on.
            DataError: There are too few masks.
        """
        units = units_of(cases, findings.hashes, alike)
        if self.before:
            return self._continued(self.before, cases, findings.hashes, units)
        folds = self.choose_folds(*_to_deal_out(given, cases, units))
        fractions = None if folds else (0.6, 0.2, 0.2)
        split = given or make_split(
            cases,
            labelled=config.labelled,
            draw=config.draw,
            seed=config.split_seed,
            fractions=fractions,
            hashes=findings.hashes,
            alike=alike,
        )
        return with_folds(split, folds, units) if folds else split

    def _continued(
        self,
        before: Split,
        cases: Sequence[Case],
        hashes: Mapping[str, str],
        units: Mapping[str, str],
    ) -> Split:
        """Return the split of a run that starts from another, whose masks are not held out."""
        split = continued(cases, before, hashes, units)
        new = new_masks(split, units)
        groups = len({units[i] for i in new})
        if folds := self.choose_folds(groups, bool(split.val)):
            return with_folds(split, folds, units, new)
        if not split.val:
            remedy = "give at least 2 new masks of groups it has not learned from"
            if groups > 1:
                remedy = f"say --folds {min(3, groups)}"
            raise InputError(
                f"{len(new)} masks are new to the run that is started from, and it has no "
                f"validation images here: {remedy}, so that they can be held out in turn, or train "
                "without --from."
            )
        return split


def given_split(config: TrainConfig, reporter: Reporter) -> Split | None:
    """Return the split that the configuration names, without its folds, which are dealt anew."""
    if not config.split:
        return None
    reporter.say(f"{config.split} decides the split: labelled, draw and split_seed have no effect")
    return replace(Split.load(config.split), folds={})


def _to_deal_out(
    given: Split | None, cases: Sequence[Case], units: Mapping[str, str]
) -> tuple[int, bool]:
    """Return what `ChooseFolds` is asked with."""
    if given:
        masked = [*given.train_labelled, *given.val]
    else:
        masked = [case.id for case in cases if case.mask and case.part != "test"]
    has_val = bool(given.val) if given else any(case.part == "val" for case in cases)
    return len({units.get(case_id, case_id) for case_id in masked}), has_val
