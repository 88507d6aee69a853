"""Whether files are still the ones a run was started with, by their content."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from crosslevel.data.formats.readers import frame_hash
from crosslevel.errors import DataError
from crosslevel.system.threads import map_files
from crosslevel.types import Case, MaskSource

_Frame = tuple[MaskSource, int | None]


def image_hashes(cases: Iterable[Case]) -> dict[str, str]:
    """By case id, SHA-256 of the image file.

    Raises:
        DataError: All files that cannot be read.
    """
    return _hashes({case.id: (case.image, case.frame) for case in cases})


def mask_hashes(cases: Iterable[Case]) -> dict[str, str]:
    """By case id, SHA-256 of the mask file; cases without a mask are left out.

    Raises:
        DataError: All files that cannot be read.
    """
    return _hashes({case.id: (case.mask, case.frame) for case in cases if case.mask})


def changed_masks(before: Mapping[str, str], cases: Iterable[Case]) -> list[Path]:
    """Return masks that are not what they were.

    Args:
        before: By case id, SHA-256 of the mask file; cases without one are not compared.
        cases: Whose masks are compared, but for those that cannot be read at all.
    """
    compared = {case.id: case for case in cases if case.mask and case.id in before}
    masks = {case.id: (case.mask, case.frame) for case in compared.values() if case.mask}
    return [compared[case_id].mask_files[0] for case_id in _changed(before, masks)]


def changed_images(before: Mapping[str, str], cases: Iterable[Case]) -> list[Path]:
    """Do as `changed_masks`, with images."""
    compared = {case.id: case for case in cases if case.id in before}
    images = {case.id: (case.image, case.frame) for case in compared.values()}
    return [compared[case_id].image for case_id in _changed(before, images)]


def _changed(before: Mapping[str, str], files: Mapping[str, _Frame]) -> list[str]:
    now = map_files(_hash_or_problems, list(files.values()))
    return [
        case_id
        for case_id, found in zip(files, now, strict=True)
        if isinstance(found, str) and found != before[case_id]
    ]


def _hashes(files: Mapping[str, _Frame]) -> dict[str, str]:
    problems: list[str] = []
    hashes: dict[str, str] = {}
    found = map_files(_hash_or_problems, list(files.values()))
    for case_id, result in zip(files, found, strict=True):
        if isinstance(result, str):
            hashes[case_id] = result
        else:
            problems.extend(result)
    if problems:
        raise DataError(problems)
    return hashes


def _hash_or_problems(frame: _Frame) -> str | Sequence[str]:
    try:
        return frame_hash(*frame)
    except DataError as error:
        return error.problems
