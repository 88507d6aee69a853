"""The table of a bench: scores beside the paper's, paired comparisons, cost; from files alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from crosslevel.errors import InputError
from crosslevel.runs.compare import ONE_RUN, against, by_row, pairs, references, why_not_compared
from crosslevel.runs.finished import FinishedRun, scored_images
from crosslevel.runs.records import DEFINITIONS, SCORES

SHOWN = ("dice", "iou", "mae", "mae_mask", "hd95_px")
"""Those of the paper's tables, and a distance."""
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
"""Dice / mIoU / MAE of masks: Zhao et al., ISBI 2022, Tables 1 and 2, on their split at 320 px."""


def bench_table(runs: Sequence[FinishedRun], paper: str | None = None) -> pd.DataFrame:
    """Return one row for each method: mean ± standard deviation over its runs, differences, cost.

    Args:
        runs: The finished runs; those of one name make a row, in the order to be shown.
        paper: A key of `PAPER`, for a column of its numbers.

    Raises:
        InputError: If `paper` is unknown.
    """
    check_paper(paper)
    rows = by_row(runs)
    table = []
    for row, members in rows.items():
        entry = {"Method": row, "Runs": str(len(members))}
        entry |= {SCORES[name]: _spread(members, name) for name in SHOWN}
        if paper:
            entry["Paper: Dice / mIoU / MAE (mask)"] = PAPER[paper].get(row, "")
        entry["Steps"] = _each(member.num_steps for member in members)
        entry["Minutes"] = f"{np.mean([m.seconds for m in members]) / 60:.1f}"
        peak = max(m.peak_bytes for m in members)
        entry["Memory (GB)"] = f"{peak / 1e9:.2f}" if peak else ""
        for reference in references(rows):
            gain = against(members, rows[reference])
            entry[f"Dice against {reference}"] = "" if gain is None else str(gain)
        table.append(entry)
    shown = pd.DataFrame(table)
    return shown.loc[:, (shown != "").any()]


def check_paper(paper: str | None) -> None:
    """Raise an InputError unless it is a key of `PAPER`, or None."""
    if paper and paper not in PAPER:
        raise InputError(f"No numbers of a paper on {paper!r}: choose from {sorted(PAPER)}.")


def _spread(members: Sequence[FinishedRun], name: str) -> str:
    """Return "" if a run was scored by a version that had no such score."""
    if any(name not in m.summary.mean for m in members):
        return ""
    values = [float(m.summary.mean[name]) for m in members]
    spread = f"±{np.std(values, ddof=1):.2f}" if len(values) > 1 else ""
    return f"{np.mean(values):.2f}{spread}"


def bench_notes(runs: Sequence[FinishedRun], paper: str | None) -> list[str]:
    """Return what the reader of the table has to know."""
    configs, summaries = [run.config for run in runs], [run.summary for run in runs]
    processors = [run.environment.processor for run in runs]
    rows = by_row(runs)
    scores = (
        f"Scores: mean over {scored_images(runs)}, ×100 but for distances, then mean ± standard "
        f"deviation over runs. MAE (prob.): {DEFINITIONS['mae']}; MAE (mask): "
        f"{DEFINITIONS['mae_mask']}. HD95: {DEFINITIONS['hd95']}."
    )
    if len(rows) > 1:
        scores += (
            " Differences: mean [95 % interval over runs and images], then in how many pairs of "
            f"runs the row is ahead; of {ONE_RUN}, over images alone, which says nothing of the "
            "methods."
        )
    notes = [
        scores,
        f"{_each(c.size for c in configs)} px, {_each(len(run.log) for run in runs)} epochs, "
        f"labelled {_each(c.labelled for c in configs)}, "
        f"{_each(map(_num_images, runs))}, scored at their "
        f"{_each(s.metric_size for s in summaries)} size; {_each(filter(None, processors))}.",
    ]
    notes += _warnings(rows)
    if paper:
        notes.append(
            "The paper's numbers (Zhao et al., ISBI 2022) are of its own split, at 320 px after "
            "300 epochs: another protocol, to be compared with care."
        )
    return notes


def _num_images(run: FinishedRun) -> str:
    """Return how many images there were, and of how many the means are."""
    summary = run.summary
    number = summary.num_cases - (summary.healthy.num_images if summary.healthy else 0)
    some = f" (scores of the {number} with foreground)" if 0 < number < summary.num_cases else ""
    return f"{summary.num_cases} {scored_images([run])}{some}"


def _warnings(rows: Mapping[str, Sequence[FinishedRun]]) -> list[str]:
    """Return what is not compared, and rows whose runs are not of one kind."""
    found = []
    for reference in references(rows):
        reasons = {row: why_not_compared(runs, rows[reference]) for row, runs in rows.items()}
        found += [
            f"{row} is not compared with {reference}: {reason}."
            for row, reason in reasons.items()
            if reason and row != reference
        ]
        found += _without_partner(rows, reference)
    for row, runs in rows.items():
        if len({run.environment.method_source for run in runs}) > 1:
            found.append(f"The file of {row} changed between its runs, which are averaged here.")
    return found


def _without_partner(rows: Mapping[str, Sequence[FinishedRun]], reference: str) -> list[str]:
    """Runs that no difference counts, since the other row has none of their draw left."""
    found = []
    for row, runs in rows.items():
        number = len(pairs(runs, rows[reference]))
        left = {row: len(runs) - number, reference: len(rows[reference]) - number}
        if row != reference and number:
            found += [
                f"{count} of the runs of {name} have no partner in the difference between {row} "
                f"and {reference}."
                for name, count in left.items()
                if count
            ]
    return found


def _each(values: Iterable[object]) -> str:
    """Return the values that occur; one, if all runs agree."""
    return " | ".join(dict.fromkeys(map(str, values))) or "not recorded"


def to_markdown(table: pd.DataFrame, notes: Sequence[str]) -> str:
    """Return the table with notes below it, as Markdown."""
    lines = [
        "| " + " | ".join(table.columns) + " |",
        "|" + " --- |" * len(table.columns),
        *("| " + " | ".join(row) + " |" for row in table.itertuples(index=False)),
    ]
    return "\n".join([*lines, "", *notes]) + "\n"
