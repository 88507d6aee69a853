"""Work on one image that is not accepted yet: one line for each stroke, on disk before the next.

A draft is `base.npz` (the mask it began with) and `log.jsonl`. A line is a stroke or a move of the
cursor: undo moves it back, redo forward, a stroke after an undo drops what was undone. A process
that is killed, or a disk that is full, leaves at most one torn line, at the end, which is cut off
when the draft is opened or goes on.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from crosslevel.annotate.patches import Mask, Patch, checksum
from crosslevel.errors import InputError
from crosslevel.system.files import atomic_file, is_torn

MOST_BYTES = 400_000_000
"""Of a log, which holds thousands of strokes; more is refused, since it would fill a disk."""


@dataclass(frozen=True, slots=True)
class Stroke:
    """One thing done to a mask.

    Attributes:
        tool: What it was done with.
        patch: The rectangle after it.
    """

    tool: str
    patch: Patch

    def to_json(self) -> dict[str, Any]:
        """Return it as in the log."""
        return {"tool": self.tool, **self.patch.to_json()}


@dataclass
class Draft:
    """The strokes on one image, in order, of which the first `cursor` are in force.

    Attributes:
        folder: Where it lies; made by the first stroke, which sets aside the draft that an image
            of another size had there.
        base: (H, W) class indices it began with.
        begun_from: What the base is: "from_scratch", "suggestion" or "mask".
        model: Name of the model of a suggestion, else "".
        num_classes: Foreground classes.
        strokes: All that can be undone or redone.
        cursor: How many of them are in force.
        seconds: Time a person looked at the image.
        started: When the draft was begun, ISO 8601; "" before the first stroke.
        told: `checksum` of a mask of another program that the person heard of; None of none.
    """

    folder: Path
    base: Mask
    begun_from: str
    model: str
    num_classes: int
    strokes: list[Stroke] = field(default_factory=list)
    cursor: int = 0
    seconds: float = 0.0
    started: str = ""
    told: int | None = None

    @classmethod
    def load(cls, folder: Path, size: tuple[int, int], num_classes: int) -> Draft | None:
        """Return the draft in a folder, None if there is none of this image.

        Args:
            folder: Of the draft.
            size: Height and width of the image as it is now.
            num_classes: Foreground classes.

        Raises:
            InputError: It has classes that are not given, or is damaged.
        """
        file = folder / "base.npz"
        if not file.is_file():
            return None
        with np.load(file) as found:
            base = found["mask"]
            begun_from, model, started = (str(found[n]) for n in ("begun_from", "model", "started"))
        if base.shape != size:
            return None
        draft = cls(folder, base, begun_from, model, num_classes, started=started)
        try:
            for line in _whole_lines(draft.log_file):
                draft._follow(line)
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"The draft of this image has classes that are not given now, or is damaged. Start "
                f"again with --classes as before, or move {folder} away."
            ) from error
        return draft

    @property
    def log_file(self) -> Path:
        """One line for each stroke or move of the cursor."""
        return self.folder / "log.jsonl"

    @property
    def mask(self) -> Mask:
        """(H, W) class indices with the strokes in force."""
        mask = self.base.copy()
        for stroke in self.strokes[: self.cursor]:
            stroke.patch.apply(mask)
        return mask

    @property
    def num_changed(self) -> int:
        """Pixels that differ from the base."""
        return int(np.count_nonzero(self.mask != self.base))

    def knows(self, found: Mask) -> bool:
        """Return whether a person who accepts the draft knows of the mask that is replaced by it.

        Args:
            found: (H, W) class indices of the mask on disk.
        """
        is_base = self.begun_from == "mask" and np.array_equal(found, self.base)
        return is_base or self.told == checksum(found)

    def do(self, at: int, tool: str, patch: Patch, seconds: float, now: str) -> None:
        """Add a stroke; it is on disk when this returns.

        One that is sent again, since the answer to it was lost, counts once.

        Args:
            at: How many strokes the page had in force before it.
            tool: What it was done with.
            patch: The rectangle after it.
            seconds: Time looked at the image so far.
            now: ISO 8601.

        Raises:
            InputError: If the page did not have the strokes that are in force here.
        """
        stroke = Stroke(tool, patch)
        if self._is_repeated(at, stroke, seconds):
            return
        if at != self.cursor:
            raise InputError(f"The page is at stroke {at}, the draft at {self.cursor}. Reload it.")
        self._begin(now)
        self._append({"at": at, "seconds": seconds, **stroke.to_json()})
        self._add(at, stroke, seconds)

    def move(self, cursor: int, seconds: float) -> None:
        """Undo or redo up to a stroke; it is on disk when this returns.

        Raises:
            InputError: If there are fewer strokes.
        """
        if not 0 <= cursor <= len(self.strokes):
            raise InputError(f"The draft has {len(self.strokes)} strokes, not {cursor}. Reload it.")
        if cursor == self.cursor:
            return  # an untouched image, which has no draft, or the move is sent again
        self._append({"cursor": cursor, "seconds": seconds})
        self.cursor, self.seconds = cursor, seconds

    def remove(self) -> None:
        """Forget the draft, once its mask is written or a person has thrown it away."""
        if self.folder.is_dir():
            gone = self.folder.with_name(f".{self.folder.name}.gone")
            shutil.rmtree(gone, ignore_errors=True)
            self.folder.rename(gone)  # whole or not there, never without its base
            shutil.rmtree(gone)

    def _is_repeated(self, at: int, stroke: Stroke, seconds: float) -> bool:
        if (at, seconds) != (self.cursor - 1, self.seconds):
            return False
        return self.strokes[at].to_json() == stroke.to_json()

    def _begin(self, now: str) -> None:
        file = self.folder / "base.npz"
        if file.is_file():
            if self.strokes or _base_of(file).shape == self.base.shape:
                return
            others = (self.folder.with_name(f"{self.folder.name}.{n}") for n in count(1))
            self.folder.rename(next(other for other in others if not other.exists()))
        self.started = now
        known = {"begun_from": self.begun_from, "model": self.model, "started": now}
        with atomic_file(file) as out:
            np.savez_compressed(out, mask=self.base, **known)  # type: ignore[arg-type]

    def _append(self, line: Mapping[str, Any]) -> None:
        if self.log_file.is_file() and self.log_file.stat().st_size > MOST_BYTES:
            raise InputError("The draft of this image is full. Accept it, then go on.")
        _cut_torn_line(self.log_file)
        with self.log_file.open("ab") as log:
            log.write(json.dumps(line, separators=(",", ":")).encode() + b"\n")
            log.flush()
            os.fsync(log.fileno())

    def _follow(self, line: bytes) -> None:
        content = json.loads(line)
        if "cursor" in content:
            self.cursor, self.seconds = content["cursor"], content["seconds"]
        else:
            patch = Patch.from_json(content, _size(self.base), self.num_classes)
            self._add(content["at"], Stroke(content["tool"], patch), content["seconds"])

    def _add(self, at: int, stroke: Stroke, seconds: float) -> None:
        self.strokes[at:] = [stroke]
        self.cursor, self.seconds = at + 1, seconds


def _base_of(file: Path) -> Mask:
    with np.load(file) as found:
        mask: Mask = found["mask"]
        return mask


def _size(mask: Mask) -> tuple[int, int]:
    height, width = mask.shape
    return height, width


def _whole_lines(log: Path) -> list[bytes]:
    _cut_torn_line(log)
    return log.read_bytes().splitlines() if log.is_file() else []


def _cut_torn_line(log: Path) -> None:
    if is_torn(log):
        with log.open("r+b") as file:
            file.truncate(file.read().rfind(b"\n") + 1)
            os.fsync(file.fileno())
