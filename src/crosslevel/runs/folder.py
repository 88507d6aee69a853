"""A run folder: which file is where, and when it may be continued.

`config.yaml` (complete) · `split.json` · `data.json` · `set_aside.txt` · `environment.json` ·
`log.csv` · `tensorboard/` ·
`checkpoints/{last,best}.ckpt` · `model/` (safetensors and JSON) · `per_image.csv` ·
`summary.json` · `predictions/` · `folds/{1,2,…}/` (runs without checkpoints).
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from filelock import FileLock, Timeout

from crosslevel.config.files import differences, settled_from_yaml, to_yaml
from crosslevel.config.settled import SettledConfig, as_started
from crosslevel.config.train import TrainConfig
from crosslevel.data.ours import LOCK
from crosslevel.data.sheet import DataSheet
from crosslevel.data.split import Split
from crosslevel.errors import InputError, RunError
from crosslevel.models.hub import refuse_address
from crosslevel.runs.records import Environment, Log, Summary
from crosslevel.runs.stalling import has_stalled
from crosslevel.system.files import remove_leftovers, write_text


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The paths of one run.

    Attributes:
        path: The folder itself.
    """

    path: Path

    @property
    def config_file(self) -> Path:
        """The complete configuration, as YAML."""
        return self.path / "config.yaml"

    @property
    def split_file(self) -> Path:
        """Which case is in which part, with content hashes."""
        return self.path / "split.json"

    @property
    def set_aside_file(self) -> Path:
        """With `skip_bad`: the files the run does without, each with what is wrong."""
        return self.path / "set_aside.txt"

    @property
    def data_file(self) -> Path:
        """What the data were like at the start: counts, sizes, shares, what was left out."""
        return self.path / "data.json"

    @property
    def environment_file(self) -> Path:
        """Versions, machine, precision and where the data lay."""
        return self.path / "environment.json"

    @property
    def log_file(self) -> Path:
        """One row for each epoch: losses by name, learning rate, validation scores."""
        return self.path / "log.csv"

    @property
    def last_checkpoint(self) -> Path:
        """All that is needed to go on."""
        return self.path / "checkpoints" / "last.ckpt"

    @property
    def best_checkpoint(self) -> Path:
        """The same, at the epoch with the best validation Dice."""
        return self.path / "checkpoints" / "best.ckpt"

    def not_finite_folder(self, step: int) -> Path:
        """Return the images of a step at which a loss was not finite."""
        return self.path / "not-finite" / f"step-{step}"

    @property
    def model_folder(self) -> Path:
        """The segmenter with the best validation Dice, portable and without pickle."""
        return self.path / "model"

    @property
    def start_folder(self) -> Path:
        """A copy of the model that the run started from, if it started from one."""
        return self.path / "start"

    @property
    def per_image_file(self) -> Path:
        """Scores of each evaluated case."""
        return self.path / "per_image.csv"

    def fold(self, name: str) -> RunFolder:
        """Return the run of one fold: what it held out was validated on, and chose nothing."""
        return RunFolder(self.path / "folds" / name)

    @property
    def out_of_fold_file(self) -> Path:
        """What the folds found: the score of masks by networks that did not learn from them."""
        return self.path / "folds" / "out_of_fold.json"

    @property
    def adaptation_file(self) -> Path:
        """Of a run that `crosslevel adapt` wrote: what it did to the model."""
        return self.path / "adaptation.json"

    @property
    def incomplete_file(self) -> Path:
        """Scores of the cases that could be read, when others could not."""
        return self.path / "per_image_incomplete.csv"

    @property
    def predictions_folder(self) -> Path:
        """The mask predicted for each evaluated case, `<id>.png`."""
        return self.path / "predictions"

    @property
    def summary_file(self) -> Path:
        """Mean scores and how they were made."""
        return self.path / "summary.json"

    @property
    def num_epochs_done(self) -> int:
        """Rows of the log, or all epochs where no log came along."""
        if not self.log_file.is_file():
            return self.config().epochs
        return len(self.log_file.read_bytes().splitlines()) - 1

    @property
    def is_ended(self) -> bool:
        """Trained for all its epochs, or until its `patience` was over.

        Raises:
            InputError: If the folder holds no run.
        """
        config = self.config()
        return self.num_epochs_done >= config.epochs or has_stalled(
            self._validation_dice(), config.patience
        )

    def _validation_dice(self) -> list[float]:
        if not self.log_file.is_file():
            return []
        with self.log_file.open(newline="") as log:
            found = [row.get(Log.VAL_DICE) for row in csv.DictReader(log)]
        return [float(dice) for dice in found if dice]

    @property
    def is_finished(self) -> bool:
        """Trained to the end, and scored after it.

        Raises:
            InputError: If the folder holds no run, or its `summary.json` is damaged.
        """
        if not self.summary_file.is_file():
            return False
        done = self.summary().num_epochs_done
        if done is None or done >= self.config().epochs:
            return True
        return done == self.num_epochs_done and self.is_ended

    def config(self) -> SettledConfig:
        """Return the configuration this run was started with.

        Raises:
            InputError: If the folder holds no run.
        """
        refuse_address(self.path)
        if not self.config_file.is_file():
            raise InputError(
                f"{self.path} is not a run folder (it has no config.yaml). "
                "Train one with `crosslevel train --data DIR --out RUN`."
            )
        return settled_from_yaml(self.config_file)

    def summary(self) -> Summary:
        """Return what `summary.json` says.

        Raises:
            InputError: If the file is damaged.
        """
        try:
            return Summary.from_json(self.summary_file.read_text())
        except ValueError as error:
            raise InputError(
                f"A score file of {self.path} is damaged ({error}): repeat `crosslevel evaluate`."
            ) from error

    def environment(self) -> Environment:
        """Return what `environment.json` says, which is nothing if it is not there.

        Raises:
            InputError: If the file is damaged.
        """
        if not self.environment_file.is_file():
            return Environment()
        try:
            return Environment.from_json(self.environment_file.read_text())
        except ValueError as error:
            raise InputError(f"{self.environment_file} is damaged: {error}. Delete it.") from error

    def data_sheet(self) -> DataSheet | None:
        """Return what the data were like; None of a run of an earlier version.

        Raises:
            InputError: If the file is damaged.
        """
        if not self.data_file.is_file():
            return None
        try:
            return DataSheet.from_json(self.data_file.read_text())
        except ValueError as error:
            raise InputError(f"{self.data_file} is damaged: {error}. Delete it.") from error

    def data(self) -> Path:
        """Return where the images it was trained on are.

        Raises:
            InputError: If they are not there any more.
        """
        recorded = self.environment().data
        if not recorded or not Path(recorded).exists():
            raise InputError(f"The data of {self.path} is not at {recorded}: name it with --data.")
        return Path(recorded)


