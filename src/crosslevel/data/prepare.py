"""What happens to a folder before a training: index, split, check; every problem in one report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from crosslevel.config import TrainConfig
from crosslevel.console import Reporter
from crosslevel.data.cases import find_cases
from crosslevel.data.check import CheckReport, MasksOf, check_cases
from crosslevel.data.reading import content_hash
from crosslevel.data.split import Split, make_split, resolve_split
from crosslevel.errors import DataError, InputError
from crosslevel.types import Case

MASKED_PARTS = ("train_labelled", "val", "test")


@dataclass(frozen=True, slots=True)
class Prepared:
    """Cases in their parts, ready for a `DataModule`.

    Attributes:
        split: Which case is where, with content hashes.
        parts: "train_labelled", "train_unlabelled", "val" and "test" cases.
    """

    split: Split
    parts: dict[str, list[Case]]


def prepare(
    folder: Path, config: TrainConfig, reporter: Reporter, resumed_split: Path | None = None
) -> Prepared:
    """Index, split and check a folder; of unlabelled cases no mask is opened.

    Args:
        folder: The data.
        config: Labelled share, draw, seeds and classes.
        reporter: Who tells the user.
        resumed_split: The split of the run that goes on; its hashes prove that no image changed,
            so the check is not repeated (masks are not hashed).

    Raises:
        DataError: All problems at once.
        InputError: If there is no labelled image to train on, or none to validate.
    """
    cases = _index(folder, config, reporter)
    if resumed_split:
        prepared = _resolve(Split.load(resumed_split), cases, _hashes(cases))
    else:
        prepared = _split_and_check(cases, config, reporter)
    parts = prepared.parts
    num_labelled = len(parts["train_labelled"])
    reporter.say(
        f"{folder}: {num_labelled} labelled and {len(parts['train_unlabelled'])} unlabelled "
        f"images to train on, {len(parts['val'])} to validate, {len(parts['test'])} to test"
    )
    return prepared


def _index(folder: Path, config: TrainConfig, reporter: Reporter) -> list[Case]:
    found = find_cases(folder)
    if found.problems:
        report = _examine(found.cases, config, reporter)
        raise DataError([*found.problems, *report.problems])
    if not any(case.mask for case in found.cases):
        raise DataError(
            [
                f"{folder}: none of the {len(found.cases)} images has a mask. Put masks for some "
                "of them in a folder masks/ beside images/, under the names of their images."
            ]
        )
    return found.cases


def _split_and_check(cases: Sequence[Case], config: TrainConfig, reporter: Reporter) -> Prepared:
    """Each image is read once: its hash decides the split, and the split which masks to open."""
    given = Split.load(config.split) if config.split else None
    if given:
        reporter.say(
            f"{config.split} decides the split: labelled, draw and split_seed have no effect"
        )
        known = {case_id for ids in (*given.parts().values(), given.left_out) for case_id in ids}
        cases = [case for case in cases if case.id in known]
    decided: list[Prepared] = []

    def masks_to_open(hashes: Mapping[str, str]) -> list[str]:
        split = given or make_split(
            cases,
            labelled=config.labelled,
            draw=config.draw,
            seed=config.split_seed,
            hashes=hashes,
        )
        decided.append(_resolve(split, cases, hashes))
        parts = decided[0].parts
        return [case.id for name in MASKED_PARTS for case in parts[name]]

    report = _examine(cases, config, reporter, masks_to_open)
    if report.problems:
        raise DataError(report.problems)
    return decided[0]


def _resolve(split: Split, cases: Sequence[Case], hashes: Mapping[str, str]) -> Prepared:
    """A split written by hand may have no hashes."""
    split = replace(split, hashes={**hashes, **split.hashes})
    parts = resolve_split(split, cases, hashes)
    if not parts["val"]:
        raise InputError(
            "The split has no validation images, which choose the best epoch: give some masked "
            "images the part val, or let the split be drawn."
        )
    if not parts["train_labelled"]:
        raise InputError("No training image is labelled: add masks, or raise --labelled.")
    return Prepared(split, parts)


def _hashes(cases: Sequence[Case]) -> dict[str, str]:
    with ThreadPoolExecutor() as pool:
        found = pool.map(content_hash, [case.image for case in cases])
        return dict(zip([case.id for case in cases], found, strict=True))


def _examine(
    cases: Sequence[Case],
    config: TrainConfig,
    reporter: Reporter,
    open_masks: MasksOf = None,
) -> CheckReport:
    with reporter.task("Checking images", len(cases)) as advance:
        report = check_cases(
            cases,
            config.mask_classes,
            read_masks_of=open_masks,
            progress=advance,
        )
    for warning in report.warnings:
        reporter.say(f"warning: {warning}")
    return report
