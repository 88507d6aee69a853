"""What the files of a run hold: keys of JSON files, columns of CSV files, names of folders.

They are written here once, what is said of expected Dice in `expected_dice`. Whoever writes or
reads one of these files goes through this module, and files of earlier versions, which lack some
of it, go on to be read.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from crosslevel.runs.decoding import as_object, as_record
from crosslevel.runs.expected_dice import ExpectedDice
from crosslevel.system.environment import Surroundings, describe_environment

if TYPE_CHECKING:
    import pandas as pd

OUT_OF_FOLD = "out-of-fold"
"""The subset of masks that were each scored by a network that did not learn from it."""


class PerImage:
    """Columns of `per_image.csv`, one row for each case; beside them the scores of `SCORES`."""

    ID, DICE = "id", "dice"
    CONFIDENCE = "confidence"
    GROUP = "group"
    OBJECTS, MISSED_OBJECTS, EXTRA_OBJECTS = "objects", "missed_objects", "extra_objects"
    FALSE_ALARMS = "false_alarms"
    EXPECTED_DICE = "expected_dice"
    FOREGROUND_SHARE = "foreground_share"
    HEIGHT, WIDTH = "height", "width"


class Physical:
    """Columns of `per_image.csv` for images that say how large a pixel is."""

    HD95 = "hd95_mm"
    ASSD = "assd_mm"
    AREA, PREDICTED_AREA = "area_mm2", "predicted_area_mm2"


class Annotated:
    """Columns of `annotations.csv`, one row for each mask a person accepted."""

    IMAGE = "image"
    STARTED = "started"
    SECONDS = "seconds"
    COLUMNS = (
        *(IMAGE, "who", STARTED, SECONDS, "begun_from", "model"),
        *("pixels_changed", "strokes"),
    )


class Next:
    """Columns of what `rank` writes, "doubt_from" being the name of another, or empty."""

    COLUMNS = ("place", "image", "confidence", "expected_dice", "distance", "doubt_from")


NOT_SCORES = (
    *(PerImage.ID, PerImage.CONFIDENCE, PerImage.EXPECTED_DICE, PerImage.FOREGROUND_SHARE),
    *(PerImage.HEIGHT, PerImage.WIDTH, PerImage.FALSE_ALARMS, PerImage.GROUP),
    *(PerImage.OBJECTS, PerImage.MISSED_OBJECTS, PerImage.EXTRA_OBJECTS),
)
"""Columns that are not averaged over the images."""
SCORES = {
    PerImage.DICE: "Dice",
    "iou": "mIoU",
    "mae": "MAE (prob.)",
    "mae_mask": "MAE (mask)",
    "precision": "Precision",
    "recall": "Recall",
    "hd95_px": "HD95 (px)",
    "assd_px": "ASSD (px)",
}
"""Scores of a case, and means in `summary.json`, with the headings of tables."""
PHYSICAL_SCORES = {
    Physical.HD95: "HD95 (mm)",
    Physical.ASSD: "ASSD (mm)",
    Physical.AREA: "Area (mm²)",
    Physical.PREDICTED_AREA: "Predicted (mm²)",
}
"""Means beside those of `SCORES`, where every image says how large a pixel is."""
DEFINITIONS = {
    "mae": "mean absolute difference of foreground probability and mask",
    "mae_mask": "share of pixels in which the predicted mask is wrong (the MAE of CLCC's authors)",
    "hd95": "the larger of the two directed 95th percentiles of the distances from boundary to "
    "boundary (as MONAI; medpy takes one percentile of both directions together)",
    "assd": "mean of the distances from boundary to boundary, both directions together",
}
"""What a score is, where the literature has several of one name."""
IN_PERCENT = tuple(name for name in SCORES if not name.endswith("_px"))
"""Scores in [0, 1], which a summary has ×100."""


def scored(per_image: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of `per_image.csv` that means are over: images with foreground, or all.

    Files of earlier versions may not say which images have foreground; they are taken as they are.
    """
    if PerImage.FOREGROUND_SHARE not in per_image:
        return per_image
    rows = per_image[~(per_image[PerImage.FOREGROUND_SHARE] == 0)]
    return rows if len(rows) else per_image


