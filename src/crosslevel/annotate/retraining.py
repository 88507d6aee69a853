"""The network learns from the masks so far: `crosslevel train` as a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from crosslevel.annotate.work_folder import WorkFolder, read_json
from crosslevel.runs.folder import RunFolder
from crosslevel.runs.progress import Progress
from crosslevel.system.files import write_text
from crosslevel.system.parent import COMMAND_LINE

LOOK_SECONDS = 0.25
"""Between two looks at how far the training is."""


@dataclass(frozen=True, slots=True)
class Round:
    """A training that ended, and the model it left.

    Attributes:
        run: The run folder, relative to the data.
        dice: Its score, ×100: out of fold where there were folds, else of the best validation;
            None if none was measured.
        num_scored: Images it was measured on.
        num_masks: Masks there were.
        ended: ISO 8601.
    """

    run: str
    dice: float | None
    num_scored: int
    num_masks: int
    ended: str


@dataclass(frozen=True, slots=True)
class Job:
    """What a page shows of a training.

    Attributes:
        state: "idle", "running", "done", "failed" or "stopped".
        number: Of the round.
        progress: From 0 to 1.
        note: What is to be said about it.
        before: Dice of the round before, where there was one.
        after: Dice of this one.
        scored_on: The images that Dice was measured on, in words.
    """

    state: str = "idle"
    number: int = 0
    progress: float = 0.0
    note: str = ""
    before: float | None = None
    after: float | None = None
    scored_on: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return it as the page reads it."""
        return asdict(self)


class Retraining:
    """At most one training at a time.

    Args:
        work: Where runs lie.
        options: Further words for `crosslevel train`.
        done: Called with the folder of a new model, in a thread.
    """

    def __init__(
        self, work: WorkFolder, options: Sequence[str], done: Callable[[RunFolder], None]
    ) -> None:
        self._work, self._options, self._done = work, tuple(options), done
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self.job = Job()

    @property
    def rounds(self) -> list[Round]:
        """All that ended well, the newest last."""
        return _rounds(self._work)

    def start(self, num_masks: int, start_words: Sequence[str]) -> bool:
        """Begin a training, unless one is under way.

        Args:
            num_masks: Masks there are, to be written down.
            start_words: Options that say what it starts from.

        Returns:
            Whether one was begun.
        """
        with self._lock:
            if self._process is not None:
                return False
            number = 1 + max(map(_number, self._work.runs.glob("round-*")), default=0)
            run = RunFolder(self._work.runs / f"round-{number:03d}")
            run.path.mkdir(parents=True)
            log = run.path.with_suffix(".log")
            words = ["train", "--data", str(self._work.data), "--out", str(run.path)]
            words += [*self._options, *start_words]
            with log.open("wb") as out:
                self._process = subprocess.Popen(
                    [sys.executable, "-c", COMMAND_LINE, *words],
                    stdin=subprocess.PIPE,  # it ends when this process does
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    env=os.environ | {"COLUMNS": "200"},
                )
            self.job = Job("running", number, note="Reading images and masks")
        threading.Thread(
            target=self._watch, args=(self._process, run, log, num_masks), daemon=True
        ).start()
        return True

    def stop(self) -> None:
        """End the training under way, if there is one."""
        process = self._process
        if process is not None:
            self.job = replace(self.job, state="stopped", note="Stopped")
            _end(process)

    def _watch(
        self, process: subprocess.Popen[bytes], run: RunFolder, log: Path, num_masks: int
    ) -> None:
        progress = Progress(run)
        while process.poll() is None:
            if self.job.state == "running":
                share, note = progress.read()
                self.job = replace(self.job, progress=share, note=note or self.job.note)
            time.sleep(LOOK_SECONDS)
        _end(process)
        try:
            self._finish(process.returncode, progress, log, num_masks)
        except (OSError, ValueError, RuntimeError) as error:  # a file is damaged, or memory short
            self.job = replace(self.job, state="failed", note=str(error))
        finally:
            with self._lock:
                self._process = None

    def _finish(self, code: int, progress: Progress, log: Path, num_masks: int) -> None:
        run = progress.run
        if self.job.state == "stopped":
            return
        if code or not (run.model_folder / "model.json").is_file():
            note = f"{_reason(log)} (exit code {code}; the log is {log})"
            self.job = replace(self.job, state="failed", note=note)
            return
        before = self.rounds[-1].dice if self.rounds else None
        dice, num_scored, scored_on = progress.score()
        ended = datetime.now().astimezone().isoformat(timespec="seconds")
        below = run.path.relative_to(self._work.data).as_posix()
        rounds = [*self.rounds, Round(below, dice, num_scored, num_masks, ended)]
        content = {"rounds": [asdict(entry) for entry in rounds]}
        write_text(self._work.rounds_file, json.dumps(content, indent=2) + "\n")
        self._done(run)
        self.job = replace(
            self.job,
            state="done",
            progress=1.0,
            before=before,
            after=dice,
            scored_on=f"{num_scored} {scored_on}",
            note=f"Round {self.job.number} is done",
        )


def newest_run(work: WorkFolder) -> RunFolder | None:
    """Return the run of the newest round whose model is still there."""
    for done in reversed(_rounds(work)):
        run = RunFolder(work.data / done.run)
        if (run.model_folder / "model.json").is_file():
            return run
    return None


def _rounds(work: WorkFolder) -> list[Round]:
    return [Round(**entry) for entry in read_json(work.rounds_file).get("rounds", [])]


def _end(process: subprocess.Popen[bytes]) -> None:
    """Close the pipe that keeps the process going."""
    assert process.stdin is not None, "started with a pipe"
    process.stdin.close()


def _number(folder: Path) -> int:
    digits = folder.name.removeprefix("round-")
    return int(digits) if digits.isdecimal() else 0


def _reason(log: Path) -> str:
    """Return the line in which the command said why it failed, else its last one."""
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    own = [line for line in lines if line.startswith("crosslevel: ")]
    return (own or lines or ["It said nothing"])[-1].removeprefix("crosslevel: ")
