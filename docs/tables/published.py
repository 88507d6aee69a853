"""Published runs: `results/published/<dataset>/<protocol>/<row>-drawD-seedS/`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from crosslevel.runs.finished import FinishedRun, read_run
from crosslevel.runs.records import Cell

ROOT = Path(__file__).parents[2]
PUBLISHED = ROOT / "results" / "published"
TRIES = ROOT / "results" / "tries"

Runs = tuple[FinishedRun, ...]


@dataclass(frozen=True)
class Protocol:
    """Runs that differ in method, draw and seed alone.

    Attributes:
        key: `<dataset>/<protocol>`.
        facts: What `protocol.yaml` says of all of them.
        rows: The runs of each row, in the order of draws; the reference first.
    """

    key: str
    facts: dict[str, Any]
    rows: dict[str, Runs]

    @property
    def dataset(self) -> str:
        """Name of the data set."""
        return self.key.split("/")[0]

    @property
    def reference(self) -> Runs | None:
        """The row all others are compared with; it may be of a neighbouring protocol."""
        name = self.facts.get("reference")
        if name is None:
            return None
        return row(f"{self.dataset}/{name}") if "/" in name else self.rows[name]

    def split_file(self, draw: int) -> Path:
        """Return which images a run of this draw was trained and tested on."""
        return PUBLISHED / self.dataset / "splits" / f"{self.facts['split']}-draw{draw}.json"


@cache
def protocol(key: str) -> Protocol:
    """Read all runs of a protocol.

    Args:
        key: `<dataset>/<protocol>`.

    Raises:
        ValueError: If a folder in it is not named `<row>-drawD-seedS`.
    """
    folder = PUBLISHED / key
    facts = yaml.safe_load((folder / "protocol.yaml").read_text())
    rows: dict[str, Runs] = {}
    for path in sorted(entry for entry in folder.iterdir() if entry.is_dir()):
        cell = Cell.parse(path.name)
        if cell is None:
            raise ValueError(f"{path}: expected the name ROW-drawD-seedS. Rename the folder.")
        rows[cell.row] = (*rows.get(cell.row, ()), read_run(path, cell.row))
    order = sorted(rows, key=lambda name: (name != facts.get("reference"), name))
    return Protocol(key, facts, {name: rows[name] for name in order})


def protocols() -> list[Protocol]:
    """Read everything that is published, in the order of names."""
    files = sorted(PUBLISHED.glob("*/*/protocol.yaml"))
    return [protocol(str(file.parent.relative_to(PUBLISHED))) for file in files]


def row(key: str) -> Runs:
    """Return the runs of `<dataset>/<protocol>/<row>`."""
    of, name = key.rsplit("/", 1)
    return protocol(of).rows[name]


def run(key: str) -> FinishedRun:
    """Return the run of `<dataset>/<protocol>/<row>-drawD-seedS`."""
    found = {
        each.cell.folder_name: each
        for runs in protocol(key.rsplit("/", 1)[0]).rows.values()
        for each in runs
    }
    return found[key.rsplit("/", 1)[1]]


def log_of_try(name: str) -> pd.DataFrame:
    """Read a log of `results/tries/`, one row an epoch."""
    return pd.read_csv(TRIES / f"{name}.csv")


def index() -> pd.DataFrame:
    """List all published runs, one a line: scores ×100, distances in pixels, time in minutes."""
    return pd.DataFrame(
        [_line(each, one) for each in protocols() for runs in each.rows.values() for one in runs]
    )


def _line(of: Protocol, one: FinishedRun) -> dict[str, object]:
    mean = one.summary.mean
    name = of.key.split("/")[1]
    return {
        "dataset": of.dataset,
        "protocol": name,
        "row": one.name,
        "draw": one.config.draw,
        "seed": one.config.seed,
        "labelled": f"{one.config.labelled:g}",
        "size_px": one.config.size,
        "steps": one.num_steps,
        "precision": of.facts["precision"],
        "test_images": len(one.per_image),
        "dice": f"{mean['dice']:.2f}",
        "iou": f"{mean['iou']:.2f}",
        "mae": f"{mean['mae']:.2f}",
        "mae_mask": f"{mean['mae_mask']:.2f}" if "mae_mask" in mean else "",
        "hd95_px": f"{mean['hd95_px']:.1f}",
        "best_val_dice": f"{100 * one.log['val/dice'].max():.2f}" if "val/dice" in one.log else "",
        "minutes": f"{one.seconds / 60:.1f}",
        "commit": one.summary.environment.commit,
    }
