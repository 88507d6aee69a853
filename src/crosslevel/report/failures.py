"""Where a segmenter fails: its lowest Dice, the objects it misses, and what it finds too much."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from crosslevel.data.formats.readers import stem_of
from crosslevel.report.gallery import compared_cases
from crosslevel.report.page import Gallery, Section
from crosslevel.report.summary import counted
from crosslevel.runs.finished import FinishedRun
from crosslevel.runs.records import PerImage, scored
from crosslevel.types import Case

MOST_SHOWN = 4
"""Images of each kind of failure."""
NOT_COUNTED = "The run's objects were not counted: repeat `crosslevel evaluate RUN`."


def failure_sections(run: FinishedRun, cases: Mapping[str, Case], how_read: str) -> list[Section]:
    """Return galleries of the lowest Dice, of missed objects and of false alarms.

    No image is shown twice.

    Args:
        run: The only row of the page.
        cases: Its images with masks, by id.
        how_read: What the outlines mean.
    """
    dice = scored(run.per_image)[PerImage.DICE].sort_values(kind="stable")
    lowest = [str(name) for name in dice.index[:MOST_SHOWN]]
    missed = _with_most(run, PerImage.MISSED_OBJECTS, lowest)
    extra = _with_most(run, PerImage.EXTRA_OBJECTS, [*lowest, *missed])
    first = f"The {counted(len(lowest), 'image')} of lowest Dice. {how_read}"
    return [
        Section("Lowest Dice", (first,), gallery=_gallery(run, cases, lowest)),
        Section(
            "Missed objects", (_missed(run), *_more(missed)), gallery=_gallery(run, cases, missed)
        ),
        Section("False alarms", (_extra(run), *_more(extra)), gallery=_gallery(run, cases, extra)),
    ]


def _with_most(run: FinishedRun, column: str, shown: Sequence[str]) -> list[str]:
    """Return ids of the images with most of these objects that are not shown yet."""
    if column not in run.per_image:
        return []
    table = run.per_image[~run.per_image.index.isin(shown) & (run.per_image[column] > 0)]
    ordered = table.sort_values([column, PerImage.DICE], ascending=[False, True], kind="stable")
    return [str(name) for name in ordered.index[:MOST_SHOWN]]


def _gallery(run: FinishedRun, cases: Mapping[str, Case], names: Sequence[str]) -> Gallery | None:
    return compared_cases([run], [cases[name] for name in names], file_name) if names else None


def _missed(run: FinishedRun) -> str:
    if PerImage.MISSED_OBJECTS not in run.per_image:
        return NOT_COUNTED
    number, images = _count(run, PerImage.MISSED_OBJECTS)
    total = counted(int(run.per_image[PerImage.OBJECTS].sum()), "true object")
    if not number:
        return f"Of {total} none was missed."
    return f"Of {total} {number} were missed: not one of their pixels was found. {images}"


def _extra(run: FinishedRun) -> str:
    if PerImage.EXTRA_OBJECTS not in run.per_image:
        return NOT_COUNTED
    number, images = _count(run, PerImage.EXTRA_OBJECTS)
    if not number:
        return "Nothing was found outside of true objects."
    return f"{counted(number, 'object')} found that touch no true one. {images}"


def _count(run: FinishedRun, column: str) -> tuple[int, str]:
    numbers = run.per_image[column]
    return int(numbers.sum()), f"They are in {int((numbers > 0).sum())} of {len(numbers)} images."


def _more(names: Sequence[str]) -> list[str]:
    return [f"Beside the images above, the {counted(len(names), 'image')} with most."] * bool(names)


def file_name(case: Case) -> str:
    """Return the image's file, after its id where that says more (a folder, a slice)."""
    name = case.image.name
    return name if stem_of(name) == case.id else f"{case.id} ({name})"
