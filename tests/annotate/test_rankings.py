import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crosslevel.annotate.rankings import RANKINGS, Candidates

RNG = np.random.default_rng(0)


def on_a_line(places, known, doubt=None):
    places = np.array(places, float)[:, None]
    doubts = np.ones(len(places)) if doubt is None else np.array(doubt, float)
    return Candidates(doubts, places, np.array(known, float).reshape(-1, 1))


def names(name, candidates, num):
    return [place for place, _ in RANKINGS[name](candidates, num, np.random.default_rng(0))]


def test_diversity__takes_the_farthest_from_known_and_picked():
    # known at 0; 10 is farthest (10), then 5 (5 from both), then 2 (2 from 0)
    assert names("diversity", on_a_line([2, 5, 10], [0]), 3) == [2, 1, 0]


def test_both__weighs_distance_by_doubt():
    # 0.9 · 2 = 1.8, 0.1 · 5 = 0.5, 0.1 · 10 = 1.0; then from 0 and 2: 0.3 and 0.8
    candidates = on_a_line([2, 5, 10], [0], [0.9, 0.1, 0.1])
    found = RANKINGS["both"](candidates, 3, RNG)
    assert [place for place, _ in found] == [0, 2, 1]
    assert [far for _, far in found] == pytest.approx([2, 8, 3])


def test_uncertainty__takes_the_least_sure():
    assert names("uncertainty", on_a_line([0, 0, 0], [], [0.2, 0.9, 0.5]), 2) == [1, 2]


def test_both__without_known_images_begins_with_doubt():
    assert names("both", on_a_line([0, 3, 9], [], [0.2, 0.9, 0.5]), 1) == [1]


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 12), st.integers(1, 15), st.integers(0, 3), st.sampled_from([*RANKINGS]))
def test_rankings__name_each_image_once(num_images, num, num_known, name):
    rng = np.random.default_rng(num_images)
    candidates = Candidates(
        rng.random(num_images), rng.random((num_images, 3)), rng.random((num_known, 3))
    )
    found = names(name, candidates, num)
    assert len(found) == len(set(found)) == min(num, num_images)
    assert set(found) <= set(range(num_images))
