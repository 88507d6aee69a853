"""Pixels to ignore, from the command line to the scores and the page."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from crosslevel.cli import main
from crosslevel.data.synthetic import write_synthetic

TINY = ["--method", "supervised", "--epochs", "2", "--size", "32", "--model.name", "unet"]
TINY += ["--model.widths", "[4,8]", "--precision", "fp32"]


@pytest.fixture
def with_ring(tmp_path):
    """Masks of 0 and 1, with 255 in the upper rows of each."""
    data = write_synthetic(tmp_path / "data", 12, size=32, seed=0)
    for path in sorted((data / "masks").iterdir()):
        mask = (np.asarray(Image.open(path).convert("L")) > 127).astype(np.uint8)
        mask[:8] = 255
        Image.fromarray(mask).save(path)
    return data


def test_ignore__is_asked_for_and_then_enters_no_score(with_ring, tmp_path, capsys):
    assert main(["data", "check", str(with_ring)]) == 2
    assert "give --ignore 255" in capsys.readouterr().out
    run = tmp_path / "run"
    words = ["--data", str(with_ring), "--out", str(run), "--ignore", "255", *TINY]
    assert main(["train", *words, "--evaluate"]) == 0
    rows = pd.read_csv(run / "per_image.csv", index_col="id")
    for case_id, row in rows.iterrows():
        truth = np.asarray(Image.open(with_ring / "masks" / f"{case_id}.png"))[8:] == 1
        found = np.asarray(Image.open(run / "predictions" / f"{case_id}.png"))[8:] > 0
        total = truth.sum() + found.sum()
        assert row["dice"] == pytest.approx(2 * (truth & found).sum() / total if total else 1)
        assert row["foreground_share"] == pytest.approx(truth.mean())
    assert main(["report", str(run), "--out", str(tmp_path / "page.html")]) == 0
