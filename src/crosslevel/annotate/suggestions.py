"""What a model says of every image of a folder, computed beside a person's work, and kept."""

from __future__ import annotations

import threading
import zipfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from crosslevel.annotate.work_folder import WorkFolder
from crosslevel.data.reading import read_case
from crosslevel.errors import DataError
from crosslevel.system.files import atomic_file
from crosslevel.types import Case

if TYPE_CHECKING:
    from crosslevel.annotate.looking import Look, Looker


class Suggestions:
    """Looks of one model at the images of a folder, those asked for first.

    Args:
        work: Where they are kept.
        model_folder: The model.
        name: How it is called where a mask says what it was made from.
        say: Told, in words, of an image that cannot be read.
    """

    def __init__(
        self, work: WorkFolder, model_folder: Path, name: str, say: Callable[[str], None]
    ) -> None:
        from crosslevel.annotate.looking import Looker  # it imports torch
        from crosslevel.models.folder import weights_hash

        self.name = f"{name}:{weights_hash(model_folder)[:8]}"
        self._work, self._say = work, say
        self._folder = work.suggestions / weights_hash(model_folder)[:16]
        self._looker: Looker = Looker(model_folder)
        self._computing = threading.Lock()
        self._stopping = threading.Event()
        self._seen_all = threading.Event()
        self._thread: threading.Thread | None = None
        self.looks: dict[str, Look] = {}

    @property
    def classes(self) -> list[str]:
        """Names of the foreground classes."""
        return self._looker.card.classes

    @property
    def threshold(self) -> float:
        """Binary only: foreground where the probability is at least this."""
        return self._looker.card.threshold

    @property
    def has_seen_all(self) -> bool:
        """Whether it has looked at every image it was started on."""
        return self._seen_all.is_set()

    def start(self, cases: Sequence[Case], done: Callable[[], None]) -> None:
        """Look at all of these in a thread of its own; `done` is called at the end, there."""

        def work() -> None:
            for case in cases:
                if self._stopping.is_set():
                    return
                self.look(case)
            self._seen_all.set()
            done()

        self._thread = threading.Thread(target=work, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread after the image under way."""
        self._stopping.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def look(self, case: Case) -> Look | None:
        """Return the look at an image, computed now if it must be; None if it cannot be read."""
        if case.id in self.looks:
            return self.looks[case.id]
        with self._computing:
            if case.id not in self.looks:
                found = self._kept(case) or self._computed(case)
                if found is None:
                    return None
                self.looks[case.id] = found
        return self.looks[case.id]

    def _file(self, case: Case) -> Path:
        return self._folder / f"{self._work.key(case.image)}.npz"

    def _kept(self, case: Case) -> Look | None:
        from crosslevel.annotate.looking import Look

        file = self._file(case)
        try:
            if file.stat().st_mtime_ns < case.image.stat().st_mtime_ns:
                return None
            with np.load(file) as found:
                certainty, is_empty = float(found["certainty"]), bool(found["is_empty"])
                return Look(
                    levels=found["levels"],
                    features=found["features"],
                    confidence=float(found["confidence"]),
                    certainty=certainty,
                    is_empty=is_empty,
                    expected_dice=self._looker.expected_dice(certainty, is_empty=is_empty),
                )
        except (OSError, ValueError, KeyError, zipfile.BadZipFile):
            return None  # not there, damaged, or of an earlier version: it is computed again

    def _computed(self, case: Case) -> Look | None:
        try:
            image = read_case(case, self._looker.card.reading)
        except DataError as error:
            self._say(f"skipped: {error}")
            return None
        [look] = self._looker.look([image])
        with suppress(OSError), atomic_file(self._file(case)) as file:  # else computed again
            np.savez_compressed(
                file,
                levels=look.levels,
                features=look.features,
                confidence=look.confidence,
                certainty=look.certainty,
                is_empty=look.is_empty,
            )
        return look
