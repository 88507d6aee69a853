"""A bench as version 0.1.0 left it, two small runs, goes on to be used."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from crosslevel.cli import main
from crosslevel.runs.collect import collect

OLD = Path(__file__).with_name("version_0_1")


@pytest.fixture
def old(tmp_path):
    return shutil.copytree(OLD, tmp_path / "old")


@pytest.mark.parametrize("row", ["supervised", "clcc"])
def test_evaluate__gives_the_scores_of_then(old, tmp_path, row):
    run, out = old / "runs" / f"{row}-draw0-seed0", tmp_path / "scores"
    assert main(["evaluate", str(run), "--data", str(old / "data"), "--out", str(out)]) == 0
    then, now = (pd.read_csv(folder / "per_image.csv") for folder in (run, out))
    later = {"mae_mask", "objects", "missed_objects", "extra_objects"}
    assert set(now) - set(then) == later
    pd.testing.assert_frame_equal(then, now[then.columns], check_exact=False, atol=0.02)


def test_predict__gives_the_masks_of_then(old, tmp_path):
    run = old / "runs" / "clcc-draw0-seed0"
    images, out = str(old / "data" / "images"), str(tmp_path / "masks")
    assert main(["predict", str(run), images, "--out", out]) == 0
    for then in (run / "predictions").iterdir():
        before, now = (np.asarray(Image.open(mask)) for mask in (then, Path(out) / then.name))
        assert (before != now).mean() <= 0.01


def test_report__shows_both_rows_with_pictures(old):
    assert main(["report", str(old), "--data", str(old / "data")]) == 0
    text = (old / "report.html").read_text()
    assert "Hard cases" in text
    assert "clcc</th>" in text


def test_collect__reads_all_that_was_written(old):
    [run] = collect([old]).rows["clcc"]
    assert run.num_steps == 180
    assert (run.summary.num_cases, run.summary.num_epochs_done) == (12, 30)
    assert run.environment.packages["crosslevel"] == "0.1.0"
    assert run.environment.threads == 1
