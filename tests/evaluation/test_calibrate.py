import math

import numpy as np
import pytest
from scipy.special import expit, logit

from crosslevel.errors import InputError
from crosslevel.evaluation.calibrate import (
    USUAL_MASKS,
    HeldOut,
    calibrate,
    expected_without_own,
    observe,
)
from crosslevel.evaluation.trust import measure, measure_all, pixel_error, rank_correlation
from crosslevel.inference.confidence import sharpen
from crosslevel.models.calibration import (
    Calibration,
    Line,
    load_calibration,
    save_calibration,
)
from crosslevel.types import IGNORED


def held_out(number, line, seed=0, num_classes=1):
    """Images whose Dice and pixels are as a line says of what the network says."""
    random = np.random.default_rng(seed)
    images = []
    for certainty in random.uniform(0.3, 0.99, number):
        said = random.uniform(0.02, 0.98, (1, 400)).astype(np.float32)
        truth = (random.uniform(size=400) < line(said[0])).astype(np.uint8)
        if num_classes > 1:
            said = np.concatenate([1 - said, said])
        images.append(HeldOut(certainty, False, float(line(np.array(certainty))), said, truth))
    return images


def test_line__moves_log_odds_and_refuses_to_turn_an_order_around():
    line = Line(slope=2.0, shift=-1.0)
    assert line(np.array(0.7)) == pytest.approx(expit(2 * logit(0.7) - 1))
    assert 0 <= line(np.array(0.0)) < line(np.array(1.0)) <= 1
    with pytest.raises(InputError, match="slope is 0"):
        Line(slope=0.0, shift=0.0)


def test_observe__by_hand():
    probabilities = np.array([[[0.9, 0.6], [0.2, 0.1]]])
    seen = observe(probabilities, np.array([[1, 0], [0, IGNORED]], np.uint8), 0.5)
    assert seen is not None
    odds = [(p / (1 - p)) ** 2 for p in (0.9, 0.6, 0.2, 0.1)]
    sharp = [o / (1 + o) for o in odds]
    assert seen.certainty == pytest.approx(2 * sum(sharp[:2]) / (sum(sharp) + 2))
    assert seen.dice == pytest.approx(2 / 3)
    assert not seen.is_empty
    assert seen.pixels[0] == pytest.approx([0.9, 0.6, 0.2])
    assert list(seen.truth) == [1, 0, 0]


@pytest.mark.parametrize(("truth", "dice"), [(0, 1.0), (1, 0.0)])
def test_observe__an_empty_mask_is_right_or_wrong(truth, dice):
    mask = np.full((4, 4), truth, np.uint8)
    seen = observe(np.full((1, 4, 4), 0.2), mask, 0.5)
    assert seen is not None
    assert seen.is_empty
    assert seen.dice == dice
    assert seen.certainty == pytest.approx(0.8)
    assert observe(np.full((1, 4, 4), 0.2), np.full_like(mask, IGNORED), 0.5) is None


def test_sharpen__keeps_the_sum_of_several_classes_and_the_threshold_of_one():
    probabilities = np.random.default_rng(0).dirichlet([1, 1, 1], 8).T.reshape(3, 2, 4)
    np.testing.assert_allclose(sharpen(probabilities, 0.5).sum(axis=0), 1)
    ends = sharpen(np.array([[[0.0, 0.3, 1.0]]]), 0.3)
    np.testing.assert_allclose(ends, [[[0, 0.5, 1]]])


def test_calibrate__finds_the_line_that_made_the_data():
    line = Line(slope=0.6, shift=-0.8)
    found = calibrate(held_out(400, line), "validation", 0.5, "hash")
    assert found.pixels.slope == pytest.approx(0.6, abs=0.06)
    assert found.pixels.shift == pytest.approx(-0.8, abs=0.1)
    assert found.expected_dice(0.8, is_empty=False) == pytest.approx(
        float(line(np.array(0.8))), abs=0.02
    )


def test_calibrate__of_several_classes_is_a_temperature():
    images = held_out(300, Line(slope=0.5, shift=0.0), num_classes=2)
    found = calibrate(images, "out-of-fold", 0.5, "hash")
    assert found.pixels.slope == pytest.approx(0.5, abs=0.06)
    shares = found.probabilities(np.array([[0.9, 0.5], [0.1, 0.5]]))
    np.testing.assert_allclose(shares.sum(axis=0), 1)
    assert shares[0] == pytest.approx([expit(found.pixels.slope * logit(0.9)), 0.5], abs=1e-6)


