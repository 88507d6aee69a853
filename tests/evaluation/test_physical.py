"""Millimetres, worked out by hand and by scipy's distance transform."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy.ndimage import binary_erosion, distance_transform_edt

from crosslevel.evaluation.means import mean_scores
from crosslevel.evaluation.physical import physical_scores
from crosslevel.runs.records import NOT_SCORES, Physical


def rectangle(top, bottom, left, right, index=1):
    mask = np.zeros((40, 50), np.uint8)
    mask[top:bottom, left:right] = index
    return mask


def test_distance__of_a_shift_is_measured_along_its_axis():
    truth = rectangle(10, 20, 10, 20)
    down = physical_scores(rectangle(13, 23, 10, 20), truth, 1, (0.5, 2.0))
    right = physical_scores(rectangle(10, 20, 13, 23), truth, 1, (0.5, 2.0))
    assert down[Physical.HD95] == pytest.approx(1.5)  # 3 rows of half a millimetre
    assert right[Physical.HD95] == pytest.approx(6)  # 3 columns of two


def test_distance__as_by_a_distance_transform():
    """Another way: distances from each boundary to the other one, on a stretched grid."""
    spacing = (0.7, 0.3)
    first, second = rectangle(5, 21, 8, 30), rectangle(9, 30, 3, 25)
    edges = [mask.astype(bool) & ~binary_erosion(mask) for mask in (first, second)]
    to_first, to_second = (distance_transform_edt(~edge, sampling=spacing) for edge in edges)
    there, back = to_second[edges[0]], to_first[edges[1]]
    found = physical_scores(first, second, 1, spacing)
    assert found[Physical.HD95] == pytest.approx(
        max(np.percentile(there, 95), np.percentile(back, 95)), abs=1e-5
    )
    assert found[Physical.ASSD] == pytest.approx(np.concatenate([there, back]).mean(), abs=1e-5)


def test_area__of_all_classes():
    truth = rectangle(0, 10, 0, 10) + rectangle(20, 25, 20, 24, index=2)
    found = physical_scores(rectangle(0, 10, 0, 5), truth, 2, (0.5, 0.25))
    assert found[Physical.AREA] == pytest.approx((100 + 20) * 0.125)
    assert found[Physical.PREDICTED_AREA] == pytest.approx(50 * 0.125)


def test_empty__is_the_diagonal_in_millimetres():
    found = physical_scores(rectangle(0, 0, 0, 0), rectangle(1, 2, 1, 2), 1, (0.3, 0.4))
    assert found[Physical.HD95] == pytest.approx(math.hypot(40 * 0.3, 50 * 0.4))
    both = physical_scores(rectangle(0, 0, 0, 0), rectangle(0, 0, 0, 0), 2, (0.3, 0.4))
    assert both[Physical.HD95] == both[Physical.AREA] == 0


def test_mean__only_where_every_image_has_a_spacing():
    columns = {**dict.fromkeys(NOT_SCORES, 0.0), "dice": [0.5, 0.5]}
    whole = pd.DataFrame({**columns, Physical.HD95: [1.0, 3.0]})
    assert mean_scores(whole)[Physical.HD95] == 2
    partly = pd.DataFrame({**columns, Physical.HD95: [1.0, math.nan]})
    assert Physical.HD95 not in mean_scores(partly)
