"""The table of a bench: scores beside the paper's, paired comparisons, cost; from files alone."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import bootstrap, wilcoxon

from crosslevel.errors import InputError
from crosslevel.report.runs import FinishedRun

SCORES = {"dice": "Dice", "iou": "mIoU", "mae": "MAE"}
PAPER: dict[str, dict[str, str]] = {
    "kvasir-seg": {
        "supervised": "67.03±0.87 / 57.08±0.64 / 8.16",
        "uamt": "69.87±0.61 / 59.43±1.11 / 7.40",
        "urpc": "70.83±0.24 / 61.50±0.71 / 7.10",
        "clcc_without_consistency": "70.37±0.94 / 59.73±0.97 / 7.73",
        "clcc_without_contrast": "72.17±1.46 / 61.10±1.56 / 7.77",
        "clcc": "73.63±0.25 / 63.50±0.16 / 6.63",
    },
    "isic2018": {
        "supervised": "79.2±0.93 / 70.77±1.16 / 8.03±0.98",
        "uamt": "80.70±1.87 / 72.16±2.10 / 7.13±0.94",
        "urpc": "80.13±2.21 / 71.83±2.19 / 7.23±0.78",
        "clcc": "82.47±0.73 / 74.00±0.57 / 6.90±0.35",
    },
}
"""Dice / mIoU / MAE of Zhao et al., ISBI 2022, Tables 1 and 2: their data split, 320 px."""
REFERENCES = ("supervised", "supervised_ema", "clcc")
"""Rows that all others are compared with, where they are there; else the first row."""


@dataclass(frozen=True, slots=True)
class Difference:
    """How much better one row is than another on the same images and draws.

    Attributes:
        mean: Mean difference of Dice, ×100.
        low: Lower end of its 95 % bootstrap interval over images.
        high: Upper end.
        p: Of Wilcoxon's signed-rank test over images.
        of_runs: The mean difference in each pair of runs, of one draw and seed.
    """

    mean: float
    low: float
    high: float
    p: float
    of_runs: tuple[float, ...]

    def __str__(self) -> str:
        """As a table shows it; of several pairs of runs also in how many the row is ahead."""
        shown = f"{self.mean:+.2f} [{self.low:+.2f}, {self.high:+.2f}] p={self.p:.2g}"
        num_ahead = sum(gain > 0 for gain in self.of_runs)
        return shown + (f" {num_ahead}/{len(self.of_runs)}" if len(self.of_runs) > 1 else "")

    @property
    def verdict(self) -> str:
        """No more than the images allow, nor than the runs agree on."""
        if self.low <= 0 <= self.high:
            return "not told apart"
        if min(self.of_runs) < 0 < max(self.of_runs):
            return "runs disagree"
        return "better" if self.low > 0 else "worse"


def bench_table(runs: Sequence[FinishedRun], paper: str | None = None) -> pd.DataFrame:
    """One row for each method: mean ± standard deviation over its runs, differences, cost.

    Args:
        runs: The finished runs; those of one name make a row, in the order to be shown.
        paper: A key of `PAPER`, for a column of its numbers.

    Raises:
        InputError: If `paper` is unknown.
    """
    check_paper(paper)
    rows = _by_row(runs)
    table = []
    for row, members in rows.items():
        entry = {"Method": row, "Runs": str(len(members))}
        entry |= {label: _spread(members, name) for name, label in SCORES.items()}
        if paper:
            entry["Paper: Dice / mIoU / MAE"] = PAPER[paper].get(row, "")
        entry["Steps"] = str(members[0].num_steps)
        entry["Minutes"] = f"{np.mean([m.seconds for m in members]) / 60:.1f}"
        peak = max(m.peak_bytes for m in members)
        entry["Memory (GB)"] = f"{peak / 1e9:.2f}" if peak else ""
        for reference in references(rows):
            gain = against(members, rows[reference])
            entry[f"Dice against {reference}"] = "" if gain is None else str(gain)
        table.append(entry)
    shown = pd.DataFrame(table)
    return shown.loc[:, (shown != "").any()]


def references(rows: Iterable[str]) -> list[str]:
    """Which of these rows all others are compared with: at least one, and of two rows one."""
    names = list(rows)
    return ([name for name in REFERENCES if name in names] or names)[: max(1, len(names) - 1)]


def check_paper(paper: str | None) -> None:
    """Raise an InputError unless it is a key of `PAPER`, or None."""
    if paper and paper not in PAPER:
        raise InputError(f"No numbers of a paper on {paper!r}: choose from {sorted(PAPER)}.")


def paired_difference(better: NDArray[np.float64], worse: NDArray[np.float64]) -> Difference:
    """Compare two rows by the Dice of each image, averaged over the runs.

    Args:
        better: (runs, images) or (images,), Dice in [0, 1].
        worse: The same runs and images, in the same order, of the row compared with.

    Returns:
        The difference `better` - `worse`; its interval is the percentile bootstrap over images,
        which is unbounded for a single one.
    """
    of_runs = 100 * np.atleast_2d(better - worse)
    means = tuple(of_runs.mean(axis=1).tolist())
    gains = of_runs.mean(axis=0)
    if not gains.any():
        return Difference(0.0, 0.0, 0.0, 1.0, means)
    if len(gains) == 1:
        return Difference(float(gains[0]), -math.inf, math.inf, 1.0, means)
    interval = bootstrap(
        (gains,), np.mean, n_resamples=5000, method="percentile", rng=np.random.default_rng(0)
    ).confidence_interval
    p = float(wilcoxon(gains).pvalue)
    return Difference(float(gains.mean()), float(interval.low), float(interval.high), p, means)


def _spread(members: Sequence[FinishedRun], name: str) -> str:
    values = [float(m.summary["mean"][name]) for m in members]
    spread = f"±{np.std(values, ddof=1):.2f}" if len(values) > 1 else ""
    return f"{np.mean(values):.2f}{spread}"


def against(members: Sequence[FinishedRun], reference: Sequence[FinishedRun]) -> Difference | None:
    """Difference of Dice over the draws and seeds that both rows have finished.

    Returns:
        None for a row against itself, and where `why_not_compared` has a reason.
    """
    if members[0].name == reference[0].name or why_not_compared(members, reference):
        return None
    rows = zip(*_pairs(members, reference), strict=True)
    ours, theirs = (pd.concat([run.dice for run in row], axis=1) for row in rows)
    return paired_difference(ours.to_numpy().T, theirs.loc[ours.index].to_numpy().T)


def why_not_compared(
    members: Sequence[FinishedRun], reference: Sequence[FinishedRun]
) -> str | None:
    """Why two rows cannot be compared image by image; None if they can."""
    pairs = _pairs(members, reference)
    if not pairs:
        return "no draw and seed in common"
    paired = [run for pair in pairs for run in pair]
    if any(run.dice.isna().any() or not run.dice.index.is_unique for run in paired):
        return "an image has no score, or two"
    if len({frozenset(run.dice.index) for run in paired}) > 1:
        return "not scored on the same images"
    if any(ours.split and theirs.split and ours.split != theirs.split for ours, theirs in pairs):
        return "not of the same split of the data"
    return None


def _pairs(
    members: Sequence[FinishedRun], reference: Sequence[FinishedRun]
) -> list[tuple[FinishedRun, FinishedRun]]:
    """Those of one draw and seed."""
    ours, theirs = (
        {(run.config.draw, run.config.seed): run for run in row} for row in (members, reference)
    )
    return [(ours[key], theirs[key]) for key in sorted(ours.keys() & theirs.keys())]


def _by_row(runs: Sequence[FinishedRun]) -> dict[str, list[FinishedRun]]:
    rows: dict[str, list[FinishedRun]] = {}
    for run in runs:
        rows.setdefault(run.name, []).append(run)
    return rows


def bench_notes(runs: Sequence[FinishedRun], paper: str | None) -> list[str]:
    """What the reader of the table has to know."""
    configs, summaries = [run.config for run in runs], [run.summary for run in runs]
    processors = [run.environment.get("processor", "") for run in runs]
    rows = _by_row(runs)
    scores = (
        "Dice, mIoU, MAE: mean over test images, ×100, then mean ± standard deviation over runs."
    )
    if len(rows) > 1:
        scores += (
            " Differences: mean [95 % bootstrap interval over images] and Wilcoxon's p, each image "
            "averaged over the draws both rows have, then in how many of these runs the row is "
            "ahead. Intervals and p do not hold the luck of another draw or seed."
        )
    notes = [
        scores,
        f"{_each(c.size for c in configs)} px, {_each(c.epochs for c in configs)} epochs, "
        f"labelled {_each(c.labelled for c in configs)}, "
        f"{_each(s['num_cases'] for s in summaries)} test images, scored at their "
        f"{_each(s['metric_size'] for s in summaries)} size; {_each(filter(None, processors))}.",
    ]
    notes += _warnings(rows)
    if paper:
        notes.append(
            "The paper's numbers (Zhao et al., ISBI 2022) are of its own split, at 320 px after "
            "300 epochs: another protocol, to be compared with care."
        )
    return notes


def _warnings(rows: Mapping[str, Sequence[FinishedRun]]) -> list[str]:
    """What is not compared, and rows whose runs are not of one kind."""
    found = []
    for reference in references(rows):
        reasons = {row: why_not_compared(runs, rows[reference]) for row, runs in rows.items()}
        found += [
            f"{row} is not compared with {reference}: {reason}."
            for row, reason in reasons.items()
            if reason and row != reference
        ]
    for row, runs in rows.items():
        if len({run.environment.get("method_source") for run in runs}) > 1:
            found.append(f"The file of {row} changed between its runs, which are averaged here.")
    return found


def _each(values: Iterable[object]) -> str:
    """The values that occur; one, if all runs agree."""
    return " | ".join(dict.fromkeys(map(str, values))) or "not recorded"


def to_markdown(table: pd.DataFrame, notes: Sequence[str]) -> str:
    """The table with notes below it, as Markdown."""
    lines = [
        "| " + " | ".join(table.columns) + " |",
        "|" + " --- |" * len(table.columns),
        *("| " + " | ".join(row) + " |" for row in table.itertuples(index=False)),
    ]
    return "\n".join([*lines, "", *notes]) + "\n"
