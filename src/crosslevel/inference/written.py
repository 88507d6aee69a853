"""Which files of a folder `predict` wrote, so that none a person drew or corrected is replaced.

A file is `predict`'s own as long as its content is what `predict` wrote. The list lies beside the
masks, hidden, a line of JSON for each file: a killed `predict` has listed what it wrote.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from threading import Lock

from crosslevel.data.ours import PREDICTED, predicted_hashes
from crosslevel.data.quality.naming import limited
from crosslevel.errors import InputError


class WrittenFiles:
    """The files that `predict` wrote into a folder.

    Args:
        folder: Where; need not exist.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._list, self._lock = folder, folder / PREDICTED, Lock()
        self._hashes = predicted_hashes(self._list)

    def refuse_others(self, files: Iterable[Path]) -> None:
        """Refuse to replace files that are not as `predict` wrote them.

        Args:
            files: That would be written.

        Raises:
            InputError: Naming the first of those that are there and somebody else's.
        """
        others = [path for path in files if path.exists() and not self._is_own(path)]
        if others:
            named = "\n  ".join(limited(map(str, others)))
            raise InputError(
                f"{len(others)} files in {self._folder} would be replaced, which predict did not "
                f"write, or which were changed since:\n  {named}\nChoose another --out, or replace "
                "them with --overwrite."
            )

    def add(self, path: Path) -> None:
        """List a file as it is now."""
        line = json.dumps([self._name(path), file_hash(path)])
        with self._lock, self._list.open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")

    def discard(self, files: Iterable[Path]) -> tuple[list[Path], list[Path]]:
        """Remove files that an earlier call wrote and nobody changed since.

        Returns:
            Those that are removed, and those that stay since they were changed.
        """
        listed = [path for path in files if self._name(path) in self._hashes and path.is_file()]
        removed = [path for path in listed if self._is_own(path)]
        for path in removed:
            path.unlink()
        return removed, [path for path in listed if path not in removed]

    def _is_own(self, path: Path) -> bool:
        return path.is_file() and self._hashes.get(self._name(path)) == file_hash(path)

    def _name(self, path: Path) -> str:
        return path.relative_to(self._folder).as_posix()


def listed_in(file: Path) -> set[Path]:
    """Return the files that a list of `predict` names."""
    return {file.parent / name for name in predicted_hashes(file)}


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