def test_calibrate__stays_near_what_is_usual_with_few_images():
    [one] = held_out(1, Line(slope=1.0, shift=-5.0))
    found = calibrate([one], "validation", 0.5, "hash")
    assert abs(found.masks.shift - USUAL_MASKS.shift) < 0.5
    assert found.empty_masks == USUAL_MASKS
    assert found.num_empty == 0


def test_expected_without_own__leaves_each_image_s_own_dice_out():
    images = held_out(12, Line(slope=1.0, shift=0.0))
    before = expected_without_own(images)
    odd = HeldOut(images[3].certainty, False, 0.0, images[3].pixels, images[3].truth)
    after = expected_without_own([*images[:3], odd, *images[4:]])
    assert after[3] == before[3]
    assert (after != before).sum() == 11


def test_measure__error_by_hand_and_none_of_few():
    expected = np.repeat([0.2, 0.8], 16) + np.tile([-0.001, 0.001], 16)
    dice = np.repeat([0.3, 0.6], 16)
    found = measure(expected, dice)
    assert found is not None
    assert found.error == pytest.approx((0.1 + 0.2) / 2, abs=1e-3)
    assert [group.num_images for group in found.groups] == [16, 16]
    assert [group.dice for group in found.groups] == [0.3, 0.6]
    assert measure(expected[:15], dice[:15]) is None
    assert measure(expected, np.full(32, 0.5)) is None
    some = measure(np.append(expected, 0.5), np.append(dice, math.nan))
    assert some == found


def test_measure__luck_is_what_perfect_numbers_are_off_by():
    random = np.random.default_rng(0)
    errors, lucks = [], []
    for _ in range(60):
        expected = random.uniform(0.3, 0.9, 160)
        found = measure(expected, expected + random.normal(0, 0.1, 160))
        assert found is not None
        errors.append(found.error)
        lucks.append(found.luck)
    assert np.mean(errors) == pytest.approx(np.mean(lucks), rel=0.1)


def test_rank_correlation__has_the_interval_of_bonett_and_wright():
    first = np.arange(30.0)
    rho, low, high = rank_correlation(first, np.where(first < 10, first, 30 - first))
    reach = 1.959964 * math.sqrt((1 + rho**2 / 2) / 27)
    assert (math.atanh(low), math.atanh(high)) == pytest.approx(
        (math.atanh(rho) - reach, math.atanh(rho) + reach)
    )


def test_pixel_error__by_hand():
    said = np.array([0.1, 0.1, 0.9, 1.0])
    held = np.array([False, True, True, True])
    # 0.1 twice: 0.5 are true; 0.9: true; 1.0 is in the last bin, as is 0.95
    assert pixel_error(said, held) == pytest.approx((0.8 + 0.1 + 0.0) / 4)


def test_measure_all__a_calibration_makes_pixels_truer():
    line = Line(slope=0.4, shift=-1.0)
    judge = calibrate(held_out(60, line), "validation", 0.5, "hash")
    found = measure_all(held_out(60, line, seed=1), judge)
    assert found is not None
    assert found.pixel_error_before is not None
    assert found.pixel_error is not None
    assert found.pixel_error < 0.05 < 0.1 < found.pixel_error_before
    assert "before calibration" in str(found)


def test_calibration__goes_with_its_weights_alone(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    assert load_calibration(tmp_path) is None
    line = Line(slope=1.5, shift=0.0)
    saved = Calibration(
        source="validation",
        num_images=3,
        num_empty=0,
        threshold=0.5,
        pixels=line,
        masks=line,
        empty_masks=line,
        weights="9f2a5ed8a2e09b5e7a9e2bd3e4d7a3d1",
    )
    save_calibration(tmp_path, saved)
    assert load_calibration(tmp_path) is None
    file = tmp_path / "calibration.json"
    file.write_text(file.read_text().replace('"slope": 1.5', '"slope": -1.5'))
    with pytest.raises(InputError, match="slope"):
        load_calibration(tmp_path)
    file.write_text("[")
    with pytest.raises(InputError, match="delete it"):
        load_calibration(tmp_path)
