"""The report: everything the files of some runs say, on one page."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from crosslevel.errors import InputError
from crosslevel.report.bench import bench_notes, bench_table
from crosslevel.report.calibration import calibration_curve
from crosslevel.report.classes import class_sections
from crosslevel.report.curves import loss_curves, validation_curves
from crosslevel.report.data_sheet import data_section
from crosslevel.report.distributions import dice_by_coverage, dice_by_size, dice_distribution
from crosslevel.report.drawing import Rows
from crosslevel.report.gain_map import gain_map
from crosslevel.report.groups import group_sections
from crosslevel.report.page import Section, write_page
from crosslevel.report.parts import write_parts
from crosslevel.report.pictures import picture_sections
from crosslevel.report.settings import environment_section, settings_section
from crosslevel.report.summary import counted, summary
from crosslevel.runs.collect import Collection
from crosslevel.runs.compare import VERDICTS, Difference, against, references
from crosslevel.runs.finished import scored_images

NO_SIZES = "The runs recorded no sizes of lesions: repeat `crosslevel evaluate RUN` to get them."
NO_CONFIDENCE = (
    "Not every run recorded its confidence in ten images or more, so it is not drawn: repeat "
    "`crosslevel evaluate RUN` for runs that were scored by an earlier version."
)
OF_ONE_RUN = " With one run each, an interval is over images alone and says nothing of the methods."


def write_report(
    path: Path,
    collection: Collection,
    *,
    data: Path | None = None,
    paper: str | None = None,
    title: str = "Comparison",
    lead: str | None = None,
    parts: Path | None = None,
) -> None:
    """Write the page of a comparison.

    Args:
        path: The HTML file.
        collection: The runs.
        data: Images of the runs, for the pictures; where they were trained if left out.
        paper: A key of `PAPER`, for a column of its numbers.
        title: Of the page.
        lead: Its first sentences; what the run is, or which rows differ, if left out.
        parts: Folder for its tables and figures as files, if they are wanted.

    Raises:
        DataError: If `data` is given and cannot be listed.
        InputError: If `paper` is unknown, or the runs were not scored on the same images.
    """
    _refuse_unlike(collection)
    rows = collection.rows
    first = collection.representatives
    sections = [
        Section(
            "Scores",
            _missing(collection),
            table=bench_table(collection.runs, paper),
            notes=[*bench_notes(collection.runs, paper), *_healthy(collection)],
            charts=[chart for chart in (gain_map(rows),) if chart],
        ),
        *class_sections(rows),
        *group_sections(rows),
        Section(
            "Learning curves",
            has_legend=True,
            charts=[chart for chart in (validation_curves(rows),) if chart],
            small_charts=loss_curves(first),
            small_text="Losses by name, weighted as minimised, of one run of each row",
        ),
        _per_image(rows),
        *picture_sections(first, data),
        data_section(first),
        settings_section(first),
        environment_section(collection.runs),
    ]
    write_page(path, title, lead or _lead(collection), sections, list(rows))
    if parts:
        write_parts(parts, sections)


def _lead(collection: Collection) -> str:
    """Return what the page begins with: of one run what it is, of several how they differ."""
    runs = collection.runs
    return summary(runs[0]) if len(runs) == 1 else verdict(collection)


def _healthy(collection: Collection) -> list[str]:
    return [
        f"{run.label}: {run.summary.healthy}." for run in collection.runs if run.summary.healthy
    ]


def _refuse_unlike(collection: Collection) -> None:
    """Refuse runs of which no image was scored in all."""
    if not set.intersection(*(set(run.dice.index) for run in collection.runs)):
        raise InputError(
            f"{counted(len(collection.runs), 'run')} without one image that all of them were "
            "scored on: there is nothing to compare. Make a page of each (`crosslevel report "
            "RUN`), or score them on the same images (`crosslevel evaluate RUN --data DIR`)."
        )


def verdict(collection: Collection) -> str:
    """Return which rows differ from the reference, in words; no more than the intervals allow."""
    rows = collection.rows
    num_images = len(collection.runs[0].dice)
    counts = f"{counted(len(collection.runs), 'run')} in {counted(len(rows), 'row')}, "
    counts += f"{counted(num_images, scored_images(collection.runs).removesuffix('s'))}."
    reference = references(rows)[0]
    gains = {name: against(runs, rows[reference]) for name, runs in rows.items()}
    known = {name: gain for name, gain in gains.items() if gain is not None}
    if not known:
        return counts
    has_single = any(len(gain.of_runs) == 1 for gain in known.values())
    return (
        f"{counts} Dice against {reference}, with 95 % intervals over runs and images: "
        f"{_sorted_out(known)}.{OF_ONE_RUN if has_single else ''}"
    )


def _sorted_out(gains: Mapping[str, Difference]) -> str:
    """Group the rows by their verdict."""
    groups: dict[str, list[str]] = {word: [] for word in VERDICTS}
    for name, gain in gains.items():
        shown = f"{name} ({gain.mean:+.1f} [{gain.low:+.1f}, {gain.high:+.1f}])"
        groups[gain.verdict].append(shown)
    return "; ".join(f"{word}: {', '.join(names)}" for word, names in groups.items() if names)


def _missing(collection: Collection) -> list[str]:
    missing = ", ".join(collection.missing)
    return [f"Not finished, and not counted: {missing}."] if missing else []


def _per_image(rows: Rows) -> Section:
    by_size = dice_by_size(rows)
    by_coverage = dice_by_coverage(rows)
    missing = {NO_SIZES: by_size, NO_CONFIDENCE: by_coverage}
    charts = [dice_distribution(rows), by_size, by_coverage, calibration_curve(rows)]
    return Section(
        "Per image",
        [note for note, chart in missing.items() if chart is None],
        has_legend=True,
        charts=[chart for chart in charts if chart],
    )
