"""Differences between rows: what they claim, and whether they are right as often as they say."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_1samp

from crosslevel.runs.collect import collect
from crosslevel.runs.compare import VERDICTS, against, paired_difference, pairs, why_not_compared

LUCK, IMAGES = 1.8, 20.0
"""Standard deviations of Dice, ×100: of a repeated run, and of the images of one run."""


def repeated(run, places, shift=0.0):
    """The run as a row of such draws and seeds, its Dice a little higher each time."""
    return [
        replace(
            run,
            config=replace(run.config, draw=draw, seed=seed),
            per_image=run.per_image.assign(dice=0.5 + shift + 0.01 * number),
        )
        for number, (draw, seed) in enumerate(places)
    ]


@pytest.fixture
def rows(bench):
    """The supervised and the mean teacher's run of draw 0."""
    return [runs[0] for runs in collect([bench]).rows.values()]


def test_paired_difference__of_three_runs_and_four_images_by_hand():
    """Runs gain 3, 4 and 2, images 1, 2, 3 and 6; the rest is 0 but for 1, -1, -1 and 1."""
    gains = np.array([[1.0, 2, 3, 6], [2, 4, 3, 7], [0, 0, 3, 5]])
    found = paired_difference(gains / 100, np.zeros((3, 4)))
    assert found.mean == pytest.approx(3)
    assert found.of_runs == pytest.approx((3, 4, 2))
    ms_runs = 4 * (0 + 1 + 1) / 2
    ms_images = 3 * (4 + 1 + 0 + 9) / 3
    ms_rest = 4 / (2 * 3)
    t_runs, t_images = 4.302653, 3.182446
    half = np.sqrt((t_runs**2 * ms_runs + t_images**2 * (ms_images - ms_rest)) / 12)
    assert (found.low, found.high) == pytest.approx((3 - half, 3 + half), abs=1e-5)


def test_paired_difference__without_images_luck_is_the_interval_of_the_runs_means():
    gains = np.array([[0.01], [0.02], [0.06], [0.03]]).repeat(50, axis=1)
    found = paired_difference(gains, np.zeros_like(gains))
    expected = ttest_1samp(100 * gains[:, 0], 0).confidence_interval()
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    one_image = paired_difference(gains[:, :1], np.zeros((4, 1)))
    assert (one_image.low, one_image.high) == pytest.approx((expected.low, expected.high))


def test_paired_difference__is_never_narrower_than_over_images():
    """Runs that agree by luck: their means are equal, their images are not."""
    gains = np.random.default_rng(0).normal(0.05, 0.2, (3, 100))
    gains -= gains.mean(axis=1, keepdims=True) - 0.05
    found = paired_difference(gains, np.zeros_like(gains))
    expected = ttest_1samp(100 * gains.mean(axis=0), 0).confidence_interval()
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def test_paired_difference__of_one_run_is_over_images_and_no_verdict():
    rng = np.random.default_rng(0)
    gains = 0.05 + rng.normal(0, 0.02, 200)
    found = paired_difference(gains, np.zeros(200))
    expected = ttest_1samp(100 * gains, 0).confidence_interval()
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert found.low > 4
    assert found.verdict == "one run each"
    assert str(found).endswith("] one run each")
    single = paired_difference(gains[:1], np.zeros(1))
    assert (single.low, single.high) == (-np.inf, np.inf)


@pytest.mark.parametrize(
    ("of_runs", "verdict", "ahead"),
    [
        ((4, 5, 6), "better", "3/3"),
        ((-4, -5, -6), "worse", "0/3"),
        ((-3, 1, 6), "not distinguishable", "2/3"),
        ((4, 6), "not distinguishable", "2/2"),
        ((0, 0, 0), "not distinguishable", "0/3"),
    ],
)
def test_verdict__asks_more_of_few_runs(of_runs, verdict, ahead):
    gains = np.array(of_runs)[:, None] / 100 * np.ones(200)
    found = paired_difference(gains, np.zeros_like(gains))
    assert found.verdict == verdict
    assert found.verdict in VERDICTS
    assert str(found).endswith(f"] {ahead}")


def coverage(num_runs, num_images, of_images, of_rest, num_repeats=1500):
    """How often the interval holds the true difference of two equally good methods."""
    rng = np.random.default_rng(num_runs * num_images)
    shape = (num_runs, num_images)
    hits = 0
    for _ in range(num_repeats):
        hardness = rng.normal(0, IMAGES, num_images)
        ours, theirs = (
            70 + hardness + rng.normal(0, LUCK, (num_runs, 1)) + rng.normal(0, of_rest, shape)
            for _ in range(2)
        )
        ours = ours + rng.normal(0, of_images, num_images)  # what one method finds easier
        found = paired_difference(ours / 100, theirs / 100)
        hits += found.low <= 0 <= found.high
    return hits / num_repeats


