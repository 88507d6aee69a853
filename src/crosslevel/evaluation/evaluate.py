"""Evaluation: a trained segmenter and cases with masks become one row of scores for each case."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from crosslevel.data.cases import usable_cases
from crosslevel.data.quality.findings import size_mismatch
from crosslevel.data.quality.fingerprints import changed_masks
from crosslevel.data.reading import content_hash, read_image, read_mask
from crosslevel.data.split import Split, resolve_split
from crosslevel.errors import DataError, InputError, RunError
from crosslevel.evaluation.metrics import CaseScore, score_case
from crosslevel.images.preprocess import resize_mask
from crosslevel.images.writing import write_mask
from crosslevel.inference.confidence import mask_confidence
from crosslevel.inference.runtimes import Probabilities, RuntimeName
from crosslevel.inference.segmenter import Segmenter
from crosslevel.logits import to_classes
from crosslevel.runs.folder import RunFolder
from crosslevel.system.console import Reporter
from crosslevel.system.environment import describe_environment
from crosslevel.system.files import write_text
from crosslevel.types import Case, Classes

Subset = Literal["test", "val", "all"]
MetricSize = Literal["original", "input"]
THE_SCORE = "scores-test-original"
"""What lies in the run folder itself; other scores have a folder of this kind of name in it."""
IN_PERCENT = ("dice", "iou", "mae", "precision", "recall")
NOT_SCORES = ["id", "confidence", "foreground_share", "height", "width"]
TENTH = 0.1
"""Share of the images whose masks a person would look at first."""


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
        lines = [f"{self.summary['subset']}, {self.summary['num_cases']} images", header, values]
        if found := self.summary["confidence"]:
            lines.append(
                f"The {found['num_lowest']} masks of lowest confidence: Dice "
                f"{found['dice_lowest']:.2f}, all others: {found['dice_others']:.2f}"
            )
        return "\n".join(lines)


def evaluate(  # noqa: PLR0913 - the options of the command
    run: Path | str,
    data: Path | str | None = None,
    *,
    subset: Subset = "test",
    metric_size: MetricSize = "original",
    flips: bool = False,
    runtime: RuntimeName = "torch",
    out: Path | str | None = None,
    allow_overlap: bool = False,
    reporter: Reporter | None = None,
) -> Evaluation:
    """Score the best model of a run, and keep its masks in `predictions/` beside the scores.

    Args:
        run: The run folder.
        data: Folder or CSV of images; the one the run was trained on if left out.
        subset: "test" or "val" of the run's own split, or "all" cases of `data` with a mask.
        metric_size: Score at each mask's own size, or at the network's input size (the paper).
        flips: Average each prediction over the image's mirror images.
        runtime: What computes (see `load_runtime`); a run's own score is PyTorch's.
        out: Folder for the files. If left out, the run folder for the test part at original size,
            else `scores-SUBSET-SIZE` in it, with `-flips` and the runtime if so.
        allow_overlap: Score images the run was trained on, too; the summary says how many.
        reporter: Who tells the user; silent if left out.

    Returns:
        The scores, also written to `per_image.csv` and `summary.json`.

    Raises:
        InputError: If the run has no model, a case of the subset is missing or changed, or was
            trained on.
        RunError: If an image or mask cannot be read; the scores of the others are kept in
            `per_image_incomplete.csv`, since a mean without them would not be that of the subset.
    """
    if subset not in get_args(Subset) or metric_size not in get_args(MetricSize):
        raise InputError(
            f"subset is {subset!r} and metric_size {metric_size!r}; they must be of "
            f"{get_args(Subset)} and {get_args(MetricSize)}."
        )
    reporter = reporter or Reporter(quiet=True)
    folder = RunFolder(Path(run))
    config = folder.config()
    if folder.num_epochs_done < config.num_epochs:
        reporter.say(
            f"warning: {folder.path} is trained for {folder.num_epochs_done} of "
            f"{config.num_epochs} epochs. Repeat the command that started it before you compare "
            "its scores."
        )
    segmenter = Segmenter.load(folder.path, flips=flips, runtime=runtime)
    data = Path(data) if data else own_data(folder)
    split = Split.load(folder.split_file)
    cases = _choose(data, split, subset, skip_bad=config.skip_bad)
    digests = {case.id: _digest(case) for case in cases}
    seen = _among(digests, split, (*split.train_labelled, *split.train_unlabelled))
    if seen and not allow_overlap:
        raise InputError(
            f"{len(seen)} images of {data} were trained on (the first is {seen[0]!r}): a score on "
            "them would mislead. Use --subset test, give other images, or insist with "
            "--allow_overlap."
        )
    validated = _among(digests, split, split.val)
    if validated and subset != "val":
        reporter.say(
            f"warning: {len(validated)} images (the first is {validated[0]}) are those by which "
            "the run chose its best epoch: their scores are somewhat too good. --subset test has "
            "none of them."
        )
    other_masks = [] if subset == "all" else changed_masks(split.mask_hashes, cases)
    if other_masks:
        reporter.say(
            f"warning: {len(other_masks)} masks are not those of the training's start (the first "
            f"is {other_masks[0]}): do not compare these scores with scores of the masks before."
        )
    name = f"scores-{subset}-{metric_size}" + ("-flips" if flips else "")
    name += "" if runtime == "torch" else f"-{runtime}"
    beside = folder if name == THE_SCORE else RunFolder(folder.path / name)
    target = RunFolder(Path(out)) if out else beside
    scoring = _Scoring(segmenter, config.mask_classes, metric_size)
    with reporter.task(f"Evaluating {subset}", len(cases)) as advance:
        rows = []
        for case, probability, row in scoring.score_all(cases):
            mask = to_classes(probability, segmenter.card.threshold)
            rows.append(row | {"confidence": mask_confidence(probability, mask)})
            path = target.predictions_folder / f"{case.id}.png"
            write_mask(path, mask, segmenter.card.num_channels)
            advance()
    per_image = pd.DataFrame(rows)
    if scoring.problems:
        raise _incomplete(per_image, scoring.problems, target.incomplete_file)
    summary = {
        "subset": subset,
        "num_cases": len(cases),
        "num_trained_on": len(seen),
        "num_validated_on": len(validated),
        "num_masks_changed": len(other_masks),
        "num_epochs_done": folder.num_epochs_done,
        "mean": _means(per_image),
        "confidence": _by_confidence(per_image),
        "metric_size": metric_size,
        "threshold": segmenter.card.threshold,
        "flips": flips,
        "runtime": segmenter.runtime.name,
        "method": segmenter.card.method,
        "model": str(folder.path),
        "data": str(data),
        "environment": describe_environment(),
    }
    write_text(target.per_image_file, per_image.to_csv(index=False))
    write_text(target.summary_file, json.dumps(summary, indent=2) + "\n")
    return Evaluation(per_image, summary, target.per_image_file)


def _incomplete(per_image: pd.DataFrame, problems: Sequence[str], file: Path) -> RunError:
    """Keep the rows there are, and say what is missing."""
    write_text(file, per_image.to_csv(index=False))
    lines = "\n".join(problems)
    return RunError(
        f"{lines}\n{len(problems)} images could not be scored. The scores of the other "
        f"{len(per_image)} are in {file}; repair the files and repeat for means and tables."
    )


def _among(digests: Mapping[str, str], split: Split, names: Iterable[str]) -> list[str]:
    """Ids of the cases whose image is one of these of the split, by content."""
    known = {split.hashes[name] for name in names if name in split.hashes}
    return [case_id for case_id, digest in digests.items() if digest in known]


def _digest(case: Case) -> str:
    try:
        return content_hash(case.image)
    except DataError:  # named when it is to be scored
        return ""


def _choose(data: Path, split: Split, subset: Subset, *, skip_bad: bool) -> list[Case]:
    cases = usable_cases(data, skip_bad=skip_bad)
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
    return chosen


def own_data(folder: RunFolder) -> Path:
    """Where the data of a run are.

    Raises:
        InputError: If they are not there any more.
    """
    recorded = folder.environment().get("data")
    if not recorded or not Path(recorded).exists():
        raise InputError(f"The data of {folder.path} is not at {recorded}: name it with --data.")
    return Path(recorded)


class _Scoring:
    """Reads, predicts and scores cases; those that cannot be read become `problems`."""

    def __init__(self, segmenter: Segmenter, classes: Classes, metric_size: MetricSize) -> None:
        self.problems: list[str] = []
        self._segmenter, self._classes, self._metric_size = segmenter, classes, metric_size
        self._read: deque[tuple[Case, NDArray[np.uint8]]] = deque()

    def score_all(
        self, cases: Iterable[Case]
    ) -> Iterator[tuple[Case, Probabilities, dict[str, Any]]]:
        """Each readable case with its probabilities and its row of scores."""
        is_original = self._metric_size == "original"
        stream = self._segmenter.stream if is_original else self._segmenter.stream_small
        for probability in stream(self._images(cases)):
            case, truth = self._read.popleft()
            if not is_original:
                truth = resize_mask(truth, self._segmenter.card.size)
            yield case, probability, _score(case, probability, truth, self._segmenter)

    def _images(self, cases: Iterable[Case]) -> Iterator[NDArray[np.uint8]]:
        """Readable images; their cases and masks wait for the prediction."""
        for case in cases:
            assert case.mask is not None, "only cases with masks are evaluated"
            try:
                image, truth = read_image(case.image), read_mask(case.mask, self._classes)
            except DataError as error:
                self.problems.extend(error.problems)
                continue
            if truth.shape != image.shape[:2]:
                self.problems.append(size_mismatch(case, image.shape[:2], truth.shape))
                continue
            self._read.append((case, truth))
            yield image


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
    """Those there are: a class that is in no image, found or true, has none."""
    numbers = per_image.drop(columns=NOT_SCORES).mean().dropna()
    return {
        str(name): round(float(value) * (100 if str(name).startswith(IN_PERCENT) else 1), 4)
        for name, value in numbers.items()
    }


def _by_confidence(per_image: pd.DataFrame) -> dict[str, float] | None:
    """Whether low confidence finds bad masks; None where nothing can tell, or fewer than ten."""
    num_lowest = int(TENTH * len(per_image))
    if not num_lowest or per_image[["confidence", "dice"]].nunique().min() == 1:
        return None
    ordered = per_image.sort_values("confidence", kind="stable")
    dice = 100 * ordered["dice"]
    return {
        "spearman": round(float(dice.corr(ordered["confidence"], method="spearman")), 4),
        "num_lowest": num_lowest,
        "dice_lowest": round(float(dice.iloc[:num_lowest].mean()), 4),
        "dice_others": round(float(dice.iloc[num_lowest:].mean()), 4),
    }
