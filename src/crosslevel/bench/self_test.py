"""A self-test of an installation: generated images are trained on, a run goes on, masks appear."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from crosslevel.config.model import ModelConfig
from crosslevel.config.train import TrainConfig
from crosslevel.data.synthetic import write_synthetic
from crosslevel.errors import CrosslevelError, Interrupted
from crosslevel.inference.predict import predict
from crosslevel.system.console import Advance, Reporter
from crosslevel.training.train import train

NUM_IMAGES, SIZE, NUM_EPOCHS = 40, 64, 2
CONFIG = TrainConfig(
    method="clcc",
    labelled=8,
    size=SIZE,
    epochs=NUM_EPOCHS,
    args={"tiles": 2},
    model=ModelConfig(name="unet", widths=(8, 16, 32)),
)


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was tried.

    Attributes:
        name: What.
        problem: What went wrong; empty if nothing did.
        seconds: How long it took.
    """

    name: str
    problem: str
    seconds: float


def self_test(folder: Path) -> Iterator[Check]:
    """Train on generated images, stop and resume a run, predict; what fails ends the test.

    Args:
        folder: An empty folder; everything is written there.
    """
    data = folder / "data"
    steps: dict[str, Callable[[], str]] = {
        "generate images": lambda: _generate(data),
        "train": lambda: _train(data, folder / "whole"),
        "stop and resume": lambda: _resume(data, folder / "resumed", folder / "whole"),
        "predict": lambda: _predict(folder / "whole", data / "images", folder / "masks"),
    }
    for name, step in steps.items():
        start = time.monotonic()
        try:
            problem = step()
        except (CrosslevelError, OSError, RuntimeError) as error:
            problem = f"{type(error).__name__}: {error}"
        yield Check(name, problem, time.monotonic() - start)
        if problem:
            return


def _generate(data: Path) -> str:
    write_synthetic(data, NUM_IMAGES, size=SIZE)
    return ""


def _train(data: Path, out: Path) -> str:
    train(data, out, CONFIG)
    return ""


def _resume(data: Path, out: Path, whole: Path) -> str:
    try:
        train(data, out, CONFIG, reporter=_StopInFirstEpoch())
    except Interrupted:
        train(data, out, CONFIG)
    else:
        return "the run did not stop at SIGINT"
    weights = [(run / "model" / "model.safetensors").read_bytes() for run in (whole, out)]
    return (
        "" if weights[0] == weights[1] else "a run that went on has other weights than a whole one"
    )


def _predict(run: Path, images: Path, out: Path) -> str:
    done = predict(run, images, out)
    return "" if done.num_written == NUM_IMAGES else "\n".join(done.problems)


class _StopInFirstEpoch(Reporter):
    """Raises SIGINT, as Ctrl-C does, when the first step is done."""

    def __init__(self) -> None:
        super().__init__(quiet=True)
        self._is_raised = False

    @contextmanager
    def task(self, name: str, total: int, done: int = 0) -> Iterator[Advance]:
        yield Advance(self._stop, total, done)

    def _stop(self, done: int, total: int | None, note: str) -> None:
        if note.startswith("epoch") and not self._is_raised:
            self._is_raised = True
            signal.raise_signal(signal.SIGINT)