def class_dice(name: str) -> str:
    """Return the column of the Dice of one class of several."""
    return f"{PerImage.DICE}_{name}"


class Log:
    """Columns of `log.csv`, one row for each epoch; beside them one for each loss."""

    EPOCH, STEP = "epoch", "step"
    LEARNING_RATE = "learning_rate"
    SECONDS = "seconds"
    VAL_DICE = "val/dice"
    VAL_IOU = "val/iou"
    VAL_MAE = "val/mae"
    LOSS = "loss/"
    """Stands before the name of a loss."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment(Surroundings):
    """What `environment.json` says: where a training ran, on what data and device.

    A summary has one, too, of the evaluation. What is None was not recorded.

    Attributes:
        data: Where the images were.
        threads: CPU threads of torch.
        device: Name of the GPU, or "cpu".
        method_source: Hash of the file of the method.
        pretrained_weights: Hash of the weights a pretraining gave the backbone.
        num_masks: Masks that the data had, used or not.
    """

    data: str | None = None
    threads: int | None = None
    device: str | None = None
    method_source: str | None = None
    pretrained_weights: str | None = None
    num_masks: int | None = None

    @classmethod
    def here(cls, **facts: Any) -> Environment:
        """Describe this process; `facts` are the fields of a training."""
        return cls(**asdict(describe_environment()), **facts)

    @classmethod
    def from_json(cls, text: str) -> Environment:
        """Read what `to_json` wrote.

        Raises:
            ValueError: If it is not JSON, or not an object.
        """
        return as_record(cls, as_object(json.loads(text)))

    def to_json(self) -> str:
        """Return the content of the file."""
        return json.dumps(self.recorded(), indent=2) + "\n"

    def recorded(self) -> dict[str, Any]:
        """Return what was recorded, by its key."""
        return {name: value for name, value in asdict(self).items() if value not in (None, [], {})}


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfidenceOrder:
    """Whether low confidence finds bad masks.

    Attributes:
        spearman: Rank correlation of Dice and confidence over the images.
        num_lowest: How many images are a tenth.
        dice_lowest: Mean Dice, ×100, of the tenth of lowest confidence.
        dice_others: That of all others.
    """

    spearman: float
    num_lowest: int
    dice_lowest: float
    dice_others: float

    @classmethod
    def recorded_in(cls, content: Mapping[str, Any]) -> ConfidenceOrder | None:
        """Read it; None if an early version wrote it, which had other figures."""
        names = {f.name for f in dataclasses.fields(cls)}
        return as_record(cls, content) if names <= content.keys() else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Healthy:
    """What was found in images without foreground, in which there is nothing to find.

    Attributes:
        num_images: Images without foreground.
        num_with_alarm: Those of them in which something was found.
        alarms_per_image: Connected areas found in one of them, on average.
    """

    num_images: int
    num_with_alarm: int
    alarms_per_image: float

    def __str__(self) -> str:
        """For a person."""
        return (
            f"{self.num_images} images without foreground: {self.alarms_per_image:.2f} false "
            f"alarms in one on average, {self.num_with_alarm} of them have any"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What `summary.json` says: mean scores, and how they were made.

    What is None was not recorded: earlier versions did not count it.

    Attributes:
        subset: Part of the split, or "all", or "out-of-fold".
        num_cases: Images that were scored.
        num_trained_on: Those of them that were trained on, also by a run that was started from.
        num_validated_on: Those of them that chose the best epoch.
        num_masks_changed: Masks that were not those of the training's start.
        num_epochs_done: Epochs the run had been trained for.
        mean: Mean of each score over the images with foreground (over all, if none has any), those
            of `IN_PERCENT` ×100.
        dice_interval: 95 % interval of the mean Dice over the images, ×100; None of one image.
        healthy: Of the images without foreground; None if there is none.
        definitions: What scores are that have several meanings, by the score's name.
        confidence: None where nothing can be told, or of fewer than ten images.
        expected_dice: How true the expected Dice is; None without a calibration, or of few images.
        metric_size: Whether scored at "original" or "input" size.
        threshold: From which probability on a pixel was foreground; of an out-of-fold score that of
            the shipped segmenter, which scored nothing here.
        fold_thresholds: By fold, that of its network, which scored what the fold held out.
        flips: Whether mirror images were averaged.
        runtime: What computed.
        method: Name of the method.
        model: The run folder.
        data: Where the images were.
        environment: Of the evaluation.
    """

    subset: str
    num_cases: int
    num_trained_on: int | None = None
    num_validated_on: int | None = None
    num_masks_changed: int | None = None
    num_epochs_done: int | None = None
    mean: dict[str, float]
    dice_interval: tuple[float, float] | None = None
    healthy: Healthy | None = None
    definitions: dict[str, str] = field(default_factory=dict)
    confidence: ConfidenceOrder | None = None
    expected_dice: ExpectedDice | None = None
    metric_size: str
    threshold: float
    fold_thresholds: dict[str, float] | None = None
    flips: bool | None = None
    runtime: str | None = None
    method: str
    model: str
    data: str
    environment: Environment = field(default_factory=Environment)

    @classmethod
    def from_json(cls, text: str) -> Summary:
        """Read what `to_json` wrote, in this version or an earlier one.

        Raises:
            ValueError: If it is not JSON, or something is missing.
        """
        content = as_object(json.loads(text))
        environment = as_object(content.get("environment", {}))
        confidence = content.get("confidence")
        found = ConfidenceOrder.recorded_in(as_object(confidence)) if confidence else None
        healthy = content.get("healthy")
        interval = content.get("dice_interval")
        expected = content.get("expected_dice")
        known = content | {
            "dice_interval": interval and tuple(interval),
            "confidence": found,
            "healthy": as_record(Healthy, as_object(healthy)) if healthy else None,
            "expected_dice": expected and ExpectedDice.recorded_in(as_object(expected)),
            "environment": as_record(Environment, environment),
        }
        return as_record(cls, known)

    def to_json(self) -> str:
        """Return the content of the file."""
        content = asdict(self) | {"environment": self.environment.recorded()}
        return json.dumps(content, indent=2) + "\n"


