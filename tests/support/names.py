"""Data sets of empty files: at the first hop only names matter."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from crosslevel.data.cases import index_cases
from crosslevel.errors import DataError
from crosslevel.types import Case


def touch(folder: Path, *names: str) -> Path:
    """Only names matter at this hop, so the files stay empty."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


def problems(folder: Path) -> list[str]:
    with pytest.raises(DataError) as caught:
        index_cases(folder)
    return caught.value.problems


def ids(cases: Iterable[Case]) -> list[str]:
    return [case.id for case in cases]


def masks(cases: Iterable[Case]) -> dict[str, str | None]:
    return {case.id: case.mask_files[0].name if case.mask else None for case in cases}
