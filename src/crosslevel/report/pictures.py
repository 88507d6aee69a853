"""The parts of a page with photographs, or one sentence that says what they would need."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping, Sequence
from pathlib import Path

from crosslevel.data.cases import usable_cases
from crosslevel.data.quality.fingerprints import changed_images, changed_masks
from crosslevel.data.quality.naming import some
from crosslevel.errors import InputError
from crosslevel.report.failures import failure_sections
from crosslevel.report.figures import HARD_QUANTILES, most_disputed, typical_cases
from crosslevel.report.gallery import NUM_EXTREMES, compared_cases, extreme_cases
from crosslevel.report.page import Section
from crosslevel.report.summary import counted
from crosslevel.runs.finished import FinishedRun, scored_images
from crosslevel.types import Case

NUM_DISPUTED = 2
OUTLINES = "Green outline: the truth. Cyan: the prediction."


def picture_sections(runs: Sequence[FinishedRun], data: Path | None) -> list[Section]:
    """Hard cases of all rows, worst and best cases of each; of one row alone its failures.

    Args:
        runs: One for each row.
        data: Their images; where they were trained if left out.

    Raises:
        DataError: If `data` is given and cannot be listed.
    """
    cases = _cases(runs, data)
    missing = _missing_images(runs, cases, data)
    shown = [run for run in runs if _has_masks(run)]
    remedies = [*missing, *_missing_masks(runs)]
    if missing or not shown:
        return [Section("Pictures", (" ".join(["They are left out.", *remedies]),))]
    remedies += _changed(runs, cases)
    if len(runs) == 1:
        return failure_sections(runs[0], cases, " ".join([OUTLINES, *remedies]))
    chosen = typical_cases(shown, HARD_QUANTILES)
    disputed = [name for name in most_disputed(shown, len(chosen) + NUM_DISPUTED)
                if name not in chosen][:NUM_DISPUTED]  # fmt: skip
    text = [f"{_rule(shown, disputed)} {_which_runs(shown)} {OUTLINES}", *remedies]
    hard = compared_cases(shown, [cases[name] for name in (*chosen, *disputed)])
    first = Section("Hard cases", text, gallery=hard)
    ends = (
        f"The {NUM_EXTREMES} worst and the {NUM_EXTREMES} best {scored_images(shown)} of each row "
        "by Dice."
    )
    both = Section("Worst and best", (f"{ends} {OUTLINES}",), gallery=extreme_cases(shown, cases))
    return [first, both]


def _cases(runs: Sequence[FinishedRun], data: Path | None) -> Mapping[str, Case]:
    """Return cases with masks, by their ids; none if the recorded place has other things by now."""
    skip_bad = any(run.config.skip_bad for run in runs)
    reading, layout = runs[0].config.reading, runs[0].config.layout
    if data is not None:
        found = usable_cases(data, skip_bad=skip_bad, reading=reading, layout=layout)
    else:
        recorded = next((run.environment.data for run in runs if run.environment.data), "")
        try:
            place = Path(recorded) if recorded and Path(recorded).exists() else None
            found = (
                usable_cases(place, skip_bad=skip_bad, reading=reading, layout=layout)
                if place
                else []
            )
        except InputError:
            found = []
    return {case.id: case for case in found if case.mask}


def _missing_images(
    runs: Sequence[FinishedRun], cases: Mapping[str, Case], data: Path | None
) -> list[str]:
    wanted = {name for run in runs for name in map(str, run.per_image.index)}
    number = len(wanted - cases.keys())
    if not number:
        return []
    where = f"in {data}" if data else "at the place the runs recorded"
    return [
        f"{number} of the {len(wanted)} scored images are not {where}: name their folder with "
        "`crosslevel report ... --data DIR`."
    ]


def _missing_masks(runs: Sequence[FinishedRun]) -> list[str]:
    names = ", ".join(run.name for run in runs if not _has_masks(run))
    if not names:
        return []
    return [
        f"There are no predicted masks of {names}: `crosslevel evaluate RUN` writes them where "
        "the run still has its model."
    ]


def _changed(runs: Sequence[FinishedRun], cases: Mapping[str, Case]) -> list[str]:
    """Return a line on scored images, and masks, that are other files by now.

    Masks that had changed when they were scored are not told from those that changed since, so as
    many are passed over.
    """
    scored = [cases[str(name)] for name in runs[0].per_image.index]
    splits = [run.split for run in runs if run.split]
    images = changed_images(ChainMap(*(split.hashes for split in splits)), scored)
    masks = changed_masks(ChainMap(*(split.mask_hashes for split in splits)), scored)
    if len(masks) <= max(run.summary.num_masks_changed or 0 for run in runs):
        masks = []
    if not (images or masks):
        return []
    what = [counted(len(f), noun) for f, noun in ((images, "image"), (masks, "mask")) if f]
    return [
        f"Changed since the training's start: {' and '.join(what)} ({some([*images, *masks])}). "
        "The scores are of the files before: restore them, or repeat `crosslevel evaluate RUN`."
    ]


def _has_masks(run: FinishedRun) -> bool:
    return all((run.predictions / f"{name}.png").is_file() for name in run.per_image.index)


def _rule(runs: Sequence[FinishedRun], disputed: Sequence[str]) -> str:
    quantiles = ", ".join(f"{100 * q:.0f}" for q in HARD_QUANTILES[:-1])
    rule = (
        f"Chosen by a rule, not by hand: the {scored_images(runs)} at the {quantiles} and "
        f"{100 * HARD_QUANTILES[-1]:.0f} % quantile of the Dice averaged over the rows"
    )
    if disputed:
        rule += f", then {len(disputed)} on which the rows disagree most"
    return rule + "."


def _which_runs(runs: Sequence[FinishedRun]) -> str:
    keys = {(run.config.draw, run.config.seed) for run in runs}
    if len(keys) > 1:
        return "Masks of each row's first run."
    [(draw, seed)] = keys
    return f"Masks of draw {draw}, seed {seed}."
