"""Kinds of files that other packages read, by entry points of the group `crosslevel.readers`.

The entry's name is the end of the files' names without its dot, its value the reader:
`czi = "my_package:read_czi"`. A package is imported when the first such file is read.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import BinaryIO

from crosslevel.data.formats.picture import Picture
from crosslevel.errors import DataError

GROUP = "crosslevel.readers"


@dataclass(frozen=True)
class AddedReader:
    """A reader of a package, or of several that claim one kind of file, which is refused.

    Attributes:
        entries: Of one kind of file, at least one.
        is_ours: Crosslevel reads this kind itself.
    """

    entries: tuple[EntryPoint, ...]
    is_ours: bool = False

    def __call__(self, path: Path, stream: BinaryIO, frame: int | None, axis: int) -> Picture:
        """Read one image.

        Raises:
            DataError: If there is not just one reader, it cannot be imported, it fails, or what it
                returns is not a `Picture`.
        """
        if len(self.entries) > 1 or self.is_ours:
            claims = " and ".join(["crosslevel"] * self.is_ours + [e.value for e in self.entries])
            line = f"{path}: {claims} all read such files. Remove the packages but one."
            raise DataError([line])
        [entry] = self.entries
        try:
            reader: Callable[..., object] = entry.load()
            picture = reader(path, stream, frame, axis)
        except DataError:
            raise
        except Exception as error:  # whatever the package's own code raises
            line = f"{path}: cannot be read by {entry.value}: {error!r}. Ask its authors."
            raise DataError([line]) from error
        if not isinstance(picture, Picture):
            what = type(picture).__name__
            line = f"{path}: {entry.value} gave a {what}, not a Picture. Tell its authors."
            raise DataError([line])
        return picture


def added_readers(ours: Collection[str]) -> dict[str, AddedReader]:
    """Return the readers of installed packages by the end of a file's name, in lower case.

    Args:
        ours: What crosslevel reads itself.
    """
    found: dict[str, list[EntryPoint]] = {}
    for entry in entry_points(group=GROUP):
        found.setdefault(f".{entry.name.lower().lstrip('.')}", []).append(entry)
    return {
        suffix: AddedReader(tuple(entries), suffix in ours) for suffix, entries in found.items()
    }
