"""How reports name many files in one line."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from itertools import islice
from pathlib import Path

_NUMBER = re.compile(r"\d+")
MAX_EXAMPLES = 3
"""Files named in a line about many."""
MAX_LINES = 20
"""Of one kind in a report."""


def some(paths: Collection[Path]) -> str:
    """Return the first paths, and whether there are more."""
    named = ", ".join(str(path) for path in islice(paths, MAX_EXAMPLES))
    return f"{named}, …" if len(paths) > MAX_EXAMPLES else named


def limited_alike(lines: Iterable[str], most: int) -> list[str]:
    """Return the lines, of those that say the same of different files only the first.

    Example:
        >>> limited_alike([f"{i}.png: the file is empty." for i in range(99)], 5)[-1]
        'and 94 more like it: the file is empty.'
    """
    alike: dict[str, list[str]] = {}
    for line in lines:
        alike.setdefault(_NUMBER.sub("#", line.partition(": ")[2]), []).append(line)
    shown = []
    for same in alike.values():
        shown += same[:most]
        more = len(same) - most
        if more > 0:
            shown.append(f"and {more} more like it: {same[-1].partition(': ')[2]}")
    return shown


def limited(lines: Iterable[str]) -> list[str]:
    """Return the first lines, and how many more there are."""
    remaining = iter(lines)
    shown = list(islice(remaining, MAX_LINES))
    more = sum(1 for _ in remaining)
    return [*shown, f"and {more} more like the last."] if more else shown
