"""Splits are drawn from seeds: what stays together, which part it gets, which masks are used.

The train/val/test split and the choice of labelled training cases are drawn apart, so any number
of labelled draws share one split.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from crosslevel.data.split import Split, some_of
from crosslevel.errors import DataError, InputError
from crosslevel.types import Case

_DRAW_STREAM = 1  # SeedSequence pads with zeros: without it, draw 0 would repeat the split's stream


def make_split(
    cases: Sequence[Case],
    *,
    labelled: float | int,
    draw: int,
    seed: int,
    fractions: tuple[float, float, float] | None = (0.6, 0.2, 0.2),
    hashes: Mapping[str, str] | None = None,
    alike: Sequence[Sequence[str]] = (),
) -> Split:
    """Draw a split: train/val/test from `seed`, the labelled training cases from `seed` and `draw`.

    Parts fixed by the folders are kept. Otherwise masked cases are divided by `fractions`; cases of
    one group, and copies of one image, stay together. Images without a mask are trained on
    unlabelled. A larger `labelled` of the same draw contains the smaller ones.

    Args:
        cases: The data set.
        labelled: Share (0.2) or number (120) of the masked training cases whose masks are used.
        draw: Which choice of labelled cases, from 0.
        seed: Of the train/val/test split, from 0.
        fractions: Of train, val and test; they sum to 1. None to train on all masked cases but
            those that the folders give to test.
        hashes: By case id, content hash of the image; kept in the split.
        alike: Sets of ids whose images show the same picture.

    Raises:
        InputError: An argument is out of its range.
        DataError: There are too few masked cases, or only some have a fixed part.
    """
    _check_arguments(draw, seed, fractions)
    hashes = hashes or {}
    units = units_of(cases, hashes, alike)
    part_of = _divide(cases, units, fractions, seed) if fractions else _undivided(cases)
    held_out = {units[case_id] for case_id, part in part_of.items() if part != "train"}
    drawn = {units[c.id] for c in cases if c.mask and part_of[c.id] not in ("train", c.part)}
    unmasked = [case for case in cases if not case.mask]
    left_out = {case.id for case in unmasked if _is_left_out(case, units, held_out, drawn)}

    train = [case_id for case_id, part in part_of.items() if part == "train"]
    chosen = set(_draw_labelled(train, labelled, seed, draw))
    others = {case.id for case in unmasked} - left_out
    return Split(
        train_labelled=tuple(sorted(chosen)),
        train_unlabelled=tuple(sorted(set(train) - chosen | others)),
        val=tuple(sorted(i for i, part in part_of.items() if part == "val")),
        test=tuple(sorted(i for i, part in part_of.items() if part == "test")),
        seed=seed,
        draw=draw,
        hashes={case.id: hashes[case.id] for case in sorted(cases) if case.id in hashes},
        left_out=tuple(sorted(left_out)),
    )


def _check_arguments(draw: int, seed: int, fractions: Sequence[float] | None) -> None:
    for name, value in (("draw", draw), ("seed", seed)):
        if value < 0:
            raise InputError(f"{name} is {value}; use 0 or a larger whole number.")
    if fractions is None:
        return
    if len(fractions) != 3 or min(fractions) <= 0 or not math.isclose(sum(fractions), 1):
        raise InputError(
            f"fractions are {fractions}; use three positive numbers that sum to 1 "
            f"(train, val, test), for instance (0.6, 0.2, 0.2)."
        )


def with_folds(
    split: Split, number: int, units: Mapping[str, str], dealt: Collection[str] | None = None
) -> Split:
    """Deal the labelled and the validation cases of a split out to folds.

    Images without a mask that belong to one of them get its fold, too.

    Args:
        split: Its validation cases become labelled ones.
        number: Of folds, at least 2.
        units: By case id, a name shared by all that must stay together (see `units_of`).
        dealt: Labelled cases that are held out in turn, the others never; all if left out.

    Raises:
        DataError: There are fewer cases or groups than folds.
    """
    labelled = sorted((*split.train_labelled, *split.val))
    names = {str(place): 1.0 for place in range(1, number + 1)}
    dealt = labelled if dealt is None else dealt
    own = {case_id: units.get(case_id, case_id) for case_id in dealt}
    folds = _draw_parts(dealt, own, names, split.seed)
    fold_of = {own[case_id]: name for case_id, name in folds.items()}
    others = {i: fold_of[units[i]] for i in split.train_unlabelled if units.get(i) in fold_of}
    return replace(split, train_labelled=tuple(labelled), val=(), folds=folds | others)


def units_of(
    cases: Iterable[Case], hashes: Mapping[str, str], alike: Sequence[Sequence[str]]
) -> dict[str, str]:
    """By case id, a name shared by all that must stay together (same group, content or look)."""
    look_of = {case_id: str(number) for number, ids in enumerate(alike) for case_id in ids}
    parent: dict[tuple[str, str], tuple[str, str]] = {}

    def root(node: tuple[str, str]) -> tuple[str, str]:
        parent.setdefault(node, node)
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    ids = []
    for case in cases:
        ids.append(case.id)
        kinds = {"group": case.group, "hash": hashes.get(case.id), "look": look_of.get(case.id)}
        for kind, name in kinds.items():
            if name:
                parent[root((kind, name))] = root(("case", case.id))
    return {case_id: root(("case", case_id))[1] for case_id in ids}


def about_few_masks(cases: Sequence[Case], hashes: Mapping[str, str]) -> list[str]:
    """Return a line where masks are too few for a run, whatever its options.

    Args:
        cases: The data set.
        hashes: By case id, content hash of the image.
    """
    units = units_of(cases, hashes, ())
    number = len({units[case.id] for case in cases if case.mask})
    if not cases or number > 1:
        return []
    what = "the masks are of one image or group" if number else "none of the images has a mask"
    return [f"{what}: `crosslevel train` needs 2 or more; `pretrain` and `predict` need none."]


def _divide(
    cases: Sequence[Case], units: Mapping[str, str], fractions: Sequence[float], seed: int
) -> dict[str, str]:
    """Part of each masked case: as the folders fix it, else drawn."""
    masked = [case for case in cases if case.mask]
    train, val, test = fractions
    fixed = {case.id: case.part for case in masked if case.part}
    free = [case.id for case in masked if not case.part]
    if not fixed:
        return _draw_parts(free, units, {"val": val, "test": test, "train": train}, seed)
    if free:
        raise DataError(
            [
                f"{some_of(free)}: no part, while {len(fixed)} other masked cases are fixed to "
                f"train, val or test. Give every masked case a part, or none."
            ]
        )
    if "val" not in fixed.values():
        to_divide = [case_id for case_id, part in fixed.items() if part == "train"]
        fixed |= _draw_parts(to_divide, units, {"val": val, "train": train}, seed)
    return fixed


def _undivided(cases: Iterable[Case]) -> dict[str, str]:
    """Part of each masked case: test where the folders say so, else train."""
    return {case.id: "test" if case.part == "test" else "train" for case in cases if case.mask}


def _draw_parts(
    case_ids: Iterable[str], units: Mapping[str, str], weights: Mapping[str, float], seed: int
) -> dict[str, str]:
    """Deal shuffled units out, each to the part that is furthest below its weight."""
    members: dict[str, list[str]] = {}
    for case_id in sorted(case_ids):
        members.setdefault(units[case_id], []).append(case_id)
    together = sorted(members.values())
    if len(together) < len(weights):
        what = "masked image or group" if len(together) == 1 else "masked images or groups"
        raise DataError(
            [
                f"{len(together)} {what} cannot be divided into "
                f"{_named(weights)}. Add masks: at least {len(weights)} are needed, one each "
                f"(images of one group, and copies of one image, count once)."
            ]
        )
    sizes = dict.fromkeys(weights, 0)
    part_of: dict[str, str] = {}
    for index in np.random.default_rng(seed).permutation(len(together)):
        part = min(weights, key=lambda name: sizes[name] / weights[name])
        sizes[part] += len(together[index])
        part_of |= dict.fromkeys(together[index], part)
    return part_of


def _named(parts: Collection[str]) -> str:
    return ", ".join(parts) if "train" in parts else f"{len(parts)} folds"


def _is_left_out(
    case: Case, units: Mapping[str, str], held_out: Collection[str], drawn: Collection[str]
) -> bool:
    """Return whether an image without a mask can be neither scored nor trained on.

    Args:
        case: The image.
        units: What must stay together, by case id.
        held_out: Units that are validated or tested on.
        drawn: Those of them that no folder put there.
    """
    if case.part is None:
        return units[case.id] in held_out
    return case.part != "train" or units[case.id] in drawn


def _draw_labelled(train: Sequence[str], labelled: float | int, seed: int, draw: int) -> list[str]:
    """Return the first so many of a permutation that depends on nothing but the seeds."""
    count = _num_labelled(labelled, len(train))
    order = np.random.default_rng((seed, draw, _DRAW_STREAM)).permutation(len(train))
    names = sorted(train)
    return [names[index] for index in order[:count]]


def _num_labelled(labelled: float | int, available: int) -> int:
    if isinstance(labelled, int):
        count = labelled
    elif 0 < labelled <= 1:
        count = math.floor(labelled * available + 0.5)
    else:
        raise InputError(
            f"labelled is {labelled}; use a share above 0 and up to 1, or a whole number of images."
        )
    if not 1 <= count <= available:
        raise InputError(
            f"labelled is {labelled}, which makes {count} labelled training images of {available} "
            f"with a mask. Choose a value that makes 1 to {available}, or add masks."
        )
    return count
