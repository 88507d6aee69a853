"""Files that cannot be used: one line each, and which image is lost with them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from crosslevel.errors import one_line
from crosslevel.types import Case


@dataclass(frozen=True, slots=True)
class BadFile:
    """A file that stops a training unless it is set aside (`--skip_bad`).

    Attributes:
        path: The file.
        problem: One line: the file, what is wrong and what to do.
        case_id: The case that cannot be used because of it, None if it belongs to none.
    """

    path: Path
    problem: str
    case_id: str | None = None


def without_bad(cases: Iterable[Case], bad_files: Iterable[BadFile]) -> list[Case]:
    """Return the cases that no bad file makes unusable."""
    lost = {bad.case_id for bad in bad_files}
    return [case for case in cases if case.id not in lost]


def to_text(bad_files: Sequence[BadFile]) -> str:
    """Return one line for each: the file, a tab, what is wrong."""
    return "".join(f"{one_line(str(bad.path))}\t{one_line(bad.problem)}\n" for bad in bad_files)
