"""A person's masks as files: read as they are drawn, and replaced only with a backup."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from crosslevel.annotate.items import Item
from crosslevel.annotate.patches import Mask
from crosslevel.annotate.pictures import image_size
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

    def found(self, item: Item) -> Mask | None:
        """Return the mask of an image as it is now: another program may write or remove it.

        Returns:
            Class indices (H, W); None for an image without a mask.

        Raises:
            DataError: As `read` does.
        """
        case = item.case if item.case.mask else replace(item.case, mask=item.target)
        is_there = any(file.is_file() for file in case.mask_files)
        item.case = case if is_there else replace(case, mask=None)
        if not is_there:
            return None
        return self.read(case, image_size(case.image, self.reading))

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

    def write(self, item: Item, mask: Mask, when: str) -> None:
        """Write the mask of an image, lossless and atomically, after a backup of what it replaces.

        A process that is killed in between leaves the old mask, the new one, or both of them with
        a note, which `finish_replacing` reads.

        Args:
            item: The image; files that are its mask until now, all but `target`, are removed.
            mask: (H, W) class indices.
            when: ISO 8601, in the name of the backup.
        """
        target = item.target
        for file in {*item.case.mask_files, target}:
            self._back_up(file, when)
        gone = [file for file in item.case.mask_files if file != target]
        if gone:
            note = {"new": str(target), "old": [str(file) for file in gone]}
            write_text(self.work.replacing_file, json.dumps(note) + "\n")
        with atomic_file(target) as out:
            self._drawn(mask).save(out, format="PNG", compress_level=1)
        if gone:
            finish_replacing(self.work)
        item.case = replace(item.case, mask=target)

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
