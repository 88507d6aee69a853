"""What would make a score dishonest: an image, or a patient, on both sides of a split.

Random splits keep such cases together; here is what given folders, columns or split files did.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from crosslevel.data.quality.bad_files import BadFile
from crosslevel.data.quality.findings import Findings
from crosslevel.data.quality.naming import limited
from crosslevel.types import Case

SIDES = ("train", "val", "test")


@dataclass(frozen=True, slots=True)
class Overlap:
    """Between sides: files to set aside, faults no single file is to blame for, and doubts."""

    bad_files: list[BadFile] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def find_overlap(
    cases: Iterable[Case],
    side_of: Mapping[str, str],
    found: Findings,
    alike: Sequence[Sequence[str]],
) -> Overlap:
    """Compare the sides of a split.

    Args:
        cases: The data set.
        side_of: By case id, "train", "val" or "test"; cases on no side are passed over.
        found: Of their images.
        alike: Sets of ids whose images show the same picture.
    """
    sided = [case for case in cases if case.id in side_of]
    by_id = {case.id: case for case in sided}
    sets = [[by_id[case_id] for case_id in ids if case_id in by_id] for ids in alike]
    digests = found.hashes
    same = _grouped((digests[case.id], case) for case in sided if case.id in digests)
    patients = _grouped((case.group, case) for case in sided if case.group)
    return Overlap(
        bad_files=[bad for members in same.values() for bad in _same_image(members, side_of)],
        faults=limited(
            f"group {name} is on both sides: {pair}. Move all of it to one part, or leave the "
            f"group of its images empty."
            for name, members in patients.items()
            if (pair := _across(members, side_of))
        ),
        warnings=limited(
            f"nearly the same image on both sides: {pair}. Look at them; remove one if it is the "
            f"same picture."
            for members in sets
            if len({digests[case.id] for case in members}) > 1
            and (pair := _across(members, side_of))
        ),
    )


def _same_image(members: Sequence[Case], side_of: Mapping[str, str]) -> list[BadFile]:
    """Of equal images, those on another side than the one nearest to the test."""
    kept = max(members, key=lambda case: SIDES.index(side_of[case.id]))
    side = side_of[kept.id]
    return [
        BadFile(
            case.image,
            f"{case.image}: the same image is in {side_of[case.id]} and, as {kept.image}, in "
            f"{side}, so scores would mislead. Remove one of the two.",
            case.id,
        )
        for case in members
        if side_of[case.id] != side
    ]


def _across(members: Sequence[Case], side_of: Mapping[str, str]) -> str:
    """Return the first members of each side, if there are several."""
    first = {side_of[case.id]: case.image for case in reversed(members)}
    named = [f"{first[side]} ({side})" for side in SIDES if side in first]
    return ", ".join(named) if len(named) > 1 else ""


def _grouped(pairs: Iterable[tuple[str | None, Case]]) -> dict[str | None, list[Case]]:
    found = defaultdict(list)
    for name, case in pairs:
        found[name].append(case)
    return found
