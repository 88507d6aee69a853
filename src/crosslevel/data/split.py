"""Which case is trained on, validated on, tested on: drawn from seeds, kept in one JSON file.

The train/val/test split and the choice of labelled training cases are drawn apart, so any number
of labelled draws share one split.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from crosslevel.data.reading import case_hash
from crosslevel.errors import DataError, InputError
from crosslevel.types import Case

PARTS = ("train_labelled", "train_unlabelled", "val", "test")
_DRAW_STREAM = 1  # SeedSequence pads with zeros: without it, draw 0 would repeat the split's stream
_MAX_NAMED = 20
_KINDS: dict[str, type] = {
    **dict.fromkeys((*PARTS, "left_out"), list),
    **dict.fromkeys(("seed", "draw"), int),
    **dict.fromkeys(("hashes", "mask_hashes"), dict),
}
_OPTIONAL = ("hashes", "mask_hashes", "left_out")


@dataclass(frozen=True)
class Split:
    """Case ids of each part.

    Attributes:
        train_labelled: Training cases whose masks are used.
        train_unlabelled: Training cases whose masks, if they have any, are never opened.
        val: Cases that choose the checkpoint.
        test: Cases that are scored.
        seed: Of the train/val/test split.
        draw: Which choice of labelled cases.
        hashes: By case id, SHA-256 of the image file when the split was drawn.
        mask_hashes: By case id, SHA-256 of each mask that was opened when a training started.
        left_out: Images without a mask that share a group, or a folder, with val or test: they can
            neither be scored nor be trained on without a leak.
    """

    train_labelled: tuple[str, ...]
    train_unlabelled: tuple[str, ...]
    val: tuple[str, ...]
    test: tuple[str, ...]
    seed: int
    draw: int
    hashes: dict[str, str] = field(default_factory=dict)
    mask_hashes: dict[str, str] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a case in two places.

        Raises:
            DataError: Naming the case.
        """
        listed = Counter(i for ids in (*self.parts().values(), self.left_out) for i in ids)
        twice = [case_id for case_id, count in listed.items() if count > 1]
        if twice:
            raise DataError([f"split: {_some(twice)} listed more than once. Keep one place each."])

    def parts(self) -> dict[str, tuple[str, ...]]:
        """Case ids by the name of their part, in the order of `PARTS`."""
        return {name: getattr(self, name) for name in PARTS}

    @property
    def case_ids(self) -> set[str]:
        """Of all cases it was drawn from."""
        return {i for ids in (*self.parts().values(), self.left_out) for i in ids}

    def without(self, case_ids: Collection[str]) -> Split:
        """The split of the other cases."""
        kept: dict[str, Any] = {
            name: tuple(i for i in getattr(self, name) if i not in case_ids)
            for name in (*PARTS, "left_out")
        }
        kept |= {
            name: {i: d for i, d in getattr(self, name).items() if i not in case_ids}
            for name in ("hashes", "mask_hashes")
        }
        return dataclasses.replace(self, **kept)

    def to_json(self) -> str:
        """The split as JSON text."""
        return json.dumps(dataclasses.asdict(self), indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Split:
        """Read what `to_json` wrote; hashes and `left_out` may be missing.

        Raises:
            DataError: Not JSON, a missing or wrong entry, or a case in two places.
        """
        try:
            content = json.loads(text)
        except json.JSONDecodeError as error:
            raise DataError(
                [f"split: not JSON ({error}). Restore the file or draw anew."]
            ) from None
        if not isinstance(content, dict):
            raise DataError([f"split: expected an object with {', '.join(PARTS)}, seed, draw."])
        problems = _content_problems(content)
        if problems:
            raise DataError(problems)
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in content.items()
            if name in _KINDS
        }
        return cls(**values)

    @classmethod
    def load(cls, path: Path) -> Split:
        """Read a split from a file.

        Raises:
            DataError: The file cannot be read, or `from_json` refuses it.
        """
        try:
            return cls.from_json(path.read_text(encoding="utf-8"))
        except DataError as error:
            raise DataError([f"{path}: {line}" for line in error.problems]) from error
        except (OSError, UnicodeDecodeError) as error:
            raise DataError([f"{path}: cannot be read ({error}). Check the path."]) from error


