"""Kill trainings at random moments and repeat them; each must end as if nothing had happened.

`python tests/survival/kills.py --kills 20`: SIGKILL hits while images are read, the cache is built,
steps are made, checkpoints written or scores computed. Every run starts with an empty cache.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

import torch

from crosslevel.cli import main
from crosslevel.data.synthetic import write_synthetic
from crosslevel.runs.folder import RunFolder
from support.equal_runs import assert_equal_runs

METHODS = ("clcc", "mean_teacher", "fixmatch", "self_training")
LONGEST_LIFE = 0.7
"""Of the time that an uninterrupted run takes."""


def train_and_evaluate(folder: Path, method: str, epochs: int) -> int:
    """What a user types, with the cache in `folder` too."""
    os.environ["CROSSLEVEL_CACHE"] = str(folder / "cache")
    options = [
        *("--method", method, "--size", "32", "--labelled", "4", "--epochs", str(epochs)),
        *("--check_every", "1", "--precision", "fp32", "--threads", "1"),
        *("--model.name", "unet", "--model.widths", "[4, 8]"),
        *(("--args.tiles", "2") if method == "clcc" else ()),
    ]
    data = str(folder.parent / "data")
    trained = main(["train", "--data", data, "--out", str(folder / "run"), *options])
    return trained or main(["evaluate", str(folder / "run"), "--threads", "1"])


def live(folder: Path, method: str, epochs: int, seconds: float | None = None) -> bool:
    """Train and evaluate in a process that is killed after `seconds`; whether it finished."""
    child = os.fork()
    if not child:
        with (folder.parent / "said.txt").open("a") as said:
            os.dup2(said.fileno(), sys.stdout.fileno())
            os.dup2(said.fileno(), sys.stderr.fileno())
        os._exit(train_and_evaluate(folder, method, epochs))
    if seconds is not None:
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status not in (0, -signal.SIGKILL):
        raise SystemExit((folder.parent / "said.txt").read_text())
    return status == 0


def survive(base: Path, method: str, epochs: int, kills: int, chance: random.Random) -> None:
    """Compare runs that were killed, `kills` times in all, with one that was not."""
    start = time.monotonic()
    live(base / "whole", method, epochs)
    longest = LONGEST_LIFE * (time.monotonic() - start)
    killed = 0
    while killed < kills:
        folder = base / "killed"
        while killed < kills and not live(folder, method, epochs, chance.uniform(0, longest)):
            killed += 1
        live(folder, method, epochs)
        whole, survivor = RunFolder(base / "whole" / "run"), RunFolder(folder / "run")
        assert_equal_runs(whole, survivor)
        assert whole.per_image_file.read_bytes() == survivor.per_image_file.read_bytes()
        shutil.rmtree(folder)
    shutil.rmtree(base / "whole")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20, help="of each method")
    parser.add_argument("--methods", nargs="+", default=METHODS)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        write_synthetic(Path(folder) / "data", 24, size=32, seed=0)
        for method in arguments.methods:
            chance = random.Random(arguments.seed)
            survive(Path(folder), method, arguments.epochs, arguments.kills, chance)
            print(f"{method}: killed {arguments.kills} times, every run ended as if uninterrupted")  # noqa: T201