@pytest.mark.parametrize("num_runs", [2, 3, 6])
@pytest.mark.parametrize(
    ("num_images", "of_images", "of_rest"),
    [(160, IMAGES, 1.0), (160, 10.0, 10.0), (160, 0.0, 5.0), (20, 5.0, 10.0)],
)
def test_interval__holds_the_truth_in_19_of_20_repeats(num_runs, num_images, of_images, of_rest):
    """At least 95 %, but for what 1500 repeats leave open; at most 99.5 %: not for nothing."""
    assert 0.938 <= coverage(num_runs, num_images, of_images, of_rest) <= 0.995


@pytest.mark.parametrize("of_draws", [0.0, 4.0])
def test_interval__of_several_seeds_a_draw_counts_the_draws(of_draws):
    """Masks that favour one method favour it with each seed: six runs of three draws are three."""
    rng, draws, hits, hits_of_runs = np.random.default_rng(3), [0, 0, 1, 1, 2, 2], 0, 0
    for _ in range(600):
        of_draw = rng.normal(0, of_draws, 3).repeat(2)[:, None]
        gains = of_draw + rng.normal(0, LUCK, (6, 1)) + rng.normal(0, 10, (6, 100))
        found = paired_difference(gains / 100, np.zeros((6, 100)), draws)
        of_runs = paired_difference(gains / 100, np.zeros((6, 100)))
        hits += found.low <= 0 <= found.high
        hits_of_runs += of_runs.low <= 0 <= of_runs.high
    assert hits / 600 >= 0.93
    assert of_draws == 0 or hits_of_runs / 600 < 0.9


def test_paired_difference__seeds_of_one_draw_are_runs_of_it():
    gains = np.array([[0.04], [0.05], [0.06]]).repeat(50, axis=1)
    of_one = paired_difference(gains, np.zeros_like(gains), [7, 7, 7])
    assert of_one == paired_difference(gains, np.zeros_like(gains))
    assert of_one.verdict == "better"


def test_interval__over_images_alone_would_hold_it_far_too_rarely():
    """What one run each gives: the luck of a run is not in it, so it has no verdict."""
    assert coverage(1, 160, 0.0, 5.0) < 0.5


def test_interval__over_whole_runs_is_as_wide_as_published_repeats_suggest():
    """Three pairs, 1.8 Dice of luck each: ± 4.30 · 1.8 · √2 / √3 = 6.3 of luck alone."""
    rng = np.random.default_rng(1)
    widths = []
    for _ in range(300):
        luck = rng.normal(0, LUCK * np.sqrt(2), (3, 1)) / 100
        found = paired_difference(luck * np.ones((3, 160)), np.zeros((3, 160)))
        widths.append((found.high - found.low) / 2)
    assert np.sqrt(np.mean(np.square(widths))) == pytest.approx(6.3, rel=0.1)


def test_pairs__of_one_draw_and_seed_then_of_one_draw(rows):
    ours = repeated(rows[1], [(0, 0), (0, 2), (1, 0), (1, 1), (3, 0)])
    theirs = repeated(rows[0], [(0, 1), (0, 2), (1, 0), (2, 0)])
    found = [
        ((a.config.draw, a.config.seed), (b.config.draw, b.config.seed))
        for a, b in pairs(ours, theirs)
    ]
    assert found == [((0, 2), (0, 2)), ((0, 0), (0, 1)), ((1, 0), (1, 0))]


def test_against__of_other_seeds_of_one_draw_is_compared(rows):
    ours = repeated(rows[1], [(0, 0), (0, 1), (0, 2)], shift=0.1)
    theirs = repeated(rows[0], [(0, 5), (0, 6), (0, 7)])
    found = against(ours, theirs)
    assert found is not None
    assert found.of_runs == pytest.approx((10, 10, 10))
    assert found.verdict == "better"


def test_against__of_other_draws_is_not_compared(rows):
    ours, theirs = repeated(rows[1], [(0, 0)]), repeated(rows[0], [(1, 0)])
    assert why_not_compared(ours, theirs) == "no draw in common"
    assert against(ours, theirs) is None


def test_against__puts_images_in_one_order(rows):
    [ours], [theirs] = (repeated(run, [(0, 0)]) for run in rows)
    dice = pd.Series(np.linspace(0, 1, len(ours.dice)), index=ours.dice.index)
    ours = replace(ours, per_image=ours.per_image.assign(dice=dice))
    theirs = replace(theirs, per_image=theirs.per_image.assign(dice=dice)[::-1])
    found = against([ours], [theirs])
    assert found is not None
    assert (found.low, found.high) == (0, 0)
