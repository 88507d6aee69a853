"""N masks in all, and nothing else: what folds make of them, and what a division into parts does.

`python -m benchmarks.few_masks --data DIR --out OUT`. The test part is that of `crosslevel train`
with the same seed; no row sees it before it is scored. N masks are drawn from the training part.
All other images of train and validation part have no mask. Rows:

- `folds`: all N masks are learned from, each is held out once.
- `divided`: 60 % train, 20 % choose epoch and threshold, 20 % are a test set of their own.

Killed, it goes on when it is repeated. `crosslevel report OUT/N-masks` compares the rows.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import yaml

from crosslevel.commands.train import seconds
from crosslevel.config.model import ModelConfig
from crosslevel.config.train import TrainConfig
from crosslevel.data.prepare import prepare
from crosslevel.data.split import Split
from crosslevel.evaluation.evaluate import evaluate
from crosslevel.runs.folder import RunFolder
from crosslevel.runs.records import Cell
from crosslevel.system.console import Reporter
from crosslevel.system.files import write_text
from crosslevel.training.ladder import NUM_FOLDS
from crosslevel.training.train import train

ROWS = ("folds", "divided")


def main(words: Sequence[str] | None = None) -> int:
    """Train and score every cell that is not finished."""
    asked = _parse(words)
    if asked.threads:
        torch.set_num_threads(asked.threads)
    reporter = Reporter()
    for masks in asked.masks:
        for draw in range(asked.draws):
            config = replace(_base(asked), draw=draw)
            split = drawn(asked.data, replace(config, labelled=masks), reporter)
            for row in asked.rows:
                folder = asked.out / f"{masks}-masks" / "runs" / Cell(row, draw, 0).folder_name
                held_out = replace(config, folds=NUM_FOLDS if row == "folds" else 0)
                run_cell(asked.data, folder, of_row(split, row), held_out, asked.budget, reporter)
    return 0


def drawn(data: Path, config: TrainConfig, reporter: Reporter) -> Split:
    """Return the split in which N masks are labelled and the validation part has none."""
    split = prepare(data, config, reporter).split
    return replace(
        split,
        train_unlabelled=tuple(sorted((*split.train_unlabelled, *split.val))),
        val=(),
        mask_hashes={},
    )


def of_row(split: Split, row: str) -> Split:
    """Return the split a row trains with.

    Args:
        split: N labelled cases and no validation part.
        row: One of `ROWS`.
    """
    if row == "folds":
        return split
    names = list(np.random.default_rng(split.draw).permutation(split.train_labelled))
    fifth = max(1, round(0.2 * len(names)))
    val, own_test, train = names[:fifth], names[fifth : 2 * fifth], names[2 * fifth :]
    return replace(
        split,
        train_labelled=tuple(sorted(map(str, train))),
        val=tuple(sorted(map(str, val))),
        left_out=tuple(sorted((*split.left_out, *map(str, own_test)))),
    )


def run_cell(
    data: Path,
    folder: Path,
    split: Split,
    config: TrainConfig,
    budget: float | None,
    reporter: Reporter,
) -> None:
    """Train and score one run, or go on with it; a finished one is left alone."""
    run = RunFolder(folder)
    if run.config_file.is_file() and run.is_finished:
        return
    reporter.say(f"{folder}")
    file = folder.with_name(f"{folder.name}.split.json")
    write_text(file, split.to_json())
    train(data, folder, replace(config, split=file), budget=budget, reporter=reporter)
    print(evaluate(folder, data, reporter=reporter).to_text(), flush=True)  # noqa: T201


def _base(asked: argparse.Namespace) -> TrainConfig:
    return TrainConfig(
        method=asked.method,
        args=asked.args,
        size=asked.size,
        precision=asked.precision,
        model=ModelConfig(name=asked.model),
    )


def _parse(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.few_masks", description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--masks", type=int, nargs="+", default=[10, 20, 50])
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--rows", nargs="+", default=ROWS, choices=ROWS)
    parser.add_argument("--method", default="auto", help="the recipe's if left out")
    parser.add_argument("--args", type=yaml.safe_load, default={}, help="of the method, as YAML")
    parser.add_argument("--budget", type=seconds, help="of each run; the recipe's length if none")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--model", default="efficientnet_lite0")
    parser.add_argument("--precision", default="fp32")
    parser.add_argument("--threads", type=int)
    asked = parser.parse_args(words)
    if asked.budget and asked.method == "auto":
        parser.error("--budget may choose another method in each cell: give --method, too")
    return asked


if __name__ == "__main__":
    sys.exit(main())
