"""Who made which mask, from what, in how many strokes: one row for each mask that was accepted."""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TextIO

from crosslevel.errors import InputError
from crosslevel.runs.records import Annotated
from crosslevel.system.files import is_torn


@dataclass(frozen=True, slots=True)
class Row:
    """One accepted mask.

    Attributes:
        image: Path from the folder that is annotated.
        who: Name of the person.
        started: When the image was first changed, or accepted as it was; ISO 8601 with time zone.
        seconds: Time the person looked at it.
        begun_from: "from_scratch", "suggestion", or "mask" of one that was there.
        model: Which model suggested it, else "".
        pixels_changed: That differ from what it began with.
        strokes: In force when it was accepted.
    """

    image: str
    who: str
    started: str
    seconds: float
    begun_from: str
    model: str
    pixels_changed: int
    strokes: int

    @property
    def cells(self) -> list[str]:
        """The row of the file, in the order of `Annotated.COLUMNS`."""
        seconds = f"{self.seconds:.1f}"
        first = [self.image, self.who, self.started, seconds, self.begun_from, self.model]
        return [*first, str(self.pixels_changed), str(self.strokes)]


def append(file: Path, row: Row) -> None:
    """Add a row; it is on disk when this returns.

    A row that a killed process left unfinished is ended first, so that this one is whole.
    """
    text = io.StringIO(newline="")
    table = csv.writer(text)
    if is_torn(file):
        table.writerow([])
    if not file.is_file() or not file.stat().st_size:
        table.writerow(Annotated.COLUMNS)
    table.writerow(row.cells)
    with file.open("ab") as out:
        out.write(text.getvalue().encode(errors="backslashreplace"))
        out.flush()
        os.fsync(out.fileno())


def check(file: Path) -> None:
    """Refuse a file of this name that is not ours, before anything is added to it.

    Raises:
        InputError: Its first line is another.
    """
    if not file.is_file():
        return
    with _opened(file) as source:
        found = next(csv.reader(source), [])
    if found and tuple(found) != Annotated.COLUMNS:
        raise InputError(
            f"{file} has the columns {', '.join(found)}; expected are "
            f"{', '.join(Annotated.COLUMNS)}. Move it away: rows about masks are added to it."
        )


def read(file: Path) -> list[dict[str, str]]:
    """Return the whole rows, by column.

    Raises:
        InputError: Its columns are others, as `check` says: a spreadsheet may have saved it anew.
    """
    check(file)
    if not file.is_file():
        return []
    with _opened(file) as source:
        return [row for row in csv.DictReader(source) if None not in row.values()]


def is_same_look(found: dict[str, str], row: Row) -> bool:
    """Return whether a row of the file is of the same image and the same time spent."""
    new = dict(zip(Annotated.COLUMNS, row.cells, strict=True))
    return all(found[name] == new[name] for name in (Annotated.IMAGE, Annotated.SECONDS))


def done_today(rows: Sequence[dict[str, str]], now: datetime) -> int:
    """Return how many images have a mask that was begun on the day of `now`, in its time zone."""
    days = {row[Annotated.IMAGE] for row in rows if _day(row[Annotated.STARTED], now) == now.date()}
    return len(days)


def times(rows: Sequence[dict[str, str]]) -> list[float]:
    """Return the seconds of the rows that say them: a spreadsheet may have written "1,0"."""
    found = (_number(row[Annotated.SECONDS]) for row in rows)
    return [seconds for seconds in found if math.isfinite(seconds)]


def _opened(file: Path) -> TextIO:
    return file.open(newline="", encoding="utf-8-sig", errors="replace")


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _day(text: str, now: datetime) -> object:
    try:
        return datetime.fromisoformat(text).astimezone(now.tzinfo).date()
    except ValueError:
        return None
