"""Hop 1: a folder, or a CSV file of paths, becomes a list of cases; everything wrong is named.

Files are listed here, not opened; `check` decodes them.
"""

from __future__ import annotations

import csv
import errno
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from crosslevel.data.annotations.finding import find_annotated
from crosslevel.data.annotations.sources import SUFFIXES, describe_unused, may_be_annotated
from crosslevel.data.formats.readers import stem_of
from crosslevel.data.frames import with_frames
from crosslevel.data.groups import grouped, hint_of_series
from crosslevel.data.layouts import PARTS, UNDERSTOOD, Folder, Found, describe_unknown, recognise
from crosslevel.data.quality.bad_files import BadFile, without_bad
from crosslevel.errors import DataError, InputError
from crosslevel.types import Case, Layout, MaskSource, Reading

Row = Mapping[str, str]
COLUMNS = ("image", "mask", "group", "part")
"""Of a CSV file; others are not used."""
_NAMED = 3  # images of a mask that has several
_BEYOND = "\n"  # key of cells without a column: no column has this name
WHOLE_FILES = Reading()
AS_THEY_ARE = Layout()


def index_cases(folder: Path | str) -> list[Case]:
    """List the cases of a data set, in order of their ids.

    Args:
        folder: A folder in one of the layouts of `crosslevel.data.layouts` or with the annotations
            of a tool, an annotation file of one, or a CSV file with the columns image, mask
            (empty: unlabelled) and, if wanted, group and part (train, val, test); relative paths
            start at the CSV file's folder.

    Returns:
        At least one case; an image without a mask is an unlabelled case.

    Raises:
        DataError: All problems at once, each naming the file and what to do.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> (folder / "a.png").touch()
        >>> [case.id for case in index_cases(folder)]
        ['a']
    """
    return usable_cases(Path(folder), skip_bad=False)


def usable_cases(
    folder: Path,
    *,
    skip_bad: bool,
    reading: Reading = WHOLE_FILES,
    layout: Layout = AS_THEY_ARE,
) -> list[Case]:
    """Do as `index_cases`; with `skip_bad`, only without the cases of files that cannot be used.

    Raises:
        DataError: As `index_cases`; with `skip_bad`, if no single file is to blame.
    """
    found = find_cases(folder, reading, layout)
    problems = found.faults if skip_bad else found.problems
    if problems:
        raise DataError(problems)
    return without_bad(found.cases, found.bad_files)


def find_cases(folder: Path, reading: Reading = WHOLE_FILES, layout: Layout = AS_THEY_ARE) -> Found:
    """Do as `index_cases`, but with the problems beside the cases that could be told.

    Args:
        folder: As of `index_cases`.
        reading: Which frames of a file are meant, where it holds several.
        layout: Which folder holds the masks, and what in a name is its group.

    Raises:
        DataError: If nothing can be listed at all.
        InputError: If `layout` asks for what is not there.
    """
    check_source(folder)
    found = _from_source(folder, layout)
    if layout.masks and not folder.is_dir():
        raise InputError("masks chooses among folders; a file names each mask: leave it out.")
    if layout.masks and not any(case.mask for case in found.cases) and not found.problems:
        raise InputError(
            f"masks is {layout.masks!r}, but no folder of that name in {folder} holds masks of the "
            "images. Give the name of a folder beside the images."
        )
    found = with_frames(found, reading)
    cases, ungrouped = grouped(found.cases, layout.group_by)
    hints = [] if layout.group_by else hint_of_series(cases)
    found = replace(found, cases=cases, warnings=[*found.warnings, *ungrouped, *hints])
    not_utf8 = [
        BadFile(case.image, f"{case.image}: its name is not in UTF-8. Rename it.", case.id)
        for case in found.cases
        if not _is_utf8(case.id)
    ]
    return replace(
        found,
        cases=sorted(found.cases, key=lambda case: case.id),
        bad_files=[*found.bad_files, *not_utf8],
    )


def check_source(folder: Path) -> None:
    """Refuse a path that can hold no data set, without looking into it.

    Raises:
        DataError: It is neither a folder nor a CSV file nor one of annotations.
    """
    if folder.is_dir() or (folder.suffix.lower() in SUFFIXES and folder.is_file()):
        return
    if folder.exists():
        raise DataError([f"{folder}: neither a folder nor a CSV file. {UNDERSTOOD}"])
    raise DataError([f"{folder}: no such folder. Check the path."])