@dataclass(frozen=True, slots=True)
class Cell:
    """One run of a bench, and the name of its folder.

    Attributes:
        row: Name of its row: a method, or an ablation of one.
        draw: Which choice of labelled images.
        seed: Of everything random in training.

    Example:
        >>> Cell("clcc", 0, 1).folder_name
        'clcc-draw0-seed1'
        >>> Cell.parse("clcc-draw0-seed1")
        Cell(row='clcc', draw=0, seed=1)
        >>> str(Cell("clcc", 0, 1))
        'clcc, draw 0, seed 1'
    """

    row: str
    draw: int
    seed: int

    @property
    def folder_name(self) -> str:
        """Of its run folder; see `plain_row_name`."""
        return f"{plain_row_name(self.row)}-draw{self.draw}-seed{self.seed}"

    @classmethod
    def parse(cls, name: str) -> Cell | None:
        """Read the name of a folder; None if it is not that of a cell."""
        match = re.fullmatch(r"(.+)-draw(\d+)-seed(\d+)", name)
        return cls(match[1], int(match[2]), int(match[3])) if match else None

    def __str__(self) -> str:
        """For a person."""
        return f"{self.row}, draw {self.draw}, seed {self.seed}"


def plain_row_name(row: str) -> str:
    """Return a row's name as a folder's: "my/file.py:Mine" becomes "Mine".

    Of the weights in "clcc@pretrained/moco" their folder's name is left: "clcc@moco".
    """
    method, at, weights = row.partition("@")
    return method.rpartition(":")[2] + at + PurePath(weights).name
