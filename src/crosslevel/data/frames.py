"""Files that hold several images: each page, frame or slice becomes a case of its own.

Only headers are read. Frames of one file, and files of one patient, are one group.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from crosslevel.data.formats.picture import Header
from crosslevel.data.formats.readers import (
    HEADERS,
    NIFTI_SUFFIXES,
    VOLUMES,
    check_packages,
    read_header,
    suffix_of,
)
from crosslevel.data.layouts import Found
from crosslevel.data.quality.bad_files import BadFile
from crosslevel.errors import DataError
from crosslevel.system.threads import map_files
from crosslevel.types import Case, Reading

_HASH_LENGTH = 12


def with_frames(found: Found, reading: Reading) -> Found:
    """Return what was found with a case for each frame that is meant.

    Args:
        found: Cases of whole files.
        reading: Which frames are meant, and across which axis slices lie.

    Raises:
        DataError: A kind of file is read by what is not installed.
    """
    several = [case for case in found.cases if suffix_of(case.image.name) in HEADERS]
    check_packages(case.image for case in several)
    read = map_files(lambda case: _header(case, reading), several)
    headers = {case.id: header for case, header in zip(several, read, strict=True) if header}
    groups = _groups(headers)
    cases: list[Case] = []
    faults: list[BadFile] = []
    for case in found.cases:
        header = headers.get(case.id)
        if header is None:  # a plain image, or one that is named when it is read
            cases.append(case)
            continue
        group = case.group or groups.get(case.id)
        whole = replace(case, group=group, spacing_mm=header.spacing_mm)
        frames = _frames(whole, header, reading)
        fault = _fault_of_mask(whole, header, len(frames), reading)
        faults += [fault] if fault else []
        cases += [replace(whole, frame=frames[0].frame)] if fault else frames
    num_frames = max((header.num_frames for header in headers.values()), default=1)
    warnings = [*found.warnings, *_without_effect(found.cases, num_frames, reading)]
    return replace(found, cases=cases, bad_files=[*found.bad_files, *faults], warnings=warnings)


def _without_effect(cases: Sequence[Case], num_frames: int, reading: Reading) -> list[str]:
    """Return a line for each option that changes nothing here."""
    lines = []
    if reading.page not in (None, 0) and num_frames == 1:
        lines.append("--page has no effect: every file holds one image.")
    if reading.axis != Reading.axis and not any(_is_nifti(case.image) for case in cases):
        lines.append("--axis has no effect: there is no NIfTI.")
    return lines


def _is_nifti(path: Path) -> bool:
    return suffix_of(path.name) in NIFTI_SUFFIXES


def _header(case: Case, reading: Reading) -> Header | None:
    try:
        return read_header(case.image, reading.axis)
    except DataError:
        return None


def frames_meant(
    path: Path, num_frames: int, page: int | Literal["all"] | None
) -> list[int | None]:
    """Return which frames of a file are images: None for a file of one.

    Where one has to be chosen and none is, that is None, too: reading it is refused.

    Args:
        path: The file.
        num_frames: How many it has.
        page: As in `Reading`.
    """
    if isinstance(page, int) and (page or num_frames > 1):
        return [page]
    is_all = page == "all" or (page is None and suffix_of(path.name) in VOLUMES)
    return list(range(num_frames)) if is_all and num_frames > 1 else [None]


def _frames(case: Case, header: Header, reading: Reading) -> list[Case]:
    """Return a case for each frame that is meant."""
    frames = frames_meant(case.image, header.num_frames, reading.page)
    if len(frames) == 1:
        return [replace(case, frame=frames[0])]
    digits = len(str(header.num_frames - 1))
    return [
        replace(case, id=f"{case.id}/{frame:0{digits}}", frame=frame, group=case.group or case.id)
        for frame in frames
    ]


def _fault_of_mask(case: Case, header: Header, num_frames: int, reading: Reading) -> BadFile | None:
    """Match masks of a file whose frames are images: they are as many, in the same place."""
    if case.mask is None or (num_frames == 1 and not header.corners):
        return None
    file = case.mask_files[0]
    try:
        mask = read_header(file, reading.axis)
    except DataError as error:
        return BadFile(file, error.problems[0], case.id)
    if num_frames > 1 and (mask.num_frames != num_frames or case.mask_files != (file,)):
        masks = "1 mask" if mask.num_frames == 1 else f"{mask.num_frames} masks"
        line = (
            f"{file}: holds {masks}, but its image {case.image} is {num_frames} images. Give as "
            "many masks, or choose one image with --page."
        )
    elif mask.num_frames == header.num_frames and header.is_elsewhere(mask):
        line = (
            f"{file}: lies elsewhere in space than its image {case.image}, as their affines say. "
            "Resample the mask to the grid of the image."
        )
    else:
        return None
    return BadFile(file, line, case.id)


def _groups(headers: Mapping[str, Header]) -> dict[str, str]:
    """By case id, a name for the patient of each file, from which nobody is found out.

    It is a hash under a key that only the files themselves give, so that not even short numbers of
    patients can be guessed by trying them all.
    """
    secrets = sorted({f"{header.owner}\n{header.serial}" for header in headers.values()})
    key = hashlib.sha256("\n".join(secrets).encode()).digest()
    return {name: _named(header.owner, key) for name, header in headers.items() if header.owner}


def _named(owner: str, key: bytes) -> str:
    digest = hashlib.blake2b(owner.encode(), key=key, digest_size=_HASH_LENGTH // 2).hexdigest()
    return f"patient-{digest}"
