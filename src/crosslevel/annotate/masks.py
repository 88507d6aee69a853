"""A person's masks as files: read as they are drawn, and replaced only with a backup."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from crosslevel.annotate.patches import Mask
from crosslevel.annotate.work_folder import WorkFolder, read_json
from crosslevel.data.reading import inspect_mask
from crosslevel.errors import DataError, InputError
from crosslevel.system.files import atomic_file, write_text
from crosslevel.types import IGNORED, Case, Classes, Reading

Colour = int | tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class MaskFiles:
    """How the masks of a data set are read and written.

    Attributes:
        work: Where backups go.
        classes: The value or colour of each class; empty for a binary mask, drawn in 0 and 255.
        reading: Across which axis the slices of a volume lie.
    """

    work: WorkFolder
    classes: Classes
    reading: Reading

    def read(self, case: Case, size: tuple[int, int]) -> Mask:
        """Return the (H, W) class indices of a case that has a mask.

        Raises:
            DataError: It cannot be read, or is not of the image's size.
        """
        assert case.mask is not None, "only masks that exist are read"
        mask = inspect_mask(case.mask, self.classes, case.frame, self.reading.axis).indices
        if mask.shape != size:
            raise DataError(
                [
                    f"{case.mask}: {mask.shape[1]} × {mask.shape[0]} px, but the image has "
                    f"{size[1]} × {size[0]}. Move the mask away to draw a new one."
                ]
            )
        return mask

    def write(self, target: Path, mask: Mask, replaced: Sequence[Path], when: str) -> None:
        """Write a mask, lossless and atomically, after a backup of what it replaces.

        A process that is killed in between leaves the old mask, the new one, or both of them with
        a note, which `finish_replacing` reads.

        Args:
            target: The PNG file.
            mask: (H, W) class indices.
            replaced: Files that are the mask until now; all but `target` are removed.
            when: ISO 8601, in the name of the backup.
        """
        for file in replaced:
            self._back_up(file, when)
        gone = [file for file in replaced if file != target]
        if gone:
            note = {"new": str(target), "old": [str(file) for file in gone]}
            write_text(self.work.replacing_file, json.dumps(note) + "\n")
        with atomic_file(target) as out:
            self._drawn(mask).save(out, format="PNG", compress_level=1)
        if gone:
            finish_replacing(self.work)

    def _back_up(self, file: Path, when: str) -> None:
        if not file.is_file():
            return
        folder = self.work.backups / self.work.key(file)
        name = f"{when.replace(':', '')}{file.suffix}"
        with file.open("rb") as source, atomic_file(folder / name) as copy:
            shutil.copyfileobj(source, copy)

    def _drawn(self, mask: Mask) -> Image.Image:
        """Return the mask in the values or colours that a reader expects."""
        values: list[Colour] = (
            [0, *self.classes.values.values()] if self.classes.values else [0, 255]
        )
        is_coloured = any(not isinstance(value, int) for value in values)
        table = np.zeros((256, 3), np.uint8)
        for index, value in enumerate(values):
            table[index] = value
        if self.classes.ignore is not None:
            table[IGNORED] = self.classes.ignore
            is_coloured |= not isinstance(self.classes.ignore, int)
        drawn = table[mask]
        return Image.fromarray(drawn if is_coloured else np.ascontiguousarray(drawn[..., 0]))


def finish_replacing(work: WorkFolder) -> None:
    """Remove masks of other kinds whose PNG is written: of this process, or of a killed one.

    Each has a backup by then.
    """
    note = read_json(work.replacing_file)
    if note and Path(note["new"]).is_file():
        for old in note["old"]:
            if Path(old).resolve() != Path(note["new"]).resolve():
                Path(old).unlink(missing_ok=True)
    work.replacing_file.unlink(missing_ok=True)


def check_writable(classes: Classes) -> None:
    """Refuse classes that an 8-bit PNG cannot hold.

    Raises:
        InputError: Naming the class.
    """
    for name, value in classes.values.items():
        largest = value if isinstance(value, int) else max(value)
        if largest > 255:
            raise InputError(
                f"The class {name!r} is drawn as {value}, which an 8-bit PNG cannot hold. Give it "
                "a value of at most 255."
            )
