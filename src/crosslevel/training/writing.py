"""What a training leaves in its run folder; of several processes, the first alone writes."""

from __future__ import annotations

import time
from pathlib import Path
from types import TracebackType

import pandas as pd
from torch.utils.tensorboard import SummaryWriter

from crosslevel.images.writing import write_batch
from crosslevel.runs.folder import RunFolder
from crosslevel.system.files import write_text
from crosslevel.training.checkpoints import TrainingState, save_checkpoint
from crosslevel.training.gradients import NotFiniteError
from crosslevel.training.step import Optimisation

SAVE_SHARE = 0.03
"""Most of a run's time that its checkpoints may take."""


class RunWriter:
    """Writes log and checkpoints of a run; use it in a `with`.

    Args:
        run: Where.
        optimisation: What is trained, and by which process.
        progress: Where the training is; what it is later is what is written.
    """

    def __init__(self, run: RunFolder, optimisation: Optimisation, progress: TrainingState) -> None:
        self._run, self._optimisation, self._progress = run, optimisation, progress
        self._writes = optimisation.place.is_first
        self._saved_step, self._saved_at = progress.step, time.monotonic()
        self._save_seconds = 0.0
        self._board: SummaryWriter | None = None

    def __enter__(self) -> RunWriter:
        if self._writes:
            folder = str(self._run.path / "tensorboard")
            self._board = SummaryWriter(folder, purge_step=len(self._progress.rows) + 1)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._board is not None:
            self._board.close()

    @property
    def seconds_since_saved(self) -> float:
        """Seconds since the last checkpoint, or since the beginning."""
        return time.monotonic() - self._saved_at

    @property
    def is_cheap(self) -> bool:
        """Whether the last checkpoint took at most `SAVE_SHARE` of the time since; so may the next.

        A fast run loses little by a kill, and would spend its time on writing.
        """
        return self._save_seconds <= SAVE_SHARE * self.seconds_since_saved

    def log(self) -> None:
        """Write the epochs so far, the last of them for TensorBoard, too."""
        rows = self._progress.rows
        if self._board is None:
            return
        write_text(self._run.log_file, pd.DataFrame(rows).to_csv(index=False))
        for name, value in rows[-1].items():
            self._board.add_scalar(name, value, len(rows))

    def best(self) -> None:
        """Keep the state that made the best network so far."""
        if self._writes:
            self._save(self._run.best_checkpoint)

    def last(self) -> None:
        """Save where the training is, unless that is done already."""
        if self._writes and self._progress.step != self._saved_step:
            start = time.monotonic()
            self._save(self._run.last_checkpoint, keep_predecessor=True)
            self._saved_step, self._saved_at = self._progress.step, time.monotonic()
            self._save_seconds = self._saved_at - start

    def not_finite(self, error: NotFiniteError) -> Path:
        """Keep the images of that step, and return where they are."""
        folder = self._run.not_finite_folder(error.step)
        if self._writes:
            write_batch(error.batch, folder)
        return folder

    def _save(self, path: Path, *, keep_predecessor: bool = False) -> None:
        method, optimizer = self._optimisation.method, self._optimisation.optimizer
        save_checkpoint(path, self._progress, method, optimizer, keep_predecessor=keep_predecessor)
