import getpass
import math
import os
from dataclasses import asdict, astuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.ndimage import binary_erosion

from crosslevel.evaluation.metrics import NO_SCORE, CaseScore, score_case
from crosslevel.logits import to_classes
from crosslevel.system import environment
from crosslevel.types import IGNORED

MASKS = arrays(np.uint8, (7, 9), elements=st.integers(0, 1))


def one_class(probability, truth, **options):
    [score] = score_case(np.asarray(probability, np.float32)[None], truth, **options)
    return score


@given(prediction=MASKS, truth=MASKS)
def test_scores__equal_counts_by_hand(prediction, truth):
    score = one_class(prediction, truth, with_distances=False)
    tp = fp = fn = 0
    for p, t in zip(prediction.ravel(), truth.ravel(), strict=True):
        tp, fp, fn = tp + (p and t), fp + (p and not t), fn + (t and not p)
    empty = tp + fp + fn == 0
    assert score.dice == pytest.approx(1.0 if empty else 2 * tp / (2 * tp + fp + fn))
    assert score.iou == pytest.approx(1.0 if empty else tp / (tp + fp + fn))
    assert score.precision == pytest.approx(tp / (tp + fp) if tp + fp else float(fn == 0))
    assert score.recall == pytest.approx(tp / (tp + fn) if tp + fn else float(fp == 0))
    assert score.mae == pytest.approx((fp + fn) / 63, abs=1e-6)
    assert score.mae_mask == pytest.approx((fp + fn) / 63)


@given(prediction=MASKS, truth=MASKS)
def test_dice_and_iou__are_symmetric_and_tied(prediction, truth):
    there = one_class(prediction, truth, with_distances=False)
    back = one_class(truth, prediction, with_distances=False)
    assert (there.dice, there.iou) == (back.dice, back.iou)
    assert there.dice == pytest.approx(2 * there.iou / (1 + there.iou))


def test_mae__is_of_probabilities_and_another_one_of_the_mask():
    score = one_class([[0.25, 0.25], [0.75, 0.6]], np.array([[0, 0], [1, 0]], np.uint8))
    assert (score.mae, score.mae_mask) == (pytest.approx(1.35 / 4), 0.25)


def test_threshold__is_inclusive_and_on_probabilities():
    probabilities = np.array([[[0.49, 0.5, 0.51]]])
    assert to_classes(probabilities).tolist() == [[0, 1, 1]]
    assert to_classes(probabilities, threshold=0.51).tolist() == [[0, 0, 1]]


def slow_distances(a, b):
    """95th percentile and average of boundary distances, by comparing every pair of points."""
    edges = [np.argwhere(m & ~binary_erosion(m)) for m in (a.astype(bool), b.astype(bool))]
    pairwise = np.sqrt(((edges[0][:, None] - edges[1][None]) ** 2).sum(-1))
    there, back = pairwise.min(axis=1), pairwise.min(axis=0)
    average = (there.sum() + back.sum()) / (len(there) + len(back))
    return max(np.percentile(there, 95), np.percentile(back, 95)), average


def test_distances__equal_all_pairs_of_boundary_points():
    rng = np.random.default_rng(0)
    for _ in range(5):
        a, b = (rng.random((2, 12, 15)) > 0.6).astype(np.uint8)
        score = one_class(a, b)
        hd95, assd = slow_distances(a, b)
        assert score.hd95_px == pytest.approx(hd95, abs=1e-4)
        assert score.assd_px == pytest.approx(assd, abs=1e-4)


def test_distances__of_a_shifted_square():
    truth = np.zeros((20, 20), np.uint8)
    truth[5:10, 5:10] = 1
    assert one_class(np.roll(truth, 3, axis=1), truth).hd95_px == pytest.approx(3)


@pytest.mark.parametrize(
    ("prediction", "truth", "dice", "distance"),
    [(0, 0, 1.0, 0.0), (0, 1, 0.0, 5.0), (1, 0, 0.0, 5.0)],
)
def test_empty__follows_the_convention(prediction, truth, dice, distance):
    score = one_class(np.full((3, 4), prediction), np.full((3, 4), truth, np.uint8))
    assert (score.dice, score.iou, score.precision, score.recall) == (dice,) * 4
    assert (score.hd95_px, score.assd_px) == (distance, distance)


def test_several_classes__are_scored_one_by_one():
    truth = np.array([[0, 1, 2, 2]], np.uint8)
    probabilities = np.eye(3)[[0, 1, 2, 1]].T[:, None, :]
    first, second = score_case(probabilities, truth)
    assert first.dice == pytest.approx(2 / 3)
    assert second.dice == pytest.approx(2 / 3)
    assert first.precision == 0.5
    assert second.precision == 1.0


def one_hot(classes):
    return np.eye(4)[np.asarray(classes)].transpose(2, 0, 1)


