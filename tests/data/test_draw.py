"""Nobody is in two parts, and draws share one split."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crosslevel.data.draw import make_split, units_of, with_folds
from crosslevel.data.split import Split
from crosslevel.errors import DataError, InputError
from crosslevel.types import Case
from support.cases import SEEDS, everything, grouped_cases, masked, unmasked


@given(grouped_cases(), SEEDS, SEEDS)
def test_make_split__is_a_partition(cases: list[Case], seed: int, draw: int) -> None:
    split = make_split(cases, labelled=1, draw=draw, seed=seed)
    assert sorted(everything(split)) == sorted(case.id for case in cases)
    assert all(split.parts()[part] for part in ("train_labelled", "val", "test"))


@given(grouped_cases(), SEEDS)
def test_make_split__groups_stay_on_one_side(cases: list[Case], seed: int) -> None:
    split = make_split(cases, labelled=1.0, draw=0, seed=seed)
    group_of = {case.id: case.group for case in cases if case.group}
    train = {*split.train_labelled, *split.train_unlabelled}
    sides = [
        {group_of[case_id] for case_id in side if case_id in group_of}
        for side in (train, split.val, split.test)
    ]
    assert sum(map(len, sides)) == len(set.union(*sides))


@given(grouped_cases(), SEEDS)
def test_make_split__unmasked_are_trained_on_or_left_out(cases: list[Case], seed: int) -> None:
    split = make_split(cases, labelled=1.0, draw=0, seed=seed)
    without = {case.id for case in cases if not case.mask}
    assert without == {*split.train_unlabelled, *split.left_out}
    group_of = {case.id: case.group for case in cases}
    held_out = {group_of[case_id] for case_id in (*split.val, *split.test)}
    assert {group_of[case_id] for case_id in split.left_out} <= held_out - {None}


@given(grouped_cases(), SEEDS, st.randoms(use_true_random=False))
def test_make_split__order_of_cases_does_not_matter(
    cases: list[Case], seed: int, random: Random
) -> None:
    shuffled = random.sample(cases, len(cases))
    first, second = (make_split(c, labelled=1, draw=3, seed=seed) for c in (cases, shuffled))
    assert first == second


@given(st.integers(5, 60), SEEDS, st.integers(0, 50), st.floats(0.3, 1))
def test_make_split__parts_depend_on_neither_draw_nor_labelled(
    count: int, seed: int, draw: int, share: float
) -> None:
    base = make_split(masked(count), labelled=1, draw=0, seed=seed)
    other = make_split(masked(count), labelled=share, draw=draw, seed=seed)
    assert (base.val, base.test) == (other.val, other.test)


@given(st.integers(5, 60), SEEDS, SEEDS, st.data())
def test_make_split__draws_are_nested(
    count: int, seed: int, draw: int, data: st.DataObject
) -> None:
    available = len(make_split(masked(count), labelled=1.0, draw=0, seed=seed).train_labelled)
    larger = data.draw(st.integers(1, available))
    smaller = data.draw(st.integers(1, larger))
    few, many = (
        set(make_split(masked(count), labelled=n, draw=draw, seed=seed).train_labelled)
        for n in (smaller, larger)
    )
    assert few <= many
    assert (len(few), len(many)) == (smaller, larger)


def test_make_split__draws_and_seeds_differ() -> None:
    base = make_split(masked(100), labelled=12, draw=0, seed=0)
    assert (
        make_split(masked(100), labelled=12, draw=1, seed=0).train_labelled != base.train_labelled
    )
    assert make_split(masked(100), labelled=12, draw=0, seed=1).test != base.test


def test_make_split__unmasked_images_do_not_move_the_others() -> None:
    base = make_split(masked(20), labelled=3, draw=0, seed=0)
    more = make_split(masked(20) + unmasked(9, "a"), labelled=3, draw=0, seed=0)
    assert (base.train_labelled, base.val, base.test) == (more.train_labelled, more.val, more.test)


@pytest.mark.parametrize(
    ("count", "labelled", "sizes"),
    [
        (1000, 0.2, (120, 480, 200, 200)),  # Kvasir-SEG in the paper
        (2594, 0.1, (156, 1400, 519, 519)),  # ISIC 2018 in the paper
        (800, 120, (120, 360, 160, 160)),
        (3, 1.0, (1, 0, 1, 1)),
        (5, 0.5, (2, 1, 1, 1)),
    ],
)
def test_make_split__sizes(count: int, labelled: float, sizes: tuple[int, ...]) -> None:
    split = make_split(masked(count), labelled=labelled, draw=0, seed=0)
    assert tuple(len(ids) for ids in split.parts().values()) == sizes


def test_make_split__identical_images_stay_together() -> None:
    cases = masked(30) + unmasked(30)
    hashes = {case.id: case.id[1:] for case in cases}  # u0007 is a copy of m0007
    for seed in range(5):
        split = make_split(cases, labelled=1.0, draw=0, seed=seed, hashes=hashes)
        held_out = {case_id[1:] for case_id in (*split.val, *split.test)}
        assert {case_id[1:] for case_id in split.left_out} == held_out
        assert split.hashes == hashes


def test_make_split__look_alikes_stay_together() -> None:
    cases = masked(30) + unmasked(30)
    alike = [(f"m{number:04}", f"u{number:04}") for number in range(30)]
    for seed in range(5):
        split = make_split(cases, labelled=1.0, draw=0, seed=seed, alike=alike)
        held_out = {case_id[1:] for case_id in (*split.val, *split.test)}
        assert {case_id[1:] for case_id in split.left_out} == held_out


def test_make_split__folders_win() -> None:
    train, val, test = (masked(4, part, part=part) for part in ("train", "val", "test"))
    split = make_split(train + val + test, labelled=0.5, draw=0, seed=0)
    assert split.val == tuple(case.id for case in val)
    assert split.test == tuple(case.id for case in test)
    assert len(split.train_labelled) == len(split.train_unlabelled) == 2


def test_make_split__validation_is_carved_from_train() -> None:
    cases = masked(80, "a", part="train") + masked(10, "t", part="test")
    split = make_split(cases, labelled=1.0, draw=0, seed=0)
    assert (len(split.train_labelled), len(split.val), len(split.test)) == (60, 20, 10)
    assert all(case_id.startswith("a") for case_id in split.val)


def test_make_split__unmasked_images_of_a_fixed_test_part_are_left_out() -> None:
    cases = masked(8) + unmasked(2, "t", part="test") + unmasked(2, "x", part="train")
    split = make_split(cases, labelled=1.0, draw=0, seed=0)
    assert split.left_out == ("t0000", "t0001")
    assert split.train_unlabelled == ("x0000", "x0001")


def test_make_split__parts_of_some_cases_only() -> None:
    cases = masked(4, "a", part="train") + masked(2, "b")
    with pytest.raises(DataError, match=r"b0000, b0001: no part, while 4 .*Give every masked case"):
        make_split(cases, labelled=1, draw=0, seed=0)


def test_make_split__too_few_masks() -> None:
    with pytest.raises(DataError, match=r"2 masked images .*at least 3 are needed"):
        make_split(masked(2) + unmasked(50), labelled=1, draw=0, seed=0)
    with pytest.raises(DataError, match=r"^1 masked image or group cannot be divided"):
        make_split(masked(1), labelled=1, draw=0, seed=0)


def test_make_split__images_of_a_drawn_validation_group_are_left_out() -> None:
    groups = [f"p{number}" for number in range(6)]
    train = [c for g in groups for c in masked(1, g, group=g, part="train")]
    others = [c for g in groups for c in unmasked(2, f"u{g}", group=g, part="train")]
    cases = [*train, *others, *masked(2, "t", part="test")]
    split = make_split(cases, labelled=1.0, draw=0, seed=0)
    assert split.val
    assert {case_id[1:3] for case_id in split.left_out} == {case_id[:2] for case_id in split.val}
    assert len(split.left_out) == 2 * len(split.val)


def test_make_split__too_few_groups() -> None:
    cases = masked(9, "a", group="p1") + masked(9, "b", group="p2")
    with pytest.raises(DataError, match=r"2 masked images or groups .*at least 3 are needed"):
        make_split(cases, labelled=1, draw=0, seed=0)


@pytest.mark.parametrize(
    ("labelled", "message"),
    [
        (0, "labelled is 0, which makes 0 .* of 6 .*1 to 6"),
        (-1, "Choose a value that makes 1 to 6"),
        (7, "which makes 7 labelled training images of 6 with a mask"),
        (0.01, "which makes 0 labelled"),
        (0.0, "use a share above 0 and up to 1, or a whole number"),
        (1.5, "use a share above 0 and up to 1, or a whole number"),
        (float("nan"), "use a share"),
    ],
)
def test_make_split__labelled_out_of_range(labelled: float, message: str) -> None:
    with pytest.raises(InputError, match=message):
        make_split(masked(10), labelled=labelled, draw=0, seed=0)


@pytest.mark.parametrize("name", ["seed", "draw"])
def test_make_split__negative_seed(name: str) -> None:
    with pytest.raises(InputError, match=f"{name} is -1; use 0 or a larger"):
        make_split(
            masked(10),
            labelled=1,
            seed=-1 if name == "seed" else 0,
            draw=-1 if name == "draw" else 0,
        )


@pytest.mark.parametrize("fractions", [(0.5, 0.2, 0.2), (1.0, 0.0, 0.0), (0.9, 0.2, -0.1)])
def test_make_split__fractions_out_of_range(fractions: tuple[float, float, float]) -> None:
    with pytest.raises(InputError, match="three positive numbers that sum to 1"):
        make_split(masked(10), labelled=1, draw=0, seed=0, fractions=fractions)


@given(grouped_cases(), SEEDS, st.integers(2, 4))
def test_with_folds__each_mask_is_held_out_once_and_groups_whole(
    cases: list[Case], seed: int, number: int
) -> None:
    split = make_split(cases, labelled=1.0, draw=0, seed=seed, fractions=None)
    assert {*split.train_labelled} == {case.id for case in cases if case.mask}
    units = units_of(cases, {}, ())
    if len({units[case_id] for case_id in split.train_labelled}) < number:
        with pytest.raises(DataError, match=f"into {number} folds"):
            with_folds(split, number, units)
        return
    dealt = with_folds(split, number, units)
    assert len(dealt.fold_names) == number
    held_out = [dealt.of_fold(name) for name in dealt.fold_names]
    assert sorted(i for fold in held_out for i in fold.val) == sorted(split.train_labelled)
    for fold in held_out:
        seen = {*fold.train_labelled, *fold.train_unlabelled}
        assert not {units[case_id] for case_id in fold.val} & {units[case_id] for case_id in seen}


def test_with_folds__validation_cases_are_dealt_out_and_test_cases_are_not() -> None:
    split = make_split(masked(20), labelled=1.0, draw=0, seed=0)
    dealt = with_folds(split, 4, {})
    assert dealt.val == ()
    assert dealt.test == split.test
    assert {*dealt.train_labelled} == {*split.train_labelled, *split.val} == dealt.folds.keys()
    assert Split.from_json(dealt.to_json()) == dealt
    sizes = [len(dealt.of_fold(name).val) for name in dealt.fold_names]
    assert sizes == [4, 4, 4, 4]


def test_split__refuses_a_fold_of_a_case_that_is_not_trained_on() -> None:
    dealt = with_folds(make_split(masked(10), labelled=1.0, draw=0, seed=0), 2, {})
    with pytest.raises(DataError, match=r"x: has a fold, but is not among"):
        replace(dealt, folds=dealt.folds | {"x": "1"})
