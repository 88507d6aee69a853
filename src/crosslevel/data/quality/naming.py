"""How reports name many files in one line."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from itertools import islice
from pathlib import Path

MAX_EXAMPLES = 3
"""Files named in a line about many."""
MAX_LINES = 20
"""Of one kind in a report."""


def some(paths: Collection[Path]) -> str:
    """Return the first paths, and whether there are more."""
    named = ", ".join(str(path) for path in islice(paths, MAX_EXAMPLES))
    return f"{named}, …" if len(paths) > MAX_EXAMPLES else named


def limited(lines: Iterable[str]) -> list[str]:
    """Return the first lines, and how many more there are."""
    remaining = iter(lines)
    shown = list(islice(remaining, MAX_LINES))
    more = sum(1 for _ in remaining)
    return [*shown, f"and {more} more like the last."] if more else shown
