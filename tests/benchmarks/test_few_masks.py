"""N masks in all: both rows are scored on the same images, which chose nothing."""

from __future__ import annotations

from pathlib import Path

from benchmarks.few_masks import drawn, of_row
from crosslevel.config.train import TrainConfig
from crosslevel.data.prepare import prepare
from crosslevel.system.console import Reporter


def test_of_row__both_have_the_masks_of_the_draw_and_the_same_test_part(lesions: Path) -> None:
    config = TrainConfig(labelled=10, draw=1)
    quiet = Reporter(quiet=True)
    ordinary = prepare(lesions, config, quiet).split
    split = drawn(lesions, config, quiet)
    folds, divided = of_row(split, "folds"), of_row(split, "divided")
    assert folds.test == divided.test == ordinary.test
    assert folds.train_labelled == ordinary.train_labelled
    own = {*divided.left_out} - {*ordinary.left_out}
    assert [len(divided.train_labelled), len(divided.val), len(own)] == [6, 2, 2]
    assert {*divided.train_labelled, *divided.val, *own} == {*folds.train_labelled}
    assert folds.train_unlabelled == divided.train_unlabelled
    assert {*folds.train_unlabelled} == {*ordinary.train_unlabelled, *ordinary.val}
