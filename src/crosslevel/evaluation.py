"""Evaluation: a trained segmenter and cases with masks become one row of scores for each case."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from crosslevel.console import Reporter
from crosslevel.data.cases import index_cases
from crosslevel.data.preprocess import resize_mask
from crosslevel.data.reading import content_hash, read_image, read_mask
from crosslevel.data.split import Split, resolve_split
from crosslevel.errors import DataError, InputError
from crosslevel.files import write_text
from crosslevel.inference import Probabilities, Segmenter, write_mask
from crosslevel.metrics import CaseScore, score_case, to_classes
from crosslevel.run_folder import RunFolder, describe_environment
from crosslevel.types import Case, Classes

Subset = Literal["test", "val", "all"]
MetricSize = Literal["original", "input"]
IN_PERCENT = ("dice", "iou", "mae", "precision", "recall")


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The scores of one model on one set of cases.

    Attributes:
        per_image: One row for each case: id, scores (in [0, 1], distances in pixels), sizes.
        summary: Means (×100 where the paper's tables are), and how they were made.
        per_image_file: Where the rows were written.
    """

    per_image: pd.DataFrame
    summary: dict[str, Any]
    per_image_file: Path

    def to_text(self) -> str:
        """The summary as a small table for a person."""
        means = self.summary["mean"]
        names = {"dice": "Dice", "iou": "mIoU", "mae": "MAE", "precision": "Precision",
                 "recall": "Recall", "hd95_px": "HD95 (px)", "assd_px": "ASSD (px)"}  # fmt: skip
        header = "  ".join(f"{label:>9}" for label in names.values())
        values = "  ".join(f"{means[name]:9.2f}" for name in names)
        return f"{self.summary['subset']}, {self.summary['num_cases']} images\n{header}\n{values}"


def evaluate(
    run: Path | str,
    data: Path | str | None = None,
    *,
    subset: Subset = "test",
    metric_size: MetricSize = "original",
    flips: bool = False,
    out: Path | str | None = None,
    reporter: Reporter | None = None,
) -> Evaluation:
    """Score the best model of a run, and keep its masks in `predictions/` beside the scores.

    Args:
        run: The run folder.
        data: Folder or CSV of images; the one the run was trained on if left out.
        subset: "test" or "val" of the run's own split, or "all" cases of `data` with a mask.
        metric_size: Score at each mask's own size, or at the network's input size (the paper).
        flips: Average each prediction over the image's mirror images.
        out: Folder for the files. If left out, the run folder for the test part at original size,
            else `scores-SUBSET-SIZE` in it, with `-flips` if so.
        reporter: Who tells the user; silent if left out.

    Returns:
        The scores, also written to `per_image.csv` and `summary.json`.

    Raises:
        InputError: If the run has no model, a case of the subset is missing or changed, or with
            "all" a case was trained on.
        DataError: If an image or mask cannot be read.
    """
    if subset not in get_args(Subset) or metric_size not in get_args(MetricSize):
        raise InputError(
            f"subset is {subset!r} and metric_size {metric_size!r}; they must be of "
            f"{get_args(Subset)} and {get_args(MetricSize)}."
        )
    reporter = reporter or Reporter(quiet=True)
    folder = RunFolder(Path(run))
    classes = folder.config().mask_classes
    segmenter = Segmenter.load(folder.path, flips=flips)
    data = Path(data) if data else _own_data(folder)
    cases = _choose(data, Split.load(folder.split_file), subset)
    is_the_score = subset == "test" and metric_size == "original" and not flips
    name = f"scores-{subset}-{metric_size}" + ("-flips" if flips else "")
    beside = folder if is_the_score else RunFolder(folder.path / name)
    target = RunFolder(Path(out)) if out else beside
    with reporter.task(f"Evaluating {subset}", len(cases)) as advance:
        rows = []
        for case, probability, row in _score_all(segmenter, cases, classes, metric_size):
            rows.append(row)
            mask = to_classes(probability, segmenter.card.threshold)
            path = target.predictions_folder / f"{case.id}.png"
            write_mask(path, mask, segmenter.card.num_channels)
            advance()
    per_image = pd.DataFrame(rows)
    summary = {
        "subset": subset,
        "num_cases": len(cases),
        "mean": _means(per_image),
        "metric_size": metric_size,
        "threshold": segmenter.card.threshold,
        "flips": flips,
        "method": segmenter.card.method,
        "model": str(folder.path),
        "data": str(data),
        "environment": describe_environment(),
    }
    write_text(target.per_image_file, per_image.to_csv(index=False))
    write_text(target.summary_file, json.dumps(summary, indent=2) + "\n")
    return Evaluation(per_image, summary, target.per_image_file)


