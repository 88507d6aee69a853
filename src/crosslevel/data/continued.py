"""The split of a run that starts from another one: what that run was tested on stays a test."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from crosslevel.data.split import Split
from crosslevel.types import Case


def continued(
    cases: Sequence[Case], before: Split, hashes: Mapping[str, str], units: Mapping[str, str]
) -> Split:
    """Put each image where the other run had it; new masks are learned from.

    Images are known by their content, so they may have other names. A new image that belongs to
    one that is tested or validated on (see `units`) is left out.

    Args:
        cases: The data set.
        before: Split of the run that is started from.
        hashes: By case id, content hash of the image.
        units: By case id, a name shared by all that must stay together.
    """
    was = {
        before.hashes[case_id]: part
        for part in ("train_labelled", "val", "test")
        for case_id in getattr(before, part)
        if case_id in before.hashes
    }
    part_of = {c.id: was.get(hashes.get(c.id, "")) for c in cases if c.mask}
    held_out = {units[i] for i, part in part_of.items() if part in ("val", "test")}
    left_out = {c.id for c in cases if not part_of.get(c.id) and units[c.id] in held_out}
    labelled = {i for i, part in part_of.items() if part in (None, "train_labelled")} - left_out
    return Split(
        train_labelled=tuple(sorted(labelled)),
        train_unlabelled=tuple(sorted({c.id for c in cases if not c.mask} - left_out)),
        val=tuple(sorted(i for i, part in part_of.items() if part == "val")),
        test=tuple(sorted(i for i, part in part_of.items() if part == "test")),
        seed=before.seed,
        draw=before.draw,
        hashes={case.id: hashes[case.id] for case in sorted(cases) if case.id in hashes},
        left_out=tuple(sorted(left_out)),
    )


def new_masks(split: Split, before: Split, hashes: Mapping[str, str]) -> Collection[str]:
    """Return the labelled cases of a split that another run did not learn from."""
    learned = {before.hashes[i] for i in before.train_labelled if i in before.hashes}
    return [i for i in split.train_labelled if hashes.get(i) not in learned]
