import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from crosslevel.inference.confidence import MaskConfidence, mask_confidence
from crosslevel.logits import to_classes

maps = arrays(np.float64, (3, 5, 4), elements=st.floats(0, 1))


def certain(mask):
    return np.stack([mask == index for index in range(3)]).astype(float)


@given(maps, st.floats(0.2, 0.8))
def test_confidence__of_a_binary_mask_equals_a_loop(probabilities, threshold):
    probability = probabilities[:1]
    mask = to_classes(probability, threshold)
    overlap = total = 0.0
    for p, m in zip(probability.ravel(), mask.ravel(), strict=True):
        overlap += 2 * p * m
        total += p + m
    expected = overlap / total if mask.any() else 1 - probability.max()
    assert mask_confidence(probability, mask) == pytest.approx(expected)


@given(maps)
def test_confidence__does_not_depend_on_bands(probabilities):
    probabilities = probabilities / np.maximum(probabilities.sum(0), 1e-9)
    mask = to_classes(probabilities)
    banded = MaskConfidence()
    for start, stop in ((0, 1), (1, 3), (3, 5)):
        banded.update(probabilities[:, start:stop], mask[start:stop])
    whole = mask_confidence(probabilities, mask)
    assert banded.compute() == pytest.approx(whole)
    assert 0 <= whole <= 1


def test_confidence__of_certain_probabilities_is_one():
    for mask in ([[0, 1], [2, 2]], [[1, 1], [1, 1]], [[0, 0], [0, 0]]):
        array = np.array(mask, np.uint8)
        assert mask_confidence(certain(array), array) == 1


def test_confidence__is_the_mean_over_the_classes():
    probabilities = np.array([[[0.2, 0.1, 0.9]], [[0.7, 0.1, 0.1]], [[0.1, 0.8, 0.0]]])
    expected = (2 * 0.7 / (0.9 + 1) + 2 * 0.8 / (0.9 + 1)) / 2
    assert mask_confidence(probabilities, to_classes(probabilities)) == pytest.approx(expected)
    only = probabilities[:, :, ::2]
    expected = (2 * 0.7 / (0.8 + 1) + 1 - 0.1) / 2
    assert mask_confidence(only, to_classes(only)) == pytest.approx(expected)


def test_confidence__puts_what_may_be_missed_below_what_is_clearly_nothing():
    empty = np.zeros((4, 4), np.uint8)
    values = [mask_confidence(np.full((1, 4, 4), p), empty) for p in (0.4, 0.1, 0.01)]
    assert values == pytest.approx([0.6, 0.9, 0.99])


@pytest.mark.parametrize("where", [slice(None), slice(0, 1)])
def test_confidence__of_what_is_not_finite_is_zero(where):
    probabilities = np.full((1, 4, 4), 0.3)
    probabilities[:, where] = np.nan
    assert mask_confidence(probabilities, to_classes(probabilities)) == 0