def open_run(
    path: Path,
    config: TrainConfig,
    completed: Callable[[SettledConfig], SettledConfig],
    *,
    may_lengthen: bool = False,
) -> RunFolder:
    """Return the run folder for this configuration; a new one is not yet written.

    Args:
        path: Where; created when the first file is written.
        config: What is asked for now; where it says "auto", the run's own value is taken.
        completed: Gives a run of an older version the options that there have been only since.
        may_lengthen: Take more epochs for a run that is trained to its end. Not in a bench: a
            lengthened run is not one of that length from the start.

    Raises:
        InputError: If `path` is a file or a folder of other things, or holds a run with another
            configuration; the message shows the difference. Or if its model was adapted.
    """
    run = RunFolder(path)
    if run.adaptation_file.is_file():
        raise InputError(
            f"{path} holds a model that `crosslevel adapt` wrote, which a training would replace: "
            "choose another --out. --from starts from it."
        )
    if run.config_file.is_file():
        started = completed(run.config())
        wanted = _with_split_of(run, started, as_started(config, started))
        changed = differences(started, wanted)
        if changed and not (may_lengthen and _is_lengthened(run, started, wanted)):
            raise InputError(
                f"{path} holds a run with another configuration:\n  "
                + "\n  ".join(changed)
                + "\nTo resume, repeat the command that started it, with the old values if they "
                "were the defaults of an older version; or choose another --out."
            )
    elif path.exists() and (not path.is_dir() or _holds_other_things(run)):
        raise InputError(f"{path} exists and is not a run folder: choose another --out.")
    return run


def _with_split_of(run: RunFolder, started: SettledConfig, asked: SettledConfig) -> SettledConfig:
    """Return what is asked for, with the run's own path to its split if it is the same split.

    A split is the same that deals the run's cases out to the same parts, wherever its file lies.

    Raises:
        InputError: If the file is the run's own, with another content.
    """
    if asked.split is None or started.split is None or not run.split_file.is_file():
        return asked
    is_named_alike = asked.split == started.split
    if is_named_alike and not asked.split.exists():
        return asked
    own, given = Split.load(run.split_file).parts(), Split.load(asked.split).parts()
    if all(set(own[name]) <= set(given[name]) for name in own):
        return replace(asked, split=started.split)
    if is_named_alike:
        raise InputError(
            f"{asked.split} is not the split any more that this run was started with, of which a "
            f"copy is {run.split_file}. Restore it, or choose another --out."
        )
    return asked


def _is_lengthened(run: RunFolder, started: SettledConfig, wanted: SettledConfig) -> bool:
    """Return whether nothing but more epochs is asked of a run that is trained to its end.

    One without a log is not: it was stopped in its first epoch, or in its folds.
    """
    is_longer = wanted.epochs > started.epochs and run.num_epochs_done >= started.epochs
    is_ended = is_longer and run.log_file.is_file()
    return is_ended and not differences(replace(started, epochs=wanted.epochs), wanted)


@contextmanager
def lock(run: RunFolder) -> Iterator[None]:
    """Within it no other process may train in this folder; ends with the process that holds it.

    Raises:
        RunError: If another one does already.
    """
    file = run.path / LOCK
    file.parent.mkdir(parents=True, exist_ok=True)
    held = FileLock(file)
    try:
        held.acquire(timeout=0)
    except Timeout as error:
        raise RunError(
            f"Another process trains in {run.path} just now: wait for it, or choose another --out."
        ) from error
    try:
        remove_leftovers(run.last_checkpoint.parent)
        yield
    finally:
        held.release()
        if list(run.path.iterdir()) == [file]:  # refused before anything was written
            file.unlink()
            run.path.rmdir()


def _holds_other_things(run: RunFolder) -> bool:
    """Return True unless the folder is empty, or a run that was killed while it started."""
    files = (run.split_file, run.set_aside_file, run.environment_file, run.data_file)
    first = {path.name for path in (*files, run.start_folder)}
    return any(not p.name.startswith(".") and p.name not in first for p in run.path.iterdir())


def write_start(
    run: RunFolder, config: SettledConfig, split_json: str, environment: Environment
) -> None:
    """Write what is known before the first step; `config.yaml` last, since it marks a run."""
    write_text(run.split_file, split_json)
    write_text(run.environment_file, environment.to_json())
    write_text(run.config_file, to_yaml(config))