def _choose(data: Path, split: Split, subset: Subset) -> list[Case]:
    cases = index_cases(data)
    if subset != "all":
        try:
            chosen = resolve_split(split, cases)[subset]
        except DataError as error:
            hint = f"To score images that are not of this run's split, use --subset all ({data})."
            raise DataError([*error.problems, hint]) from error
        if not chosen:
            raise InputError(
                f"The run's split has no {subset} images: use --subset val, or --subset all with "
                "--data and other images that have masks."
            )
        return chosen
    chosen = [case for case in cases if case.mask]
    if not chosen:
        raise InputError(f"{data} has no masks: there is nothing to compare predictions with.")
    trained_on = {
        split.hashes[name]: name for name in (*split.train_labelled, *split.train_unlabelled)
    }
    seen = [case.id for case in chosen if content_hash(case.image) in trained_on]
    if seen:
        raise InputError(
            f"{len(seen)} images of {data} were trained on (the first is {seen[0]!r}): a score on "
            "them would mislead. Use --subset test, or give other images."
        )
    return chosen


def _own_data(folder: RunFolder) -> Path:
    recorded = folder.environment().get("data")
    if not recorded or not Path(recorded).exists():
        raise InputError(f"The data of {folder.path} is not at {recorded}: name it with --data.")
    return Path(recorded)


def _score_all(
    segmenter: Segmenter, cases: Sequence[Case], classes: Classes, metric_size: MetricSize
) -> Iterator[tuple[Case, Probabilities, dict[str, Any]]]:
    images = (read_image(case.image) for case in cases)
    stream = segmenter.stream if metric_size == "original" else segmenter.stream_small
    for case, probability in zip(cases, stream(images), strict=True):
        assert case.mask is not None, "only cases with masks are evaluated"
        truth = read_mask(case.mask, classes)
        if metric_size == "original" and truth.shape != probability.shape[1:]:
            raise DataError(
                [
                    f"{case.mask}: {truth.shape} (height, width), but its image {case.image} is "
                    f"{probability.shape[1:]}. Give the mask the size of its image."
                ]
            )
        if metric_size == "input":
            truth = resize_mask(truth, segmenter.card.size)
        yield case, probability, _score(case, probability, truth, segmenter)


def _score(
    case: Case, probability: Probabilities, truth: NDArray[np.uint8], segmenter: Segmenter
) -> dict[str, Any]:
    scores = score_case(probability, truth, threshold=segmenter.card.threshold)
    row: dict[str, Any] = {"id": case.id, **asdict(CaseScore.mean(scores))}
    if len(scores) > 1:
        row |= {
            f"dice_{name}": score.dice
            for name, score in zip(segmenter.card.classes, scores, strict=True)
        }
    row["foreground_share"] = float((truth > 0).mean())
    row["height"], row["width"] = truth.shape
    return row


def _means(per_image: pd.DataFrame) -> dict[str, float]:
    numbers = per_image.drop(columns=["id", "foreground_share", "height", "width"]).mean()
    return {
        str(name): round(float(value) * (100 if str(name).startswith(IN_PERCENT) else 1), 4)
        for name, value in numbers.items()
    }
