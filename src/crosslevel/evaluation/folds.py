"""Masks of a run with folds, each scored by the network that did not learn from it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosslevel.data.formats.unclear import Level
from crosslevel.data.split import Split
from crosslevel.errors import InputError
from crosslevel.evaluation.options import EvaluateOptions
from crosslevel.evaluation.scoring import Scoring
from crosslevel.inference.segmenter import Segmenter
from crosslevel.models.folder import load_card
from crosslevel.runs.expected_dice import ExpectedDice
from crosslevel.runs.folder import RunFolder
from crosslevel.runs.out_of_fold import OutOfFold
from crosslevel.types import Case, Classes


class FoldScoring:
    """As `Scoring`, with the network and the threshold of the fold that held a case out.

    Args:
        run: With folds that are trained.
        split: Says which fold held out which case.
        classes: How masks are read.
        asked: Size, flips and runtime.
    """

    def __init__(
        self, run: RunFolder, split: Split, classes: Classes, asked: EvaluateOptions
    ) -> None:
        self.problems: list[str] = []
        self.notes: list[str] = []
        self.unnamed: list[tuple[Path, list[Level]]] = []
        self.num_channels = classes.num_channels
        self._run, self._fold_of, self._classes, self._asked = run, split.folds, classes, asked

    @property
    def thresholds(self) -> dict[str, float]:
        """Those of the networks, by the name of the fold that each did not learn from."""
        folds = sorted(set(self._fold_of.values()))
        return {name: load_card(self._run.fold(name).model_folder).threshold for name in folds}

    def score_all(
        self, cases: Iterable[Case]
    ) -> Iterator[tuple[Case, NDArray[np.uint8], dict[str, Any]]]:
        """Yield each readable case with its predicted classes (H, W) and its row of scores."""
        of_fold: dict[str, list[Case]] = {}
        for case in cases:
            of_fold.setdefault(self._fold_of[case.id], []).append(case)
        for name, held_out in of_fold.items():
            segmenter = Segmenter.load(
                self._run.fold(name).path, flips=self._asked.flips, runtime=self._asked.runtime
            )
            scoring = Scoring(segmenter, self._classes, self._asked.metric_size)
            yield from scoring.score_all(held_out)
            self.problems += scoring.problems
            self.notes += scoring.notes
            self.unnamed += scoring.unnamed

    def trust(self) -> ExpectedDice | None:
        """Return how true the expected Dice is, as the training measured it; None with flips.

        Raises:
            InputError: If the file that says it is damaged.
        """
        file = self._run.out_of_fold_file
        if self._asked.flips or not file.is_file():
            return None
        try:
            return OutOfFold.from_json(file.read_text()).expected_dice
        except ValueError as error:
            raise InputError(
                f"{file} is damaged ({error}): remove it, and repeat the training's command."
            ) from error