def test_several_classes__what_is_in_neither_has_no_score():
    truth = np.array([[0, 1, 1, 0]], np.uint8)
    found, absent, false = score_case(one_hot([[0, 1, 0, 3]]), truth)
    assert found.dice == pytest.approx(2 / 3)
    assert all(math.isnan(value) for value in asdict(absent).values())
    assert false.dice == 0.0
    assert CaseScore.mean([found, absent, false]).dice == pytest.approx(1 / 3)


def test_several_classes__an_empty_image_left_empty_is_perfect():
    scores = score_case(one_hot([[0, 0]]), np.zeros((1, 2), np.uint8))
    assert scores == [CaseScore(1.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0)] * 3


def test_several_classes__nothing_is_gained_by_predicting_nothing():
    truth = np.array([[0, 1, 1, 0]], np.uint8)
    missed, good = (
        CaseScore.mean(score_case(one_hot([row]), truth)).dice
        for row in ([0, 0, 0, 0], [0, 1, 0, 0])
    )
    assert missed == 0.0
    assert good == pytest.approx(2 / 3)


def test_mean__is_field_by_field():
    a, b = (CaseScore(*[x] * 8) for x in (0.0, 1.0))
    assert CaseScore.mean([a, b]) == CaseScore(*[0.5] * 8)
    assert math.isnan(CaseScore.mean([CaseScore(1, 1, 0, 0, 1, 1)]).hd95_px)


def test_mean__of_each_field_is_of_the_scores_there_are():
    there, absent = CaseScore(0.1, 0.2, 0.3, 0.3, 0.4, 0.5), NO_SCORE
    assert asdict(CaseScore.mean([there, absent])) == pytest.approx(asdict(there), nan_ok=True)
    assert all(math.isnan(value) for value in asdict(CaseScore.mean([absent])).values())


def test_score_case__refuses_another_size():
    with pytest.raises(ValueError, match="differ"):
        one_class(np.zeros((3, 3)), np.zeros((3, 4), np.uint8))


def test_score_case__is_at_the_threshold_it_is_given():
    truth = np.array([[1, 1, 0, 0]], np.uint8)
    probability = np.array([[0.9, 0.4, 0.4, 0.1]])
    assert one_class(probability, truth, threshold=0.5).recall == 0.5
    assert one_class(probability, truth, threshold=0.3).recall == 1.0


def test_score_case__distances_only_where_asked():
    mask = np.eye(6, dtype=np.uint8)
    without = one_class(mask, mask, with_distances=False)
    assert math.isnan(without.hd95_px)
    assert math.isnan(without.assd_px)
    assert one_class(mask, mask).hd95_px == 0


def test_score_case__names_both_sizes_that_differ():
    with pytest.raises(ValueError, match=r"Prediction \(4, 5\) and mask \(5, 4\) differ"):
        score_case(np.zeros((1, 4, 5)), np.zeros((5, 4), np.uint8))


@pytest.mark.parametrize("num_channels", [1, 3])
def test_to_classes__is_uint8(num_channels):
    assert to_classes(np.zeros((num_channels, 2, 2)), 0.5).dtype == np.uint8


@pytest.mark.parametrize("num_channels", [1, 3])
def test_ignored_pixels__are_as_if_cut_off(num_channels):
    rng = np.random.default_rng(0)
    probabilities = rng.random((num_channels, 7, 9))
    truth = rng.integers(0, max(2, num_channels), (7, 9)).astype(np.uint8)
    truth[:, 6:] = IGNORED
    found = score_case(probabilities, truth, with_distances=False)
    expected = score_case(probabilities[:, :, :6], truth[:, :6], with_distances=False)
    np.testing.assert_allclose([astuple(s) for s in found], [astuple(s) for s in expected])


def test_ignored_pixels__a_case_of_nothing_else_has_no_scores():
    truth = np.full((4, 4), IGNORED, np.uint8)
    assert score_case(np.ones((1, 4, 4)), truth) == [NO_SCORE]


def test_ignored_pixels__a_prediction_there_is_at_no_distance():
    truth = np.zeros((16, 16), np.uint8)
    truth[2:6, 2:6], truth[10:] = 1, IGNORED
    predicted = np.where(truth > 0, 1.0, 0.0)[None]
    [score] = score_case(predicted, truth)
    assert (score.dice, score.hd95_px, score.mae, score.mae_mask) == (1, 0, 0, 0)


def test_surface_distances__for_a_user_id_without_a_name(monkeypatch):
    """As in a container: MONAI asks for the user's name when it is imported."""
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)

    def unknown(number):
        raise KeyError(number)

    pwd = pytest.importorskip("pwd")
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    monkeypatch.setitem(os.environ, "LOGNAME", "")  # put back when the test ends
    environment.name_the_user()
    assert getpass.getuser() == str(os.getuid())
