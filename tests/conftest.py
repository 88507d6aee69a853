"""One thread for every test, a cache of its own, and small data and runs that tests share."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import settings

from crosslevel.bench.grid import Grid
from crosslevel.cli import main
from crosslevel.data.synthetic import write_synthetic
from crosslevel.evaluation.evaluate import evaluate
from crosslevel.training.train import train
from support.tiny import tiny_config

settings.register_profile("fuzz", max_examples=5000)

PUBLISHED = ("config.yaml", "log.csv", "per_image.csv", "summary.json")


@pytest.fixture(autouse=True, scope="session")
def _isolated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    torch.set_num_threads(1)
    os.environ["CROSSLEVEL_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    yield
    del os.environ["CROSSLEVEL_CACHE"]


@pytest.fixture(scope="session")
def lesions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 generated images of 32 px, all with masks: 14 to train, 5 to validate, 5 to test."""
    return write_synthetic(tmp_path_factory.mktemp("lesions"), 24, size=32, seed=0)


@pytest.fixture(scope="session")
def bench(lesions: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two rows, two draws, trained in this process and laid out as the bench does."""
    out = tmp_path_factory.mktemp("bench")
    for cell in Grid(("supervised", "mean_teacher"), range(2)).cells(out):
        run = train(lesions, cell.folder, tiny_config(cell.row, draw=cell.draw))
        evaluate(run.path)
        cell.config_file.write_text(run.config_file.read_text())
    return out


@pytest.fixture(scope="session")
def page(bench: Path) -> Path:
    """The page of that bench."""
    assert main(["report", str(bench)]) == 0
    return bench / "report.html"


@pytest.fixture
def published(bench: Path, tmp_path: Path) -> list[Path]:
    """The first run of each row, as in `results/`: without environment, split, model and masks."""
    folders = []
    for row in ("supervised", "mean_teacher"):
        folders.append(tmp_path / f"small-{row}")
        folders[-1].mkdir()
        for file in PUBLISHED:
            shutil.copy(bench / "runs" / f"{row}-draw0-seed0" / file, folders[-1] / file)
    return folders
