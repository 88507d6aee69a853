"""The examples work as they are."""

import subprocess
import sys
from pathlib import Path

import pandas as pd
import torch
from PIL import Image

from crosslevel.bench.grid import Grid
from crosslevel.bench.run import run_grid, write_results
from crosslevel.data.synthetic import write_synthetic
from crosslevel.evaluation.evaluate import evaluate
from crosslevel.training.train import train
from examples import tile_experiment
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


def test_tile_experiment__same_pixels_are_found_by_their_colour_and_jittered_ones_are_not(
    tmp_path, capsys
):
    data = write_synthetic(tmp_path / "lesions", 4)
    results = tile_experiment.main(data, tmp_path / "figure.png")
    assert results["same"][0] > 0.95
    assert results["colour"][0] < 0.3
    assert results["all"][1] < 0.7 < results["same"][1]
    assert capsys.readouterr().out.count("%") == 12
    assert Image.open(tmp_path / "figure.png").size[0] > 500


def test_found__counts_tiles_whose_own_place_is_nearest():
    places = torch.tensor([[0.0, 1], [2, 3]]).view(1, 1, 2, 2)
    tiles = torch.tensor([[0.1, 1.9], [2.2, 9]]).view(1, 1, 2, 2)
    assert tile_experiment.found(places, tiles) == 0.75
