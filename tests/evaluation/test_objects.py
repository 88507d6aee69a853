"""Objects of truth and prediction that touch, or do not."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from crosslevel.evaluation.objects import ObjectCounts, count_objects
from crosslevel.types import IGNORED

SHAPE = (5, 6)
MASKS = arrays(np.uint8, SHAPE, elements=st.sampled_from([0, 1, 2]))
TRUTHS = arrays(np.uint8, SHAPE, elements=st.sampled_from([0, 1, 2, IGNORED]))


def flooded(area):
    """Sets of pixels that hang together, also over corners."""
    left, found = set(zip(*np.nonzero(area), strict=True)), []
    while left:
        members, edge = set(), [left.pop()]
        while edge:
            row, column = edge.pop()
            members.add((row, column))
            near = {(row + i, column + j) for i in (-1, 0, 1) for j in (-1, 0, 1)} & left
            left -= near
            edge += near
        found.append(members)
    return found


@given(MASKS, TRUTHS)
def test_count_objects__agrees_with_a_flood_fill(prediction, truth):
    true, missed, extra = 0, 0, 0
    for index in (1, 2):
        actual, found = truth == index, (prediction == index) & (truth != IGNORED)
        true += len(flooded(actual))
        missed += sum(not any(found[pixel] for pixel in one) for one in flooded(actual))
        extra += sum(not any(actual[pixel] for pixel in one) for one in flooded(found))
    assert count_objects(prediction, truth, 2) == ObjectCounts(true, missed, extra)


def test_count_objects__of_another_class_is_missed_and_a_false_alarm():
    truth, prediction = np.zeros((4, 4), np.uint8), np.zeros((4, 4), np.uint8)
    truth[1:3, 1:3], prediction[1:3, 1:3] = 1, 2
    assert count_objects(prediction, truth, 2) == ObjectCounts(1, 1, 1)
    truth[:] = IGNORED
    assert count_objects(prediction, truth, 2) == ObjectCounts(0, 0, 0)
