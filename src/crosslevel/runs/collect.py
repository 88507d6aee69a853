"""Which runs a report is about: those of a bench, or run folders given one by one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from crosslevel.errors import InputError
from crosslevel.models.hub import refuse_address
from crosslevel.runs.compare import REFERENCES
from crosslevel.runs.finished import FinishedRun, read_run, refuse_adapted
from crosslevel.runs.folder import RunFolder
from crosslevel.runs.records import Cell


@dataclass(frozen=True, slots=True)
class Collection:
    """Runs to be compared.

    Attributes:
        rows: By the name of the row, its finished runs, in the order of draws.
        missing: Names of runs that are not finished yet.
    """

    rows: dict[str, list[FinishedRun]]
    missing: list[str]

    @property
    def runs(self) -> list[FinishedRun]:
        """All finished runs, row by row."""
        return [run for runs in self.rows.values() for run in runs]

    @property
    def representatives(self) -> list[FinishedRun]:
        """One run of each row: of the first draw and seed all rows have, else the row's first."""
        shared = set.intersection(*({_key(run) for run in runs} for runs in self.rows.values()))
        wanted = min(shared, default=None)
        return [
            next((run for run in runs if _key(run) == wanted), runs[0])
            for runs in self.rows.values()
        ]


def collect(folders: Sequence[Path]) -> Collection:
    """Read a bench (a folder with `runs/`), or run folders, each a row of its own.

    Raises:
        InputError: If a folder is neither, two runs have one name, one was adapted, or no run is
            finished.
    """
    named = [pair for folder in folders for pair in _expand(folder)]
    repeated = [name for name, count in Counter(map(_cell_name, named)).items() if count > 1]
    if repeated:
        raise InputError(
            f"Two runs are called {', '.join(repeated)}: give each once, in folders of "
            "different names, which the page uses."
        )
    rows: dict[str, list[FinishedRun]] = {row: [] for row, _ in named}
    missing = []
    for row, folder in named:
        if RunFolder(folder).is_finished:
            rows[row].append(read_run(folder, row))
        else:
            missing.append(folder.name)
    rows = {row: runs for row, runs in rows.items() if runs}
    if not rows:
        raise InputError(
            f"No run in {', '.join(map(str, folders))} is trained and evaluated yet: "
            "run `crosslevel evaluate RUN`, or `crosslevel benchmark` to its end."
        )
    return Collection(rows, missing)


def _key(run: FinishedRun) -> tuple[int, int]:
    return run.config.draw, run.config.seed


def _cell_name(named: tuple[str, Path]) -> str:
    return named[1].resolve().name


def _expand(folder: Path) -> list[tuple[str, Path]]:
    """Return rows and folders of the runs below, begun or planned; references come first."""
    refuse_address(folder)
    if RunFolder(folder).config_file.is_file():
        refuse_adapted(folder)
        return [(folder.resolve().name, folder)]
    found = {}
    for path in (folder / "runs").glob("*"):
        name = path.name.removesuffix(".yaml")
        if cell := Cell.parse(name):
            place = (cell.row not in REFERENCES, cell.row, cell.draw, cell.seed)
            found[place] = (cell.row, path.with_name(name))
    if not found:
        raise InputError(
            f"{folder} is neither a run folder (with config.yaml) nor a bench "
            "(with runs/ROW-drawD-seedS). Name one of these."
        )
    return [found[place] for place in sorted(found)]
