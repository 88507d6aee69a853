import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from crosslevel.annotate.looking import Look, Looker, to_levels, to_probability
from crosslevel.annotate.options import RankOptions
from crosslevel.annotate.rank import place, rank
from crosslevel.cli import main
from crosslevel.errors import InputError
from crosslevel.inference.confidence import mask_confidence
from crosslevel.inference.segmenter import Segmenter
from crosslevel.logits import to_classes
from crosslevel.models.calibration import save_calibration
from crosslevel.types import Case
from support.annotating import calibrate, save_network, write_images

LEVELS, FEATURES = np.zeros((1, 2, 2), np.uint8), np.ones(3, np.float32)


@pytest.mark.parametrize("classes", [1, 2])
def test_look__suggests_what_predict_writes(tmp_path, classes):
    run = save_network(tmp_path / "model", classes)
    image = np.random.default_rng(1).integers(0, 255, (45, 70, 3)).astype(np.uint8)
    segmenter = Segmenter.load(run, runtime="torch")
    [look] = Looker(run).look([image])
    probability = next(segmenter.stream_small([image]))
    differs = look.mask((45, 70), 0.5) != segmenter.predict(image)
    assert differs.mean() < 0.02  # levels are steps of 1/16 of a logit
    assert look.confidence == pytest.approx(
        mask_confidence(probability, to_classes(probability)), abs=1e-4
    )
    assert look.expected_dice is None
    assert (look.doubt_from, look.uncertainty) == ("confidence", 1 - look.confidence)
    assert np.linalg.norm(look.features) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(("seed", "is_empty"), [(0, True), (2, False)])
def test_look__expects_the_dice_of_the_calibration(tmp_path, seed, is_empty):
    run = save_network(tmp_path / "model", seed=seed)
    image = np.random.default_rng(1).integers(0, 255, (32, 32, 3)).astype(np.uint8)
    calibration = calibrate(run)
    [look] = Looker(run).look([image])
    odds = np.log(look.certainty / (1 - look.certainty))
    slope, shift = (0.5, -3.0) if is_empty else (1.2, -1.0)
    assert look.is_empty == is_empty
    assert look.expected_dice == pytest.approx(1 / (1 + np.exp(-(slope * odds + shift))))
    assert (look.doubt_from, look.sureness) == ("expected_dice", look.expected_dice)
    assert look.uncertainty == 1 - look.sureness
    save_calibration(run, replace(calibration, threshold=0.4))  # other masks than were measured
    assert Looker(run).look([image])[0].expected_dice is None


def test_place__takes_doubt_from_expected_dice_where_there_is_one():
    def look(confidence, expected):
        return Look(LEVELS, FEATURES, confidence, 0.5, False, expected)

    cases = [Case(id=name, image=Path(name)) for name in "ab"]
    looks = {"a": look(0.9, 0.5), "b": look(0.6, 0.8)}
    options = RankOptions(ranking="uncertainty")
    assert [placed.case.id for placed in place(cases, looks, options)] == ["a", "b"]
    looks = {name: replace(found, expected_dice=None) for name, found in looks.items()}
    assert [placed.case.id for placed in place(cases, looks, options)] == ["b", "a"]


def test_levels__are_steps_of_a_logit():
    probability = np.array([[[0.0, 1 / (1 + np.e), 0.5, 0.9, 1.0, np.nan]]], np.float32)
    levels = to_levels(probability)
    assert levels.tolist() == [[[0, 112, 128, 163, 255, 0]]]
    assert to_probability(levels)[0, 0, 1:4] == pytest.approx(probability[0, 0, 1:4], abs=0.01)


def test_rank__names_images_without_masks_alone(tmp_path, capsys):
    data = write_images(tmp_path / "data", 7, masks=3)
    run = save_network(tmp_path / "model")
    out = tmp_path / "next.csv"
    assert main(["rank", str(run), str(data), "--out", str(out), "--num", "3"]) == 0
    said = capsys.readouterr().err
    assert f"with the confidence of each (all in {out}):" in said
    assert "No expected Dice: the model has no calibration" in said
    with out.open() as file:
        rows = list(csv.DictReader(file))
    columns = "place,image,confidence,expected_dice,distance,doubt_from"
    assert ",".join(rows[0]) == columns
    assert {(row["expected_dice"], row["doubt_from"]) for row in rows} == {("", "confidence")}
    found = [row["image"] for row in rows]
    unmasked = {str(data / f"images/case_{n}.png") for n in range(3, 7)}
    assert len({*found} & unmasked) == 3
    order = rank(run, data, RankOptions(num=3))
    assert [str(placed.case.image) for placed in order] == found


@pytest.mark.parametrize(("ranking", "doubt"), [("both", "expected_dice"), ("diversity", "")])
def test_rank__says_what_doubt_was_taken_from(tmp_path, capsys, ranking, doubt):
    data = write_images(tmp_path / "data", 4, masks=1)
    run = save_network(tmp_path / "model")
    calibrate(run)
    out = tmp_path / "next.csv"
    assert main(["rank", str(run), str(data), "--out", str(out), "--ranking", ranking]) == 0
    said = capsys.readouterr().err
    assert "with the expected Dice of each" in said
    assert "No expected Dice" not in said
    with out.open() as file:
        rows = list(csv.DictReader(file))
    assert {row["doubt_from"] for row in rows} == {doubt}
    assert all(0 < float(row["expected_dice"]) < 1 for row in rows)


def test_rank__refuses_a_folder_that_is_done(tmp_path):
    data = write_images(tmp_path / "data", 3, masks=3)
    with pytest.raises(InputError, match="every image has a mask"):
        rank(save_network(tmp_path / "model"), data)
    with pytest.raises(InputError, match="num is 0"):
        RankOptions(num=0)
