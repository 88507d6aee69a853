"""Which case is trained on, validated on, tested on: kept in one JSON file, drawn in `draw`."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from crosslevel.data.reading import case_hash
from crosslevel.errors import DataError
from crosslevel.types import Case

PARTS = ("train_labelled", "train_unlabelled", "val", "test")
MASKED_PARTS = ("train_labelled", "val", "test")
"""Those of images whose masks are opened."""
_MAX_NAMED = 20
_KINDS: dict[str, type] = {
    **dict.fromkeys((*PARTS, "left_out"), list),
    **dict.fromkeys(("seed", "draw"), int),
    **dict.fromkeys(("hashes", "mask_hashes", "folds", "earlier"), dict),
}
_OPTIONAL = ("hashes", "mask_hashes", "left_out", "folds", "earlier")


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
        folds: By id of a training case, the name of the fold that holds it out: of labelled ones,
            and of unlabelled ones that belong to one of them. Empty where validation cases choose
            the checkpoint.
        earlier: By content hash, the part that an image had in the runs that this one started from,
            directly or not: what was learned from there, with its mask or without, is not new to
            it.
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
    folds: dict[str, str] = field(default_factory=dict)
    earlier: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse a case in two places, and folds that are not of the labelled cases.

        Raises:
            DataError: Naming the case.
        """
        listed = Counter(i for ids in (*self.parts().values(), self.left_out) for i in ids)
        twice = [case_id for case_id, count in listed.items() if count > 1]
        if twice:
            raise DataError(
                [f"split: {some_of(twice)} listed more than once. Keep one place each."]
            )
        if self.folds and (odd := self._with_wrong_fold()):
            raise DataError(
                [
                    f"split: {some_of(odd)}: has a fold, but is not among the training cases. Draw "
                    "the split anew."
                ]
            )

    def _with_wrong_fold(self) -> list[str]:
        return sorted(self.folds.keys() - {*self.train_labelled, *self.train_unlabelled})

    def parts(self) -> dict[str, tuple[str, ...]]:
        """Case ids by the name of their part, in the order of `PARTS`."""
        return {name: getattr(self, name) for name in PARTS}

    @property
    def case_ids(self) -> set[str]:
        """Of all cases it was drawn from."""
        return {i for ids in (*self.parts().values(), self.left_out) for i in ids}

    @property
    def fold_names(self) -> tuple[str, ...]:
        """Of the folds, in order."""
        return tuple(sorted(set(self.folds.values()), key=lambda name: (len(name), name)))

    def of_fold(self, name: str) -> Split:
        """Return the split of one fold: what it holds out is validated on, nothing is tested."""
        held_out = {i for i, fold in self.folds.items() if fold == name}
        return dataclasses.replace(
            self,
            train_labelled=tuple(i for i in self.train_labelled if i not in held_out),
            train_unlabelled=tuple(i for i in self.train_unlabelled if i not in held_out),
            val=tuple(i for i in self.train_labelled if i in held_out),
            test=(),
            folds={},
        )

    def without(self, case_ids: Collection[str]) -> Split:
        """Return the split of the other cases."""
        kept: dict[str, Any] = {
            name: tuple(i for i in getattr(self, name) if i not in case_ids)
            for name in (*PARTS, "left_out")
        }
        kept |= {
            name: {i: d for i, d in getattr(self, name).items() if i not in case_ids}
            for name in ("hashes", "mask_hashes", "folds")
        }
        return dataclasses.replace(self, **kept)

    def to_json(self) -> str:
        """Return the split as JSON text."""
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


def resolve_split(
    split: Split, cases: Iterable[Case], hashes: Mapping[str, str] | None = None
) -> dict[str, list[Case]]:
    """Return the cases of each part, once sure that they are those the split was drawn from.

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
        f"{some_of(names)}: {what}, against the split. {remedy}"
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
            expected = {int: "a whole number", list: "a list of case ids", dict: "texts by id"}
            problems.append(f"split: {name} is {value!r:.60}. It must be {expected[kind]}.")
    return problems


def some_of(names: Sequence[str]) -> str:
    """Return the first of many names, and how many more there are."""
    shown = ", ".join(names[:_MAX_NAMED])
    return f"{shown} and {len(names) - _MAX_NAMED} more" if len(names) > _MAX_NAMED else shown
