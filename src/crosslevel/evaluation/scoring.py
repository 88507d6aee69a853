"""One row of scores for each case: read, predict, compare."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosslevel.data.formats.unclear import Level
from crosslevel.data.quality.findings import size_mismatch
from crosslevel.data.reading import inspect_case_mask, read_as_trained
from crosslevel.errors import DataError
from crosslevel.evaluation.calibrate import HeldOut, observe
from crosslevel.evaluation.metrics import CaseScore, count_areas, score_case
from crosslevel.evaluation.objects import count_objects
from crosslevel.evaluation.physical import physical_scores
from crosslevel.evaluation.trust import measure_all
from crosslevel.images.preprocess import resize_mask
from crosslevel.inference.confidence import mask_confidence
from crosslevel.inference.runtimes import Probabilities
from crosslevel.inference.segmenter import Segmenter
from crosslevel.logits import to_classes
from crosslevel.runs.expected_dice import ExpectedDice
from crosslevel.runs.records import PerImage, class_dice
from crosslevel.types import IGNORED, Case, Classes, MetricSize


class Scoring:
    """Reads, predicts and scores cases; those that cannot be read become `problems`.

    What is unlike the images of the training is in `notes`; masks with values of no class, and
    these values, are in `unnamed`.

    Args:
        segmenter: What predicts.
        classes: How masks are read.
        metric_size: Score at each mask's own size, or at the network's input size.
    """

    def __init__(self, segmenter: Segmenter, classes: Classes, metric_size: MetricSize) -> None:
        self.problems: list[str] = []
        self.notes: list[str] = []
        self.unnamed: list[tuple[Path, list[Level]]] = []
        self.held_out: list[HeldOut] = []
        self._segmenter, self._classes, self._metric_size = segmenter, classes, metric_size
        self._read: deque[tuple[Case, NDArray[np.uint8]]] = deque()

    @property
    def num_channels(self) -> int:
        """Of the network's output: 1 for a binary task."""
        return self._segmenter.card.num_channels

    def score_all(
        self, cases: Iterable[Case]
    ) -> Iterator[tuple[Case, NDArray[np.uint8], dict[str, Any]]]:
        """Yield each readable case with its predicted classes (H, W) and its row of scores."""
        is_original = self._metric_size == "original"
        num_classes = len(self._segmenter.card.classes)
        stream = self._segmenter.stream if is_original else self._segmenter.stream_small
        for probability in stream(self._images(cases)):
            case, truth = self._read.popleft()
            if not is_original:
                truth = resize_mask(truth, self._segmenter.card.size)
            mask = to_classes(probability, self._segmenter.card.threshold)
            confidence = {PerImage.CONFIDENCE: mask_confidence(probability, mask)}
            row = self._score(case, probability, truth) | confidence
            row |= self._expect(probability, truth)
            if row[PerImage.FOREGROUND_SHARE] == 0:
                row[PerImage.FALSE_ALARMS] = count_areas(mask, truth)
            if case.spacing_mm and is_original:
                row |= physical_scores(mask, truth, num_classes, case.spacing_mm)
            row |= _objects(mask, truth, num_classes)
            if case.group:
                row[PerImage.GROUP] = case.group
            yield case, mask, row

    def trust(self) -> ExpectedDice | None:
        """Return how true the expected Dice of all that was scored is, where it can be told."""
        judge = self._segmenter.judge
        return measure_all(self.held_out, judge) if judge and self.held_out else None

    def _images(self, cases: Iterable[Case]) -> Iterator[NDArray[np.uint8]]:
        """Readable images; their cases and masks wait for the prediction."""
        card = self._segmenter.card
        for case in cases:
            try:
                image, note = read_as_trained(case.image, card.reading, case.frame)
                content = inspect_case_mask(case, self._classes, card.reading)
            except DataError as error:
                self.problems.extend(error.problems)
                continue
            truth = content.indices
            if truth.shape != image.shape[:2]:
                self.problems.append(size_mismatch(case, image.shape[:2], truth.shape))
                continue
            if note:
                self.notes.append(f"{case.image}: {note}.")
            if content.unnamed:
                self.unnamed.append((case.mask_files[0], list(content.unnamed)))
            self._read.append((case, truth))
            yield image

    def _expect(self, probability: Probabilities, truth: NDArray[np.uint8]) -> dict[str, Any]:
        """Return the expected Dice, where it can be told, and keep what says how true it is."""
        seen = observe(probability, truth, self._segmenter.card.threshold)
        if seen is None:
            return {}
        self.held_out.append(seen)
        judge = self._segmenter.judge
        if judge is None:
            return {}
        expected = judge.expected_dice(seen.certainty, is_empty=seen.is_empty)
        return {PerImage.EXPECTED_DICE: expected}

    def _score(
        self, case: Case, probability: Probabilities, truth: NDArray[np.uint8]
    ) -> dict[str, Any]:
        card = self._segmenter.card
        scores = score_case(probability, truth, threshold=card.threshold)
        row: dict[str, Any] = {PerImage.ID: case.id, **asdict(CaseScore.mean(scores))}
        if len(scores) > 1:
            row |= {
                class_dice(name): score.dice
                for name, score in zip(card.classes, scores, strict=True)
            }
        counted = truth[truth != IGNORED]
        share = float((counted > 0).mean()) if counted.size else math.nan
        row[PerImage.FOREGROUND_SHARE] = share
        row[PerImage.HEIGHT], row[PerImage.WIDTH] = truth.shape
        return row


def _objects(mask: NDArray[np.uint8], truth: NDArray[np.uint8], num_classes: int) -> dict[str, int]:
    counts = count_objects(mask, truth, num_classes)
    return {
        PerImage.OBJECTS: counts.num_true,
        PerImage.MISSED_OBJECTS: counts.num_missed,
        PerImage.EXTRA_OBJECTS: counts.num_extra,
    }
