"""The split of a run that starts from another one: what that run was tested on stays a test."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from crosslevel.data.split import MASKED_PARTS, Split
from crosslevel.types import Case


def continued(
    cases: Sequence[Case], before: Split, hashes: Mapping[str, str], units: Mapping[str, str]
) -> Split:
    """Put each image where the other run had it; new masks are learned from.

    Images are known by their content, so they may have other names, and may have been away for a
    run in between. New ones, and those that had no mask before, go to the test or the validation
    where the folders say so. A new image that belongs to one that is tested or validated on (see
    `units`) is left out, and so is one of these whose mask is gone.

    Args:
        cases: The data set.
        before: Split of the run that is started from.
        hashes: By case id, content hash of the image.
        units: By case id, a name shared by all that must stay together.
    """
    was = (
        _hashed(before, "train_unlabelled")  # it may have had a mask, and another part, before
        | before.earlier
        | _hashed(before, *MASKED_PARTS)
    )
    kept = {digest: part for digest, part in was.items() if part in MASKED_PARTS}
    given = {case.id: case.part for case in cases if case.part in ("val", "test")}
    part_of = {case.id: kept.get(hashes.get(case.id, ""), given.get(case.id)) for case in cases}
    held_out = {units[i] for i, part in part_of.items() if part in ("val", "test")}
    left_out = {c.id for c in cases if units[c.id] in held_out and not (c.mask and part_of[c.id])}
    masked = {c.id: part_of[c.id] or "train_labelled" for c in cases if c.mask}
    parts = {
        name: tuple(sorted(i for i, part in masked.items() if part == name and i not in left_out))
        for name in MASKED_PARTS
    }
    return Split(
        train_labelled=parts["train_labelled"],
        train_unlabelled=tuple(sorted({c.id for c in cases if not c.mask} - left_out)),
        val=parts["val"],
        test=parts["test"],
        seed=before.seed,
        draw=before.draw,
        hashes={case.id: hashes[case.id] for case in sorted(cases) if case.id in hashes},
        left_out=tuple(sorted(left_out)),
        earlier=was,
    )


def _hashed(split: Split, *parts: str) -> dict[str, str]:
    """By content hash, the part of each image in one of these."""
    return {
        split.hashes[case_id]: part
        for part in parts
        for case_id in getattr(split, part)
        if case_id in split.hashes
    }


def new_masks(split: Split, units: Mapping[str, str]) -> Collection[str]:
    """Return the labelled cases that no run before learned from, nor from one of their unit.

    Args:
        split: As `continued` returns it.
        units: By case id, a name shared by all that must stay together.
    """
    learned = {
        units[i]
        for i in split.train_labelled
        if split.earlier.get(split.hashes.get(i, "")) == "train_labelled"
    }
    return [i for i in split.train_labelled if units[i] not in learned]
