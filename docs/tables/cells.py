"""What stands in one cell: a mean with its spread, a difference with its interval, a link."""

from __future__ import annotations

import dataclasses
import os
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from crosslevel.runs.compare import Difference, against, pairs
from docs.tables.published import PUBLISHED, Runs


def spread(runs: Runs, score: str = "dice", digits: int = 1) -> str:
    """Return the mean of a score over the runs, ×100, and its standard deviation.

    It is "" if a run was scored by a version that had no such score.
    """
    if any(score not in run.summary.mean for run in runs):
        return ""
    values = [run.summary.mean[score] for run in runs]
    shown = f"{np.mean(values):.{digits}f}"
    return f"{shown} ± {np.std(values, ddof=1):.{digits}f}" if len(values) > 1 else shown


def paired(ours: Runs, theirs: Runs) -> tuple[Runs, Runs]:
    """Return the runs of both rows that have a partner in the other one."""
    found = pairs(ours, theirs)
    return tuple(ours for ours, _ in found), tuple(theirs for _, theirs in found)


def gain(ours: Runs, theirs: Runs | None, digits: int = 1) -> tuple[str, str]:
    """Compare two rows image by image.

    Returns:
        The difference of Dice with its 95 % interval, and what it allows to say; both are empty
        for a row against itself.
    """
    found = None if theirs is None or ours is theirs else _difference(ours, theirs)
    if found is None:
        return "", ""
    low, high = (f"{end:+.{digits}f}" for end in (found.low, found.high))
    return f"{found.mean:+.{digits}f} [{low}, {high}]", found.verdict


def fill(text: str) -> list[str]:
    """Return a paragraph or an item of a list in lines of at most 100 characters."""
    indent = "  " if text.startswith("- ") else ""
    return textwrap.wrap(
        text, 100, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def link(page: Path, text: str, key: str) -> str:
    """Return a link from a page to published runs."""
    return f"[{text}]({os.path.relpath(PUBLISHED / key, page.parent)})"


def markdown(header: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """Return a table; a column whose cells are all numbers is aligned to the right."""
    rows = list(lines)
    numeric = [all(_is_number(cell) for cell in column) for column in zip(*rows, strict=True)]
    shown = [header, ["---:" if right else "---" for right in numeric], *rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in shown)


def _is_number(cell: str) -> bool:
    return cell == "" or cell[0] in "+-0123456789"


def _difference(ours: Runs, theirs: Runs) -> Difference | None:
    """Compare also two rows of one name, which are of different protocols."""
    names = {run.name for run in (*ours, *theirs)}
    if len(names) == 1:
        ours = tuple(dataclasses.replace(run, name=f"{run.name} here") for run in ours)
    return against(ours, theirs)
