"""The notebooks run from the first cell to the last, on small generated images."""

import json
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pytest

from support.tiny import tiny_config

NOTEBOOKS = Path(__file__).parents[1] / "examples" / "notebooks"


def code_cells(name: str) -> list[str]:
    notebook = json.loads((NOTEBOOKS / name).read_text())
    assert notebook["nbformat"] == 4
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] for cell in cells), "clear the outputs"
    return ["".join(cell["source"]) for cell in cells]


def run_notebook(name: str, **smaller: Any) -> dict[str, Any]:
    names: dict[str, Any] = {}
    install, parameters, *rest = code_cells(name)
    assert install.startswith("%pip install -q crosslevel")
    exec(parameters, names)
    assert set(smaller) <= set(names)
    names |= smaller
    for cell in rest:
        exec(cell, names)
    return names


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    mpl.use("agg")


def test_your_folder__runs(capsys):
    config = tiny_config("supervised", epochs=1)
    names = run_notebook("your_folder.ipynb", NUM_GENERATED=24, CONFIG=config, BUDGET=None)
    said = capsys.readouterr().out
    assert "24 images, 12 of them with a mask" in said
    assert names["done"].num_written == 24
    assert names["mask"].shape == names["image"].size[::-1]


def test_a_method__runs(capsys):
    names = run_notebook("a_method.ipynb", NUM_IMAGES=24, CONFIG=tiny_config("supervised"))
    assert "Dice differs by" in capsys.readouterr().out
    assert set(names["runs"]) == {"supervised", "mine.py:Mine"}
