"""What a `predict` has done, written as it goes: what is done is not computed again.

`manifest.csv` lies beside the masks, a line for each image as soon as its mask is on disk. With
`--shard 2/4` it is `manifest-2-of-4.csv`: no two processes write one file.
"""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TypeVar

from crosslevel.errors import InputError
from crosslevel.inference.listing import Said
from crosslevel.inference.options import Outputs
from crosslevel.inference.segmenter import model_folder

FILE = "manifest.csv"
WHOLE = "1/1"
"""The shard of all images."""
COLUMNS = ("image", "mask", "confidence", "expected_dice", "made_by", "bytes", "changed_ns")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Shard:
    """Every `count`-th image, from the `number`-th on (from 1); all of them by default."""

    number: int = 1
    count: int = 1

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Read "2/4".

        Raises:
            InputError: If it is not a part of a whole.
        """
        found = re.fullmatch(r"(\d+)/(\d+)", text)
        if not found or not 1 <= int(found[1]) <= int(found[2]):
            raise InputError(f"shard is {text!r}; write it like 2/4, from 1/4 to 4/4.")
        return cls(int(found[1]), int(found[2]))

    def share(self, items: Sequence[T]) -> Sequence[T]:
        """Return this part of the items."""
        return items[self.number - 1 :: self.count]

    def name(self, file: str) -> str:
        """Return the name of a file or folder of this shard's own.

        Example:
            >>> Shard(2, 4).name("manifest.csv"), Shard().name("manifest.csv")
            ('manifest-2-of-4.csv', 'manifest.csv')
        """
        path = PurePath(file)
        own = "" if self.count == 1 else f"-{self.number}-of-{self.count}"
        return f"{path.stem}{own}{path.suffix}"


class Manifest:
    """The list of what is done in a folder.

    Args:
        folder: Of the masks.
        shard: Which of the processes that share the images.
        made_by: What a mask depends on besides its image: model, options.
    """

    def __init__(self, folder: Path, shard: Shard, made_by: str) -> None:
        self._folder, self._made_by = folder, made_by
        self._file = folder / shard.name(FILE)

    @classmethod
    def of(
        cls,
        folder: Path,
        shard: Shard,
        run: Path | str,
        options: Mapping[str, object],
        outputs: Outputs,
    ) -> Manifest | None:
        """Return the manifest of a call, None if none is asked for and none is there.

        One that is there is kept true by calls that do not resume.

        Raises:
            InputError: If the call contradicts itself, or another file has that name.
        """
        file = folder / shard.name(FILE)
        if not outputs.resume and not _is_manifest(file):
            return None
        if file.is_file() and not _is_manifest(file):
            raise InputError(
                f"{file} is not a list that predict wrote: move it away, or choose another --out."
            )
        if outputs.resume and (outputs.overwrite or outputs.format):
            raise InputError(
                "--resume leaves out what is done, so it does not go with --overwrite or --format: "
                "leave it or them out."
            )
        files = sorted(path for path in model_folder(run).iterdir() if path.is_file())
        kinds = (
            *(outputs.overlay, outputs.probabilities),
            *(outputs.class_probabilities, outputs.dicom_seg),
        )
        return cls(folder, shard, fingerprint(*files, sorted(options.items()), kinds))

    def done(self, masks: dict[Path, Path]) -> dict[Path, Said]:
        """Return the images whose masks need not be computed again, with what is said of them.

        An image that changed since does, and one whose mask is gone. A mask that a person changed
        since is that person's, and done.

        Args:
            masks: Each image, with its mask.
        """
        listed = {row["image"]: row for row in self._rows()}  # the last row of an image counts
        done = {}
        for image, mask in masks.items():
            row = listed.get(str(image.absolute()), {})
            if self._is_as_listed(image, row) and mask.is_file():
                expected = row["expected_dice"]
                done[image] = Said(float(expected) if expected else None, float(row["confidence"]))
        return done

    def add(self, image: Path, mask: Path, said: Said) -> None:
        """List an image whose mask is on disk."""
        is_new = not self._file.is_file()
        place = mask.relative_to(self._folder).as_posix()
        self._folder.mkdir(parents=True, exist_ok=True)
        with self._file.open("a", newline="", encoding="utf-8", errors="backslashreplace") as file:
            table = csv.writer(file)
            if is_new:
                table.writerow(COLUMNS)
            expected = "" if said.expected is None else f"{said.expected:.6f}"
            numbers = (f"{said.confidence:.6f}", expected)
            table.writerow([image.absolute(), place, *numbers, self._made_by, *_state(image)])

    def _is_as_listed(self, image: Path, row: Mapping[str, str]) -> bool:
        if row.get("made_by") != self._made_by:
            return False
        return [row["bytes"], row["changed_ns"]] == _state(image)

    def _rows(self) -> Iterator[dict[str, str]]:
        """Yield the whole rows; half a row of a killed process says nothing."""
        if not self._file.is_file():
            return
        with self._file.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                if None not in row.values() and None not in row:
                    yield row


def _is_manifest(file: Path) -> bool:
    if not file.is_file():
        return False
    with file.open("rb") as lines:
        return lines.readline().rstrip() == ",".join(COLUMNS).encode()


def fingerprint(*parts: object) -> str:
    """Return a short hash of what masks depend on; files are hashed by their content."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.read_bytes() if isinstance(part, Path) else repr(part).encode())
    return digest.hexdigest()[:16]


def _state(image: Path) -> list[str]:
    try:
        state = image.stat()
    except OSError:
        return ["", ""]
    return [str(state.st_size), str(state.st_mtime_ns)]
