"""Early stopping: a training ends where its checks find nothing better."""

import math

import pandas as pd
import pytest

from crosslevel.cli import main
from crosslevel.errors import InputError
from crosslevel.evaluation.evaluate import evaluate
from crosslevel.evaluation.metrics import CaseScore
from crosslevel.runs.folder import RunFolder
from crosslevel.runs.stalling import has_stalled
from crosslevel.system.console import Reporter
from crosslevel.training.loop import Trainer
from crosslevel.training.train import train
from support.equal_runs import assert_equal_runs, stop_at
from support.tiny import tiny_config

FOUND = [0.5, 0.6, 0.4, 0.6, 0.9, 0.9]
"""Validation Dice of each check: with a patience of 2, the last two are not seen."""
CONFIG = tiny_config("supervised", epochs=len(FOUND), patience=2)


@pytest.fixture(autouse=True)
def known_dice(monkeypatch):
    def found(self):
        dice = FOUND[len(self.progress.rows) % len(FOUND)]
        return CaseScore(dice, *[0.0] * 5), 0.5

    monkeypatch.setattr(Trainer, "_validate", found)


def test_has_stalled__counts_checks_since_the_best_one():
    assert not has_stalled([], 1)
    assert not has_stalled([0.1, 0.2, 0.3], 1)
    assert has_stalled([0.1, 0.3, 0.3], 1)
    assert not has_stalled([0.3, math.nan, 0.4], 1)
    assert not has_stalled([0.3, math.nan, 0.2], 2)
    assert has_stalled([0.3, math.nan, 0.2], 1)


def test_train__ends_after_checks_without_a_better_one(lesions, tmp_path, capsys):
    run = train(lesions, tmp_path / "run", CONFIG, reporter=Reporter())
    assert "Ended after step 8 of 12: no better network in 2 checks" in capsys.readouterr().err
    assert pd.read_csv(run.log_file)["val/dice"].tolist() == FOUND[:4]
    assert run.is_ended
    model = run.model_folder / "model.safetensors"
    best = model.read_bytes()
    train(lesions, run.path, CONFIG)
    assert len(pd.read_csv(run.log_file)) == 4
    assert model.read_bytes() == best


def test_train__killed_and_repeated_ends_at_the_same_step(lesions, tmp_path):
    whole = train(lesions, tmp_path / "whole", CONFIG)
    for step in (3, 7):
        with pytest.MonkeyPatch.context() as patch:
            stop_at(patch, step)
            with pytest.raises(KeyboardInterrupt):
                train(lesions, tmp_path / "cut", CONFIG)
        assert not RunFolder(tmp_path / "cut").is_ended
    assert_equal_runs(whole, train(lesions, tmp_path / "cut", CONFIG))


def test_evaluate__takes_it_for_trained_to_the_end(lesions, tmp_path, capsys):
    run = train(lesions, tmp_path / "run", CONFIG)
    evaluate(run.path, reporter=Reporter())
    assert "Repeat the command that started it" not in capsys.readouterr().err
    assert run.is_finished
    assert main(["report", str(run.path), "--out", str(tmp_path / "page.html")]) == 0
    assert "4 epochs" in (tmp_path / "page.html").read_text()


def test_train__says_that_patience_and_folds_do_not_meet(lesions, tmp_path, capsys):
    with_folds = tiny_config("supervised", folds=2, fold_epochs=1, epochs=2, patience=1)
    run = train(lesions, tmp_path / "run", with_folds, reporter=Reporter())
    assert "--patience has no effect: with --folds" in capsys.readouterr().err
    assert len(pd.read_csv(run.log_file)) == 2


def test_config__refuses_no_patience_at_all():
    with pytest.raises(InputError, match="patience is 0; it must be at least 1"):
        tiny_config(patience=0)