def make_split(
    cases: Sequence[Case],
    *,
    labelled: float | int,
    draw: int,
    seed: int,
    fractions: tuple[float, float, float] = (0.6, 0.2, 0.2),
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
        fractions: Of train, val and test; they sum to 1.
        hashes: By case id, content hash of the image; kept in the split.
        alike: Sets of ids whose images show the same picture.

    Raises:
        InputError: An argument is out of its range.
        DataError: There are too few masked cases, or only some have a fixed part.
    """
    _check_arguments(draw, seed, fractions)
    hashes = hashes or {}
    units = _units(cases, hashes, alike)
    part_of = _divide(cases, units, fractions, seed)
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


def resolve_split(
    split: Split, cases: Iterable[Case], hashes: Mapping[str, str] | None = None
) -> dict[str, list[Case]]:
    """The cases of each part, once it is sure that they are the ones the split was drawn from.

    Args:
        split: Drawn from these cases, or read from a file.
        cases: The data set; cases that are not in the split are passed over.
        hashes: By case id, content hash of each image as it is now; read from the files if left
            out. Images without one are not compared.

    Returns:
        Cases by part, in the order of the split; those of "train_unlabelled" without their masks,
        so that nobody can open one.

    Raises:
        DataError: Cases are missing, have lost their mask, or their image has changed.
    """
    by_id = {case.id: case for case in cases}
    listed = [case_id for ids in split.parts().values() for case_id in ids]
    missing = [case_id for case_id in listed if case_id not in by_id]
    need_masks = (*split.train_labelled, *split.val, *split.test)
    unmasked = [i for i in need_masks if i in by_id and not by_id[i].mask]
    compared = [i for i in listed if i in by_id and i in split.hashes]
    if hashes is None:
        hashes = {i: case_hash(by_id[i]) for i in compared}
    changed = [
        str(by_id[i].image) for i in compared if hashes.get(i, split.hashes[i]) != split.hashes[i]
    ]
    problems = [
        f"{_some(names)}: {what}, against the split. {remedy}"
        for names, what, remedy in (
            (missing, "not in the data", "Restore the files or draw a new split."),
            (unmasked, "without a mask", "Restore the masks or draw a new split."),
            (changed, "not the same image as before", "Restore the files or draw a new split."),
        )
        if names
    ]
    if problems:
        raise DataError(problems)
    parts = {name: [by_id[i] for i in ids] for name, ids in split.parts().items()}
    hidden = [dataclasses.replace(case, mask=None) for case in parts["train_unlabelled"]]
    return parts | {"train_unlabelled": hidden}


def _check_arguments(draw: int, seed: int, fractions: Sequence[float]) -> None:
    for name, value in (("draw", draw), ("seed", seed)):
        if value < 0:
            raise InputError(f"{name} is {value}; use 0 or a larger whole number.")
    if len(fractions) != 3 or min(fractions) <= 0 or not math.isclose(sum(fractions), 1):
        raise InputError(
            f"fractions are {fractions}; use three positive numbers that sum to 1 "
            f"(train, val, test), for instance (0.6, 0.2, 0.2)."
        )


def _units(
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
                f"{_some(free)}: no part, while {len(fixed)} other masked cases are fixed to "
                f"train, val or test. Give every masked case a part, or none."
            ]
        )
    if "val" not in fixed.values():
        to_divide = [case_id for case_id, part in fixed.items() if part == "train"]
        fixed |= _draw_parts(to_divide, units, {"val": val, "train": train}, seed)
    return fixed


def _draw_parts(
    case_ids: Iterable[str], units: Mapping[str, str], weights: Mapping[str, float], seed: int
) -> dict[str, str]:
    """Deal shuffled units out, each to the part that is furthest below its weight."""
    members: dict[str, list[str]] = {}
    for case_id in sorted(case_ids):
        members.setdefault(units[case_id], []).append(case_id)
    together = sorted(members.values())
    if len(together) < len(weights):
        raise DataError(
            [
                f"{len(together)} masked images or groups cannot be divided into "
                f"{', '.join(weights)}. Add masks: at least {len(weights)} are needed, one each "
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


def _is_left_out(
    case: Case, units: Mapping[str, str], held_out: Collection[str], drawn: Collection[str]
) -> bool:
    """Whether an image without a mask can be neither scored nor trained on.

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
    """The first so many of a permutation that depends on nothing but the seeds."""
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


def _content_problems(content: Mapping[str, Any]) -> list[str]:
    problems = [
        f"split: {name} is missing. Add it, or draw the split anew."
        for name in _KINDS
        if name not in content and name not in _OPTIONAL
    ]
    for name, kind in _KINDS.items():
        value = content.get(name, kind())
        entries = [*value, *value.values()] if isinstance(value, dict) else value
        is_wrong = type(value) is not kind or (
            kind is not int and not all(isinstance(entry, str) for entry in entries)
        )
        if is_wrong:
            expected = {int: "a whole number", list: "a list of case ids", dict: "hashes by id"}
            problems.append(f"split: {name} is {value!r:.60}. It must be {expected[kind]}.")
    return problems


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_MAX_NAMED])
    return f"{shown} and {len(names) - _MAX_NAMED} more" if len(names) > _MAX_NAMED else shown