def _is_utf8(name: str) -> bool:
    """Return False for names the system gave as other bytes, which no CSV or JSON file can hold."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _from_source(path: Path, layout: Layout) -> Found:
    if path.is_dir():
        return _from_folder(path, layout)
    annotated = find_annotated(path, layout.without_shapes) if may_be_annotated(path) else None
    return annotated or _from_csv(path)


def _from_folder(path: Path, layout: Layout) -> Found:
    """Masks drawn as images come first; annotations are looked for where some have none."""
    try:
        folder = Folder.scan(path, layout.masks)
        found = recognise(folder)
        if found and any(case.mask for case in found.cases):
            is_partly = any(case.mask is None for case in found.cases)
            beside = describe_unused(path) if is_partly and layout.masks is None else []
            return found.warning(beside)
        if layout.masks is None:
            found = find_annotated(path, layout.without_shapes) or found
        return found or Found(faults=[describe_unknown(folder)])
    except OSError as error:
        is_loop = error.errno == errno.ELOOP
        remedy = "Remove the link that leads back" if is_loop else "Change its permissions"
        line = f"{error.filename}: cannot be listed ({error.strerror}). {remedy}."
        raise DataError([line]) from error


def _from_csv(path: Path) -> Found:
    rows = _read_rows(path)
    found = Found(faults=[] if rows else [f"{path}: holds no rows. Add one line per image."])
    for line, row in rows.items():
        where = f"{path}, line {line}"
        faults = [f"{where}: {fault}" for fault in _row_faults(row)]
        missing = _missing_files(row, path.parent, where)
        found.faults.extend(faults)
        found.bad_files.extend(missing)
        if not faults and not missing:
            found.cases.append(_case(row, path.parent))
    cases = _with_longer_ids(found.cases, path.parent)
    images: dict[str, list[Path]] = defaultdict(list)
    for case in cases:
        images[case.id].append(case.image)
    for case_id, (first, *others) in images.items():
        twin = next((image for image in others if image != first), None)
        what = f"{twin} has the same stem as {first}. Rename or remove one."
        if twin is None:
            what = f"lists image {case_id} {len(others) + 1} times. Keep one line."
        found.faults.extend([f"{path}: {what}"] if others else [])
    warnings = [*_about_columns(path, rows.values()), *_about_repeated(path, cases)]
    return replace(found, cases=cases, warnings=warnings)


def _about_columns(path: Path, rows: Iterable[Row]) -> list[str]:
    """Return a line on columns that say nothing, as a patient's number under another name."""
    unused = [name for name in next(iter(rows), {}) if name not in ("", _BEYOND, *COLUMNS)]
    line = f"{path}: not used: column {', '.join(unused)}. Columns are {', '.join(COLUMNS)}."
    return [line] if unused else []


def _about_repeated(path: Path, cases: Iterable[Case]) -> list[str]:
    """Return a line on masks of which each is named for several images."""
    images: dict[MaskSource, list[str]] = defaultdict(list)
    for case in cases:
        if case.mask:
            images[case.mask].append(case.id)
    repeated = {mask: ids for mask, ids in images.items() if len(ids) > 1}
    if not repeated:
        return []
    mask, ids = next(iter(repeated.items()))
    line = f"{path}: masks named for several images: {len(repeated)}. The first is {mask}, for "
    return [f"{line}{', '.join(ids[:_NAMED])}{', …' * (len(ids) > _NAMED)}. Check the rows."]


def _read_rows(path: Path) -> dict[int, Row]:
    """Return rows by their line in the file; column names in lower case, values stripped."""
    rows: dict[int, Row] = {}
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file)
            header = [name.strip().lower() for name in next(reader, [])]
            _check_header(path, header)
            for values in reader:
                cells = [value.strip() for value in values]
                row = dict(zip(header, cells, strict=False))
                if beyond := [cell for cell in cells[len(header) :] if cell]:
                    row[_BEYOND] = ", ".join(beyond)
                if any(row.values()):
                    rows[reader.line_num] = dict.fromkeys(header, "") | row
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        line = f"{path}: cannot be read as CSV ({error}). Save it as CSV in UTF-8."
        raise DataError([line]) from error
    return rows


def _check_header(path: Path, header: Sequence[str]) -> None:
    missing = [name for name in ("image", "mask") if name not in header]
    if missing:
        line = (
            f"{path}: no column named {' or '.join(missing)} (found: "
            f"{', '.join(header) or 'nothing'}). Start the file with the line image,mask and "
            f"separate values by commas."
        )
        raise DataError([line])


def _row_faults(row: Row) -> list[str]:
    faults = []
    if beyond := row.get(_BEYOND):
        faults.append(
            f"more cells than the header has columns ({beyond}). Name the column in the header, or "
            "put quotes around a cell with a comma."
        )
    if not row["image"]:
        faults.append("names no image. Fill the column image, or remove the line.")
    if row.get("part") and row["part"].lower() not in PARTS:
        faults.append(f"part is {row['part']!r}. Use train, val, test or nothing.")
    return faults


def _missing_files(row: Row, folder: Path, where: str) -> list[BadFile]:
    return [
        BadFile(
            folder / row[column],
            f"{where}: {column} {row[column]} does not exist. Relative paths start at {folder}. "
            f"Correct the path or remove the line.",
        )
        for column in ("image", "mask")
        if row[column] and not os.path.isfile(folder / row[column])
    ]


def _case(row: Row, folder: Path) -> Case:
    image = folder / row["image"]
    return Case(
        id=stem_of(image.name),
        image=image,
        mask=folder / row["mask"] if row["mask"] else None,
        group=row.get("group") or None,
        part=PARTS.get(row.get("part", "").lower()),
    )


def _with_longer_ids(cases: Sequence[Case], folder: Path) -> list[Case]:
    """Name cases by their stem; where stems repeat, by the path from the CSV file's folder."""
    counts = Counter(case.id for case in cases)
    return [
        replace(case, id=_relative_id(case.image, folder)) if counts[case.id] > 1 else case
        for case in cases
    ]


def _relative_id(image: Path, folder: Path) -> str:
    plain = image.with_name(stem_of(image.name))
    try:
        relative = Path(os.path.relpath(plain, folder))
    except ValueError:  # on another drive of Windows
        relative = plain.relative_to(plain.anchor)
    return "/".join(name for name in relative.parts if name != os.pardir)
