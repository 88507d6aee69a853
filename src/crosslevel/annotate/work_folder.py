"""What lies in `DATA/.crosslevel/`, and that one server at a time works there."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from secrets import token_urlsafe
from typing import Any

from filelock import FileLock, Timeout

from crosslevel.data.formats.readers import stem_of
from crosslevel.errors import InputError
from crosslevel.system.files import remove_leftovers, write_text

_LONGEST = 60  # characters of an image's name in that of a file about it


@dataclass(frozen=True, slots=True)
class WorkFolder:
    """The paths beside the masks: suggestions, drafts, backups, runs.

    Attributes:
        data: The folder of images that is annotated.

    Raises:
        InputError: If it is not a folder.
    """

    data: Path

    def __post_init__(self) -> None:
        if not self.data.is_dir():
            raise InputError(
                f"{self.data}: not a folder. Give one with images; masks are written there."
            )

    @property
    def path(self) -> Path:
        """The folder itself, hidden so that nobody takes its files for images."""
        return self.data / ".crosslevel"

    @property
    def drafts(self) -> Path:
        """A folder for each image that is being worked on."""
        return self.path / "drafts"

    @property
    def backups(self) -> Path:
        """A folder for each image whose mask was replaced, with every mask that was."""
        return self.path / "backups"

    @property
    def suggestions(self) -> Path:
        """A folder for each model, with what it says of each image."""
        return self.path / "suggestions"

    @property
    def thumbnails(self) -> Path:
        """A small picture of each image."""
        return self.path / "thumbnails"

    @property
    def runs(self) -> Path:
        """The runs of retraining, `round-001`, `round-002`, …."""
        return self.path / "runs"

    @property
    def rounds_file(self) -> Path:
        """One entry for each training that ended well."""
        return self.path / "rounds.json"

    @property
    def replacing_file(self) -> Path:
        """Masks of other kinds that are being replaced by a PNG."""
        return self.path / "replacing.json"

    @property
    def marks_file(self) -> Path:
        """Which images were skipped or are to be looked at by a colleague."""
        return self.path / "marks.json"

    @property
    def queue_file(self) -> Path:
        """The order of the images, with the model and the ranking it is of."""
        return self.path / "queue.json"

    @property
    def annotations_file(self) -> Path:
        """One row for each mask a person accepted; beside the masks, not hidden."""
        return self.data / "annotations.csv"

    def key(self, image: Path) -> str:
        """Return a name, unique in this folder, for files about an image."""
        below = image.relative_to(self.data).as_posix()
        digest = hashlib.sha256(below.encode("utf-8", "surrogateescape")).hexdigest()
        plain = "".join(c if c.isascii() and c.isalnum() else "_" for c in stem_of(image.name))
        return f"{plain[:_LONGEST]}-{digest[:12]}"

    def token(self) -> str:
        """Return what a page has to know, the same each time, so that its address stays good.

        Only the owner may read the file.
        """
        file = self.path / "token"
        if not file.is_file() or not file.stat().st_size:
            self.path.mkdir(parents=True, exist_ok=True)
            file.unlink(missing_ok=True)  # a full disk left an empty one
            with suppress(FileExistsError):  # another server was quicker
                descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                with os.fdopen(descriptor, "w") as out:
                    out.write(token_urlsafe(16))
        return file.read_text().strip()

    @contextmanager
    def locked(self) -> Iterator[Callable[[str], None]]:
        """Within it no other server may work on the folder; ends with the process that holds it.

        Yields:
            A function to say at which address the page is, for who comes second.

        Raises:
            InputError: If another one does already; the message says at which address.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        held = FileLock(self.path / "lock")
        try:
            held.acquire(timeout=0)
        except Timeout as error:
            raise InputError(self._taken()) from error
        try:
            remove_leftovers(self.path)
            yield self._tell
        finally:
            (self.path / "server.json").unlink(missing_ok=True)
            held.release()

    def _tell(self, address: str) -> None:
        with suppress(OSError):  # only the message of a second server is poorer
            write_text(self.path / "server.json", json.dumps({"address": address}) + "\n")

    def _taken(self) -> str:
        where = "by a server that is just starting, or could not write where it is"
        with suppress(OSError, ValueError, KeyError):
            content = json.loads((self.path / "server.json").read_text())
            where = f"at {content['address']}"
        return (
            f"{self.data} is being annotated already, {where}. Open that page, or stop its server "
            "(Ctrl-C) and repeat the command."
        )


def read_json(file: Path) -> dict[str, Any]:
    """Return the object in a file of ours, nothing if it is not there.

    Raises:
        InputError: It is damaged.
    """
    if not file.is_file():
        return {}
    try:
        content = json.loads(file.read_text())
    except ValueError as error:
        raise InputError(f"{file} is damaged ({error}). Remove it; no mask is lost.") from error
    return content if isinstance(content, dict) else {}
