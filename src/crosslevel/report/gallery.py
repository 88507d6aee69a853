"""Photographs with outlines for a page: chosen by a rule, small enough to be mailed."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from crosslevel.data.reading import read_image, read_mask
from crosslevel.overlay import draw_outlines
from crosslevel.report.figures import PREDICTION_COLOUR, TRUTH_COLOUR, read_prediction
from crosslevel.report.page import Gallery, Panel
from crosslevel.report.runs import FinishedRun
from crosslevel.types import Case, Classes

WIDTH = 240
NUM_EXTREMES = 3
COLOURS_MEAN = "Green: the truth. Cyan: the prediction."


def compared_cases(runs: Sequence[FinishedRun], cases: Sequence[Case]) -> Gallery:
    """Each case as a row: the image with its truth, then with each run's prediction."""
    rows = []
    for case in cases:
        shown = [Panel(_picture(case, runs[0].config.mask_classes, None), "truth")]
        shown += [
            Panel(
                _picture(case, run.config.mask_classes, run, with_truth=False),
                f"{run.name}: Dice {_dice(run, case.id):.0f}",
            )
            for run in runs
        ]
        rows.append((case.id, shown))
    return Gallery(rows, COLOURS_MEAN)


def extreme_cases(runs: Sequence[FinishedRun], cases: Mapping[str, Case]) -> Gallery:
    """The worst and the best cases of each run, with truth and prediction."""
    rows = []
    for run in runs:
        ordered = run.per_image["dice"].sort_values(kind="stable").index
        chosen = [*ordered[:NUM_EXTREMES], *ordered[-NUM_EXTREMES:]]
        shown = [
            Panel(
                _picture(cases[name], run.config.mask_classes, run),
                f"{name}: Dice {_dice(run, name):.0f}",
            )
            for name in dict.fromkeys(map(str, chosen))
        ]
        rows.append((run.name, shown))
    return Gallery(rows, COLOURS_MEAN)


def _dice(run: FinishedRun, case_id: str) -> float:
    return 100 * float(run.per_image["dice"].to_dict()[case_id])


def _picture(
    case: Case, classes: Classes, run: FinishedRun | None, *, with_truth: bool = True
) -> str:
    assert case.mask is not None, "only evaluated cases are shown"
    image = _small(read_image(case.image))
    if with_truth:
        truth = _small(read_mask(case.mask, classes))
        image = draw_outlines(image, truth, [TRUTH_COLOUR])
    if run is not None:
        prediction = _small(read_prediction(run.predictions / f"{case.id}.png", classes))
        image = draw_outlines(image, prediction, [PREDICTION_COLOUR])
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=82)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()


def _small(array: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = array.shape[:2]
    size = (WIDTH, max(1, round(height * WIDTH / width)))
    kind = Image.Resampling.LANCZOS if array.ndim == 3 else Image.Resampling.NEAREST
    return np.asarray(Image.fromarray(array).resize(size, kind))
