import math

import numpy as np
import pytest
import scipy.stats
import torch
from hypothesis import given
from hypothesis import strategies as st

from crosslevel.evaluation.counts import THRESHOLDS, Counts
from crosslevel.evaluation.metrics import CaseScore, score_case
from crosslevel.types import IGNORED
from support.fake_device import DEVICE, other_device


def counted(probabilities, truths, thresholds=THRESHOLDS, batch_size=2):
    counts = Counts(thresholds)
    for start in range(0, len(truths), batch_size):
        part = slice(start, start + batch_size)
        counts.update(torch.from_numpy(probabilities[part]), torch.from_numpy(truths[part]))
    return counts


def slow_score(probabilities, truths, threshold):
    has_foreground = [((t > 0) & (t < IGNORED)).any() for t in truths]
    cases = [
        case
        for case, has in zip(zip(probabilities, truths, strict=True), has_foreground, strict=True)
        if has or not any(has_foreground)
    ]
    return CaseScore.mean(
        [
            CaseScore.mean(score_case(p, t, threshold=threshold, with_distances=False))
            for p, t in cases
        ]
    )


def images(seed, num_channels):
    """Five images: two random ones, one without foreground, one left empty, one at thresholds."""
    rng = np.random.default_rng(seed)
    num_classes = max(2, num_channels)
    probabilities = rng.dirichlet(np.ones(num_classes), (5, 6, 7)).astype(np.float32)
    probabilities = probabilities.transpose(0, 3, 1, 2)
    truths = rng.integers(0, num_classes, (5, 6, 7)).astype(np.uint8)
    truths[2:4] = 0
    probabilities[3], probabilities[3, 0] = 0, 1
    if num_channels == 1:
        probabilities = probabilities[:, 1:]
        probabilities[4] = rng.choice(np.array([0, *THRESHOLDS, 1], np.float32), (1, 6, 7))
    return np.ascontiguousarray(probabilities), truths


@given(seed=st.integers(0, 10**6), num_channels=st.sampled_from([1, 2, 4]))
def test_mean_score__equals_the_scores_of_each_image_at_every_threshold(seed, num_channels):
    probabilities, truths = images(seed, num_channels)
    counts = counted(probabilities, truths)
    for threshold in THRESHOLDS:
        expected = slow_score(probabilities, truths, threshold)
        found = counts.mean_score(threshold)
        for name in ("dice", "iou", "mae", "mae_mask", "precision", "recall"):
            assert getattr(found, name) == pytest.approx(getattr(expected, name), abs=1e-12)
        assert np.isnan(found.hd95_px)


@given(seed=st.integers(0, 10**6), num_channels=st.sampled_from([1, 2, 4]))
def test_dice__is_that_of_each_image_classes_that_are_nowhere_left_out(seed, num_channels):
    probabilities, truths = images(seed, num_channels)
    truths[:2] %= 2  # of three classes two are not in these masks
    if num_channels == 4:
        probabilities[:2, 2:] = 0
    counts = counted(probabilities, truths, (0.5,))
    expected = [slow_score(probabilities[[i]], truths[[i]], 0.5).dice for i in range(len(truths))]
    assert counts.dice(with_empty=True)[:, 0].tolist() == pytest.approx(expected)
    shown = [dice for dice, truth in zip(expected, truths, strict=True) if truth.any()]
    assert counts.dice()[:, 0].tolist() == pytest.approx(shown)


@given(seed=st.integers(0, 10**6))
def test_best_threshold__is_the_nearest_to_a_half_of_those_as_good_as_the_best(seed):
    probabilities, truths = images(seed, 1)
    dice = {t: slow_dice(probabilities, truths, t) for t in THRESHOLDS}
    best = max(dice.values(), key=np.mean)
    good = [t for t in THRESHOLDS if lower_end(100 * (best - dice[t])) <= 0.2]
    found = counted(probabilities, truths).best_threshold()
    assert found in good
    assert abs(found - 0.5) == pytest.approx(min(abs(t - 0.5) for t in good))


def slow_dice(probabilities, truths, threshold):
    """Of each image with foreground, or of all if none has any."""
    has_any = [np.any(t == 1) for t in truths] if np.any(truths == 1) else [True] * len(truths)
    pairs = [(p, t) for p, t, here in zip(probabilities, truths, has_any, strict=True) if here]
    return np.array([slow_score(p[None], t[None], threshold).dice for p, t in pairs])


def lower_end(gains):
    """Of Student's interval of the mean."""
    if len(gains) < 2:
        return -np.inf
    spread = gains.std(ddof=1) / len(gains) ** 0.5
    return gains.mean() - scipy.stats.t.ppf(0.975, len(gains) - 1) * spread


