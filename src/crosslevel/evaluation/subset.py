"""The cases an evaluation scores, and how they are related to those of the training.

Only files of the cases to be scored are opened: a training image is told by the hash that the
split has of it, so it may be gone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from crosslevel.data.cases import find_cases
from crosslevel.data.quality.bad_files import BadFile, without_bad
from crosslevel.data.quality.fingerprints import changed_masks
from crosslevel.data.reading import case_hash
from crosslevel.data.split import PARTS, Split, resolve_split
from crosslevel.errors import DataError, InputError
from crosslevel.runs.records import OUT_OF_FOLD
from crosslevel.system.threads import map_files
from crosslevel.types import Case, Layout, Reading, Subset


@dataclass(frozen=True, slots=True)
class Chosen:
    """Cases to be scored.

    Attributes:
        cases: With a mask each, at least one.
        trained_on: Ids of those whose image was trained on, by content: by the run, or by one that
            it started from, directly or not.
        validated_on: Ids of those whose image chose the best epoch of one of these, by content.
        changed_masks: Masks that are not those of the training's start.
        set_aside: Files of the data that cannot be used; no case of a subset needs them.
    """

    cases: list[Case]
    trained_on: list[str]
    validated_on: list[str]
    changed_masks: list[Path]
    set_aside: list[BadFile]


def choose(
    data: Path,
    split: Split,
    subset: Subset,
    *,
    skip_bad: bool,
    reading: Reading,
    layout: Layout,
) -> Chosen:
    """Find the cases of a subset and compare their images with those of the training.

    Args:
        data: The images to be scored.
        split: Of the run.
        subset: A part of the split, or all cases of the data that have a mask; "out-of-fold" are
            the labelled cases that folds held out.
        skip_bad: Whether "all" does without files that cannot be used.
        reading: How images are read.
        layout: Which folder holds the masks.

    Raises:
        DataError: If the data cannot be listed, or a case of the subset is missing or changed.
        InputError: If nothing is left to be scored.
    """
    found = find_cases(data, reading, layout)
    problems = found.faults if skip_bad or subset != "all" else found.problems
    if problems:
        raise DataError(problems)
    cases = without_bad(found.cases, found.bad_files)
    if subset == "all":
        cases = [case for case in cases if case.mask]
        digests = _digests(cases)
    else:
        name = "train_labelled" if subset == OUT_OF_FOLD else subset
        part = _of_folds(split) if subset == OUT_OF_FOLD else _only(split, name)
        cases = [case for case in cases if case.id in part.case_ids]
        digests = _digests(cases)
        cases = _resolve(part, name, cases, digests, data, found.bad_files)
    if not cases:
        raise InputError(_nothing(data, subset, split))
    trained_on = _among(digests, split, "train_labelled", "train_unlabelled")
    return Chosen(
        cases,
        trained_on=[] if subset == OUT_OF_FOLD else trained_on,
        validated_on=_among(digests, split, "val"),
        changed_masks=[] if subset == "all" else changed_masks(split.mask_hashes, cases),
        set_aside=found.bad_files,
    )


def _of_folds(split: Split) -> Split:
    """Return the split with nothing but the labelled cases that folds held out."""
    held_out = tuple(i for i in split.train_labelled if i in split.folds)
    return replace(_only(split, "train_labelled"), train_labelled=held_out)


def _only(split: Split, part: str) -> Split:
    """Return the split with nothing in its other parts."""
    others: dict[str, Any] = {name: () for name in (*PARTS, "left_out") if name != part}
    return replace(split, **others, folds={})


def _resolve(
    part: Split,
    name: str,
    cases: Iterable[Case],
    digests: Mapping[str, str],
    data: Path,
    bad_files: Iterable[BadFile],
) -> list[Case]:
    try:
        return resolve_split(part, cases, digests)[name]
    except DataError as error:
        to_blame = [bad.problem for bad in bad_files]
        hint = f"To score images that are not of this run's split, use --subset all ({data})."
        raise DataError([*error.problems, *to_blame, hint]) from error


def _nothing(data: Path, subset: Subset, split: Split) -> str:
    if subset == "all":
        return f"{data} has no masks: there is nothing to compare predictions with."
    no = "has no folds" if subset == OUT_OF_FOLD else f"has no {subset} images in its split"
    there = {"test": split.test, "val": split.val, OUT_OF_FOLD: split.folds}
    ways = [f"--subset {name}" for name, cases in there.items() if cases]
    ways.append("--subset all with --data and other images that have masks")
    return f"The run {no}: use {', or '.join(ways)}."


def _digests(cases: list[Case]) -> dict[str, str]:
    """By case id, the hash of each image that can be read; others are named when scored."""
    found = zip(cases, map_files(_digest, cases), strict=True)
    return {case.id: digest for case, digest in found if digest}


def _digest(case: Case) -> str | None:
    try:
        return case_hash(case)
    except DataError:
        return None


def _among(digests: Mapping[str, str], split: Split, *parts: str) -> list[str]:
    """Return ids of the cases whose image is or was in one of these parts, by content."""
    names = (name for part in parts for name in getattr(split, part))
    known = {split.hashes[name] for name in names if name in split.hashes}
    known |= {digest for digest, part in split.earlier.items() if part in parts}
    return [case_id for case_id, digest in digests.items() if digest in known]
