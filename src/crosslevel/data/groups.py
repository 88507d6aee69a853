"""Which images belong to one person or series: said by a pattern, or guessed as a hint."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from crosslevel.data.formats.readers import stem_of
from crosslevel.errors import InputError
from crosslevel.types import Case

NO_GROUPS = "none"
_SERIES = re.compile(r"(.+)([_\- ])[a-z]*\d+$", re.IGNORECASE)
_FEWEST_SERIES = 3
_NAMED = 3


def grouped(cases: Sequence[Case], pattern: str | None) -> tuple[list[Case], list[str]]:
    """Give cases the groups that a pattern finds in their names, and warn of what has none.

    Args:
        cases: The data set; groups it has already are replaced.
        pattern: A regular expression, matched from the begin of an image's name without extension,
            or else of its id, which has its folder; the first pair of brackets is the group, or
            the whole match. "none" takes all groups away, None leaves them.

    Raises:
        InputError: The pattern is not a regular expression, or fits no name.

    Example:
        >>> from pathlib import Path
        >>> cases, _ = grouped([Case("p1_s2", Path("p1_s2.png"))], "(.+)_")
        >>> cases[0].group
        'p1'
    """
    if pattern is None:
        return list(cases), []
    if pattern == NO_GROUPS:
        return [replace(case, group=None) for case in cases], []
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise InputError(
            f"group_by is {pattern!r}, which is not a pattern ({error}). Example: '(.+)_' for the "
            "name up to its last _."
        ) from None
    found = [replace(case, group=_group(case, compiled)) for case in cases]
    without = [case.image for case in found if case.group is None]
    if cases and len(without) == len(found):
        raise InputError(
            f"group_by is {pattern!r}, which fits no name; the first is "
            f"{stem_of(cases[0].image.name)!r}. Example: '(.+)_' for the name up to its last _."
        )
    if not without:
        return found, []
    names = f"{without[0]}: {len(without)} images have names"
    return found, [f"{names} that --group_by does not fit, and no group. Check the pattern."]


def _group(case: Case, pattern: re.Pattern[str]) -> str | None:
    match = pattern.match(stem_of(case.image.name)) or pattern.match(case.id)
    if match is None:
        return None
    return (match.group(1) if pattern.groups else match.group()) or None


def hint_of_series(cases: Iterable[Case]) -> list[str]:
    """A hint if names like `p01_slice003` look like several images of one person each."""
    matches = [_SERIES.match(stem_of(case.image.name)) for case in cases if not case.group]
    series = Counter((match.group(1), match.group(2)) for match in matches if match)
    separators = {separator for _, separator in series}
    in_several = sum(count for count in series.values() if count > 1)
    if len(separators) != 1 or len(series) < _FEWEST_SERIES or 2 * in_several < len(matches):
        return []
    prefixes = [prefix for prefix, _ in series]
    named = ", ".join(sorted(prefixes)[:_NAMED])
    return [
        f"{sum(series.values())} images share {len(series)} prefixes of their names ({named}, …). "
        f"If these are patients or series, keep each on one side of the split with --group_by "
        f"'(.+){separators.pop()}'; if the images are independent, say so with --group_by none."
    ]
