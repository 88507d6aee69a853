"""The simulated annotator by hand-counted pixels, and a simulation that goes on where it was."""

import csv

import numpy as np

from benchmarks import annotation
from support.tiny import tiny_auto


def test_mended__counts_the_strokes_that_are_left():
    truth = np.zeros((20, 20), bool)
    truth[2:12, 2:12] = True  # 100 px, 36 on the rim
    probability = np.where(truth, 0.9, 0.1).astype(np.float32)
    assert annotation.mended(truth, probability, 0.5)["strokes"] == 0
    probability[2:12, 2:5] = 0.1  # 30 px are missing, whose rim is 22 px; no level finds them
    found = annotation.mended(truth, probability, 0.5)
    assert (found["strokes"], found["outline_px"], found["pixels_changed"]) == (1, 22, 30)
    assert found["strokes_from_scratch"] == 1
    assert found["outline_px_from_scratch"] == 36
    probability[2:12, 2:5] = 0.4  # a level does
    found = annotation.mended(truth, probability, 0.5)
    assert (found["strokes"], found["outline_px"], found["dice_accepted"]) == (1, 0, "1.0000")


def test_order__has_the_same_start_and_goes_on(lesions, tmp_path, monkeypatch):
    for name in ("FIRST", "STEP"):
        monkeypatch.setattr(annotation, name, 5)
    config = tiny_auto(method="supervised", epochs=1, labelled=1.0)
    plan = annotation.Plan(["random", "both"], 1, 10, config)
    annotation.order(lesions, tmp_path, plan)
    with (tmp_path / "order.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["ranking"], row["masks"]) for row in rows] == [
        *(("random", "5"), ("random", "10"), ("both", "5"), ("both", "10"))
    ]
    assert rows[0]["dice"] == rows[2]["dice"]
    monkeypatch.setattr(annotation, "train", lambda *_, **__: 1 / 0)
    annotation.order(lesions, tmp_path, plan)
