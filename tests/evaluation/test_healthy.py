"""Images without foreground have no score of overlap; what is found in them is counted."""

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from crosslevel.cli import main
from crosslevel.evaluation.means import false_alarms, mean_scores
from crosslevel.evaluation.metrics import count_areas
from crosslevel.runs.records import Healthy, Summary
from crosslevel.training.train import train
from crosslevel.types import IGNORED
from support.tiny import tiny_config


def rows(foreground, dice, alarms):
    return pd.DataFrame(
        {"id": range(len(dice)), "dice": dice, "confidence": 1.0, "foreground_share": foreground}
        | {"height": 8, "width": 8, "false_alarms": alarms}
    )


def test_mean_scores__are_over_images_with_foreground():
    table = rows([0.2, 0.1, 0, 0, 0], [0.5, 0, 1, 1, 0], [np.nan, np.nan, 0, 0, 3])
    assert mean_scores(table) == {"dice": 25.0}
    assert false_alarms(table) == Healthy(num_images=3, num_with_alarm=1, alarms_per_image=1.0)


def test_mean_scores__of_healthy_images_alone_and_of_none():
    assert mean_scores(rows([0, 0], [1, 0], [0, 2])) == {"dice": 50.0}
    table = rows([0.1, 0.2], [1, 0.5], [np.nan, np.nan]).drop(columns="false_alarms")
    assert mean_scores(table) == {"dice": 75.0}
    assert false_alarms(table) is None


def test_count_areas__leaves_out_what_is_ignored():
    found = np.zeros((6, 6), np.uint8)
    found[0, 0] = found[1, 1] = 1  # over a corner
    found[3, 3:] = 2
    found[5, 0] = 1
    truth = np.zeros((6, 6), np.uint8)
    assert count_areas(found, truth) == 3
    truth[5, 0] = IGNORED
    assert count_areas(found, truth) == 2


@pytest.fixture(scope="module")
def run(lesions, tmp_path_factory):
    return train(lesions, tmp_path_factory.mktemp("runs") / "run", tiny_config("supervised"))


def test_evaluate__counts_false_alarms_of_healthy_images(run, tmp_path, capsys):
    rng = np.random.default_rng(0)
    for index in range(5):
        for kind in ("images", "masks"):
            (tmp_path / kind).mkdir(exist_ok=True)
        picture = rng.integers(0, 256, (32, 32, 3), np.uint8)
        Image.fromarray(picture).save(tmp_path / "images" / f"{index}.png")
        mask = np.zeros((32, 32), np.uint8)
        mask[8:20, 8:20] = 255 * (index < 2)
        Image.fromarray(mask).save(tmp_path / "masks" / f"{index}.png")
    card = run.model_folder / "model.json"
    card.write_text(json.dumps(json.loads(card.read_text()) | {"threshold": 0.0}))  # all is found
    out = tmp_path / "scores"
    words = ["evaluate", str(run.path), "--data", str(tmp_path), "--subset", "all"]
    assert main([*words, "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "all, 5 images, scores of the 2 with foreground" in printed
    assert "3 images without foreground: 1.00 false alarms in one on average, 3 of" in printed
    summary = Summary.from_json((out / "summary.json").read_text())
    assert summary.healthy == Healthy(num_images=3, num_with_alarm=3, alarms_per_image=1.0)
    assert summary.mean["dice"] == pytest.approx(100 * 2 * 144 / (144 + 1024), abs=0.001)
    assert "larger of the two" in summary.definitions["hd95"]
    table = pd.read_csv(out / "per_image.csv")
    assert table["false_alarms"].isna().tolist() == [True, True, False, False, False]
