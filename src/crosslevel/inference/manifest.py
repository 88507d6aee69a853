"""What a `predict` has done, written as it goes: what is done is not computed again.

`manifest.csv` lies beside the masks, a line for each image as soon as its mask is on disk, or as it
could not be read. With `--shard 2/4` it is `manifest-2-of-4.csv`: no two processes write one file.
All of them are read, of any number of shards; of an image the line written last counts.
"""

from __future__ import annotations

import csv
import hashlib
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Literal, TypeVar

from crosslevel.errors import InputError, one_line
from crosslevel.inference.exported import exported_folder
from crosslevel.inference.listing import Said
from crosslevel.inference.options import Outputs
from crosslevel.inference.runtimes import Runtime, TorchRuntime
from crosslevel.inference.segmenter import model_folder

FILE, SHARDS = "manifest.csv", "manifest-*-of-*.csv"
WHOLE = "1/1"
"""The shard of all images."""
COLUMNS = (
    *("image", "status", "problem", "mask", "confidence", "expected_dice"),
    *("made_by", "written_ns", "bytes", "changed_ns"),
)

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
        made_by: What a mask depends on besides its image (`fingerprint`).
    """

    def __init__(self, folder: Path, shard: Shard, made_by: str) -> None:
        self._folder, self._made_by = folder, made_by
        self._file = folder / shard.name(FILE)

    @classmethod
    def of(cls, folder: Path, shard: Shard, made_by: str, outputs: Outputs) -> Manifest | None:
        """Return the manifest of a call, None if none is asked for and none is there.

        Those that are there are kept true by calls that do not resume.

        Raises:
            InputError: If the call contradicts itself, or another file has that name.
        """
        file = folder / shard.name(FILE)
        is_foreign = file.is_file() and not _is_manifest(file)
        if not outputs.resume and (is_foreign or not _manifests(folder)):
            return None
        if is_foreign:
            raise InputError(
                f"{file} is not a list that predict wrote: move it away, or choose another --out."
            )
        if outputs.resume and (outputs.overwrite or outputs.format):
            raise InputError(
                "--resume leaves out what is done, so it does not go with --overwrite or --format: "
                "leave it or them out."
            )
        return cls(folder, shard, made_by)

    @property
    def others(self) -> list[str]:
        """Names of the lists in the folder that other calls wrote, which are read, too."""
        return [file.name for file in _manifests(self._folder) if file != self._file]

    def done(self, masks: dict[Path, Path]) -> dict[Path, Said]:
        """Return the images whose masks need not be computed again, with what is said of them.

        An image that changed since does, and one whose mask is gone. A mask that a person changed
        since is that person's, and done.

        Args:
            masks: Each image, with its mask.
        """
        rows = sorted(self._rows(), key=lambda row: int(row["written_ns"]))
        listed = {row["image"]: row for row in rows}
        done = {}
        for image, mask in masks.items():
            row = listed.get(str(image.absolute()), {})
            place = mask.relative_to(self._folder).as_posix()
            is_done = row.get("status") == "done" and row["mask"] == place and mask.is_file()
            if is_done and self._is_as_listed(image, row):
                expected = row["expected_dice"]
                done[image] = Said(float(expected) if expected else None, float(row["confidence"]))
        return done

    def add(self, image: Path, mask: Path, said: Said) -> None:
        """List an image whose mask is on disk."""
        place = mask.relative_to(self._folder).as_posix()
        expected = "" if said.expected is None else f"{said.expected:.6f}"
        self._append(image, "done", "", place, f"{said.confidence:.6f}", expected)

    def fail(self, problems: Sequence[tuple[Path, str]]) -> None:
        """List images that could not be read, and why; a call that resumes tries them again."""
        for image, problem in dict(reversed(problems)).items():  # the first of each
            self._append(image, "failed", one_line(problem), "", "", "")

    def _append(self, image: Path, status: Literal["done", "failed"], *found: str) -> None:
        is_new = not self._file.is_file()
        self._folder.mkdir(parents=True, exist_ok=True)
        with self._file.open("a", newline="", encoding="utf-8", errors="backslashreplace") as file:
            table = csv.writer(file)
            if is_new:
                table.writerow(COLUMNS)
            state = (self._made_by, time.time_ns(), *_state(image))
            table.writerow([image.absolute(), status, *found, *state])

    def _is_as_listed(self, image: Path, row: Mapping[str, str]) -> bool:
        if row["made_by"] != self._made_by:
            return False
        return [row["bytes"], row["changed_ns"]] == _state(image)

    def _rows(self) -> Iterator[dict[str, str]]:
        """Yield the whole rows; half a row of a killed process says nothing."""
        for listing in _manifests(self._folder):
            with listing.open(newline="", encoding="utf-8") as file:
                for row in csv.DictReader(file):
                    is_whole = None not in row.values() and None not in row
                    if is_whole and row["written_ns"].isdecimal():
                        yield row


def _manifests(folder: Path) -> list[Path]:
    """Return the lists that predict wrote in a folder, of any number of shards."""
    found = [folder / FILE, *folder.glob(SHARDS)]
    return sorted(file for file in found if _is_manifest(file))


def _is_manifest(file: Path) -> bool:
    if not file.is_file():
        return False
    with file.open("rb") as lines:
        return lines.readline().rstrip() == ",".join(COLUMNS).encode()


def fingerprint(
    run: Path | str, runtime: Runtime, options: Mapping[str, object], outputs: Outputs
) -> str:
    """Return a short hash of what masks depend on besides their images.

    That is: what computes, the content of the model's files (of its exports, too, unless PyTorch
    computes), the options and the kinds of files written.
    """
    folder = model_folder(run)
    files = [*folder.iterdir()]
    if not isinstance(runtime, TorchRuntime):
        files += exported_folder(folder).iterdir()
    digest = hashlib.sha256()
    for file in sorted(file for file in files if file.is_file()):
        digest.update(file.read_bytes())
    kinds = (
        *(outputs.overlay, outputs.probabilities),
        *(outputs.class_probabilities, outputs.dicom_seg),
    )
    digest.update(repr((runtime.name, sorted(options.items()), kinds)).encode())
    return digest.hexdigest()[:16]


def _state(image: Path) -> list[str]:
    try:
        state = image.stat()
    except OSError:
        return ["", ""]
    return [str(state.st_size), str(state.st_mtime_ns)]
