"""The examples work as they are."""

import subprocess
import sys
from pathlib import Path

import pandas as pd

from crosslevel.bench.grid import Grid
from crosslevel.bench.run import run_grid, write_results
from crosslevel.evaluation.evaluate import evaluate
from crosslevel.training.train import train
from support.tiny import tiny_config

EXAMPLES = Path(__file__).parents[1] / "examples"


def test_own_data__runs(tmp_path):
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / "own_data.py")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "test Dice" in done.stdout


def test_add_a_method__trains_and_is_scored_without_touching_the_package(lesions, tmp_path):
    file = EXAMPLES / "add_a_method.py"
    assert len(file.read_text().splitlines()) < 60
    run = train(lesions, tmp_path / "run", tiny_config(f"{file}:Mine"))
    log = pd.read_csv(run.log_file)
    assert log["loss/entropy"].notna().tolist() == [False, True, True]
    assert evaluate(run.path).summary.method == f"{file}:Mine"


def test_add_a_method__is_a_row_of_the_bench(lesions, tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.chdir(EXAMPLES.parent)
    grid = Grid(("supervised", "examples/add_a_method.py:Mine"))
    assert run_grid(grid, lesions, tmp_path, tiny_config("supervised", epochs=1)) == []
    table = write_results(grid, tmp_path)
    assert table["Method"].tolist() == ["supervised", "Mine"]
    assert table["Dice against supervised"].tolist()[1]
    assert "Mine</th>" in (tmp_path / "report.html").read_text()
