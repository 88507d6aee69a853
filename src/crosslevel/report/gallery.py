"""Photographs with outlines for a page, small enough to be mailed."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from crosslevel.data.reading import read_case, read_case_mask
from crosslevel.images.overlay import draw_outlines
from crosslevel.report.figures import PREDICTION_COLOUR, TRUTH_COLOUR, read_prediction
from crosslevel.report.page import Gallery, Panel
from crosslevel.runs.finished import FinishedRun
from crosslevel.runs.records import PerImage
from crosslevel.types import Case

WIDTH, COMPACT_WIDTH = 240, 180
"""Pixels of a photograph."""
NUM_EXTREMES = 4


def compared_cases(
    runs: Sequence[FinishedRun],
    cases: Iterable[Case],
    heading: Callable[[Case], str] = lambda case: case.id,
) -> Gallery:
    """Show each case as a row: the image, its truth, each run's prediction beside the truth.

    Args:
        runs: In the order of their panels.
        cases: In the order of their rows.
        heading: Of a case.
    """
    rows = []
    for case in cases:
        shown = [
            Panel(_picture(case, runs[0], WIDTH), "image"),
            Panel(_picture(case, runs[0], WIDTH, with_truth=True), "truth"),
        ]
        shown += [
            Panel(
                _picture(case, run, WIDTH, with_truth=True, with_prediction=True),
                f"{run.name if len(runs) > 1 else 'prediction'}: Dice {_dice(run, case.id):.0f}",
            )
            for run in runs
        ]
        rows.append((heading(case), shown))
    return Gallery(rows)


def extreme_cases(runs: Sequence[FinishedRun], cases: Mapping[str, Case]) -> Gallery:
    """Return the worst and the best cases of each run, with truth and prediction."""
    rows = []
    for run in runs:
        ordered = list(map(str, run.dice.sort_values(kind="stable").index))
        number = min(NUM_EXTREMES, len(ordered) // 2)
        chosen = [("worst", name) for name in ordered[:number]]
        chosen += [("best", name) for name in ordered[len(ordered) - number :]]
        shown = [
            Panel(
                _picture(cases[name], run, COMPACT_WIDTH, with_truth=True, with_prediction=True),
                f"{kind}, Dice {_dice(run, name):.0f}: {name}",
            )
            for kind, name in chosen
        ]
        rows.append((run.name, shown))
    return Gallery(rows, is_compact=True)


def _dice(run: FinishedRun, case_id: str) -> float:
    return 100 * float(run.per_image[PerImage.DICE].to_dict()[case_id])  # healthy ones, too


def _picture(
    case: Case,
    run: FinishedRun,
    width: int,
    *,
    with_truth: bool = False,
    with_prediction: bool = False,
) -> str:
    classes = run.config.mask_classes
    image = read_case(case, run.config.reading)
    size = (width, max(1, round(image.shape[0] * width / image.shape[1])))
    image = _resized(image, size)
    if with_truth:
        truth = _resized(read_case_mask(case, classes, run.config.reading), size)
        image = draw_outlines(image, truth, [TRUTH_COLOUR])
    if with_prediction:
        prediction = read_prediction(run.predictions / f"{case.id}.png", classes)
        image = draw_outlines(image, _resized(prediction, size), [PREDICTION_COLOUR])
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=85)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()


def _resized(array: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    kind = Image.Resampling.LANCZOS if array.ndim == 3 else Image.Resampling.NEAREST
    return np.asarray(Image.fromarray(array).resize(size, kind))
