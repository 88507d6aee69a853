"""The report: everything the files of some runs say, on one page."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import yaml

from crosslevel.config import flatten, to_dict, to_yaml
from crosslevel.data.cases import index_cases
from crosslevel.report.bench import REFERENCES, against, bench_notes, bench_table
from crosslevel.report.charts import (
    dice_by_size,
    dice_distribution,
    loss_curves,
    validation_curves,
)
from crosslevel.report.collect import Collection
from crosslevel.report.figures import typical_cases
from crosslevel.report.gallery import compared_cases, extreme_cases
from crosslevel.report.page import Section, write_page
from crosslevel.report.runs import FinishedRun
from crosslevel.types import Case

NOT_SHOWN = (
    "Pictures need the images and the predicted masks of every run: name the images with --data, "
    "and repeat `crosslevel evaluate` for runs whose folder has no predictions."
)
CASES_RULE = (
    "From hard to easy: the test images at the 10, 30, 50, 70 and 90 % quantile of the mean Dice "
    "of all runs shown. Nobody chose them."
)
PER_RUN = ("draw", "seed")
"""Settings in which the runs of one row differ."""


def write_report(
    path: Path,
    collection: Collection,
    *,
    data: Path | None = None,
    paper: str | None = None,
    title: str = "Comparison",
    lead: str | None = None,
) -> None:
    """Write the page of a comparison.

    Args:
        path: The HTML file.
        collection: The runs.
        data: Images of the runs, for the pictures; where they were trained if left out.
        paper: A key of `PAPER`, for a column of its numbers.
        title: Of the page.
        lead: Its first sentences; which rows differ from the reference if left out.

    Raises:
        DataError: If `data` is given and cannot be listed.
        InputError: If rows were not scored on the same images.
    """
    rows = collection.rows
    sections = [
        Section(
            "Scores",
            [*bench_notes(collection.runs, paper), *_missing(collection)],
            table=bench_table(collection.runs, paper),
        ),
        Section("Learning curves", charts=(validation_curves(rows), loss_curves(rows))),
        Section("Per image", charts=(dice_distribution(rows), dice_by_size(rows))),
        *_pictures([runs[0] for runs in rows.values()], data),
        _settings([runs[0] for runs in rows.values()]),
        _environment(collection.runs),
    ]
    write_page(path, title, lead or verdict(collection), sections)


def verdict(collection: Collection) -> str:
    """Which rows differ from the reference, in words; no more than the intervals allow."""
    rows = collection.rows
    num_images = len(collection.runs[0].per_image)
    counts = f"{len(collection.runs)} runs in {len(rows)} rows, {num_images} test images."
    reference = next((name for name in REFERENCES if name in rows), next(iter(rows)))
    found = []
    for name, runs in rows.items():
        gain = against(runs, rows[reference])
        if gain is None:
            continue
        word = "better" if gain.low > 0 else "worse" if gain.high < 0 else "not told apart"
        interval = f"{gain.mean:+.1f} [{gain.low:+.1f}, {gain.high:+.1f}]"
        found.append(f"{name} is {word} ({interval})")
    if not found:
        return counts
    return f"{counts} Mean Dice against {reference}, with 95 % intervals: {'; '.join(found)}."


def _missing(collection: Collection) -> list[str]:
    missing = ", ".join(collection.missing)
    return [f"Not finished, and not counted: {missing}."] if missing else []


def _pictures(runs: Sequence[FinishedRun], data: Path | None) -> list[Section]:
    cases = _cases(runs[0], data)
    ids = [set(map(str, run.per_image.index)) for run in runs]
    has_files = all(
        (run.predictions / f"{name}.png").is_file()
        for run, names in zip(runs, ids, strict=True)
        for name in names
    )
    if not has_files or not set.union(*ids) <= cases.keys():
        return [Section("Cases", (NOT_SHOWN,))]
    chosen = [cases[name] for name in typical_cases(runs)]
    return [
        Section("Cases", (CASES_RULE,), gallery=compared_cases(runs, chosen)),
        Section(
            "Worst and best",
            ("The three worst and the three best test images of each row's first run.",),
            gallery=extreme_cases(runs, cases),
        ),
    ]


def _cases(run: FinishedRun, data: Path | None) -> dict[str, Case]:
    recorded = run.environment.get("data")
    if data is None and recorded is not None and Path(recorded).exists():
        data = Path(recorded)
    return {} if data is None else {case.id: case for case in index_cases(data) if case.mask}


def _settings(runs: Sequence[FinishedRun]) -> Section:
    flat = {run.name: flatten(to_dict(run.config)) for run in runs}
    table = pd.DataFrame(flat).map(_shown)
    differing = table[table.nunique(axis=1) > 1]
    differing = differing[~differing.index.isin([*PER_RUN, "args"])]
    text = "Where the rows differ; all other settings are equal, and spelled out below."
    return Section(
        "Settings",
        (text if len(differing) else "All rows have the same settings.",),
        table=differing.rename_axis("Setting").reset_index() if len(differing) else None,
        details=[(f"All settings of {run.name}", to_yaml(run.config)) for run in runs],
    )


def _shown(value: object) -> str:
    return "" if isinstance(value, float) and pd.isna(value) else json.dumps(value)


def _environment(runs: Sequence[FinishedRun]) -> Section:
    described = {run.label: yaml.safe_dump(run.environment, sort_keys=False) for run in runs}
    by_text: dict[str, list[str]] = {}
    for label, text in described.items():
        by_text.setdefault(text, []).append(label)
    details = [(", ".join(labels), text) for text, labels in by_text.items()]
    text = "Versions, commit, command, machine and threads, as each run wrote them down."
    return Section("Environment", (text,), details=details)