def test_best_threshold__of_one_image_is_a_half():
    truth = np.eye(8, dtype=np.uint8)[None]
    shy = (0.3 * truth[:, None]).astype(np.float32)
    assert counted(shy, truth).best_threshold() == 0.5


def test_best_threshold__finds_the_shift_of_a_shy_network():
    truths = (np.random.default_rng(0).random((5, 16, 16)) < 0.3).astype(np.uint8)
    shy = np.where(truths, 0.32, 0.27)[:, None].astype(np.float32)
    counts = counted(shy, truths)
    assert counts.best_threshold() == 0.3
    assert counts.mean_score(0.3).dice == 1.0
    assert counts.mean_score(0.5).dice == 0.0


def test_mean_score__to_find_nothing_does_not_pay_where_most_images_are_empty():
    """Of eight images five are healthy: to predict nothing had 62.5, and won against 60."""
    truths = np.zeros((8, 4, 4), np.uint8)
    truths[:3, :2] = 1
    nothing = np.zeros((8, 1, 4, 4), np.float32)
    most = truths[:, None].astype(np.float32)
    most[:3, :, 1] = 0  # half of each lesion, and two pixels of each healthy image
    most[3:, :, 0, :2] = 1
    assert counted(nothing, truths).mean_score().dice == 0
    assert counted(most, truths).mean_score().dice == pytest.approx(2 / 3)


def test_mean_score__of_healthy_images_alone():
    truths = np.zeros((2, 4, 4), np.uint8)
    probabilities = np.zeros((2, 1, 4, 4), np.float32)
    probabilities[1] = 1
    assert counted(probabilities, truths).mean_score().dice == 0.5


def test_best_threshold__stays_at_a_half_where_nothing_is_gained():
    truth = np.eye(8, dtype=np.uint8)[None]
    assert counted(truth[:, None].astype(np.float32), truth).best_threshold() == 0.5


def test_best_threshold__takes_the_lower_of_two_as_near():
    probability = np.full((1, 1, 2, 2), 0.9, np.float32)
    truth = np.ones((1, 2, 2), np.uint8)
    assert counted(probability, truth, (0.3, 0.7)).best_threshold() == 0.3


def test_update__keeps_numbers_that_do_not_grow_with_the_image():
    counts = Counts(THRESHOLDS)
    counts.update(torch.rand(2, 1, 200, 300), torch.ones(2, 200, 300, dtype=torch.long))
    kept = [tensor.numel() for tensor in (*counts._counts, *counts._errors)]
    assert sum(kept) == 2 * (3 * len(THRESHOLDS) + 2)


@pytest.mark.parametrize("num_channels", [1, 3])
def test_update__waits_for_no_device(monkeypatch, num_channels):
    probabilities, truths = images(0, num_channels)
    with other_device(monkeypatch) as waits:
        counts = Counts(THRESHOLDS)
        for part in (slice(0, 2), slice(2, 4), slice(4, 5)):
            batch = (torch.from_numpy(array[part]).to(DEVICE) for array in (probabilities, truths))
            counts.update(*batch)
        assert waits.count == 0
        assert counts.mean_score(0.5) == counted(probabilities, truths).mean_score(0.5)
        assert waits.count == 2


def test_update__refuses_masks_of_another_shape():
    with pytest.raises(ValueError, match=r"\(2, 1, 4, 5\) and masks \(1, 4, 5\) differ"):
        Counts().update(torch.zeros(2, 1, 4, 5), torch.zeros(1, 4, 5))


@pytest.mark.parametrize("num_channels", [1, 3])
def test_counts__ignored_pixels_and_images_of_nothing_else(num_channels):
    probabilities, truths = images(0, num_channels)
    truths[:, :2] = IGNORED
    truths[1] = IGNORED
    counts = counted(probabilities, truths)
    for threshold in (0.3, 0.5):
        found = counts.mean_score(threshold)
        expected = slow_score(probabilities, truths, threshold)
        assert found == pytest.approx(expected, nan_ok=True)


def test_mean_score__a_prediction_that_is_not_a_number_is_not_left_out():
    counts = Counts()
    truth = torch.tensor([[[1, 0]], [[1, 0]]])
    counts.update(torch.tensor([[[[1.0, 0.0]]], [[[math.nan, math.nan]]]]), truth)
    assert counts.mean_score().dice == 0.5


def test_mean_score__of_nothing_that_counts_is_none():
    counts = Counts()
    counts.update(torch.rand(2, 1, 3, 3), torch.full((2, 3, 3), IGNORED))
    assert math.isnan(counts.mean_score().dice)
