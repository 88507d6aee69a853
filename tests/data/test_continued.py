"""Runs that start from runs: what one of them learned from is not new, a test stays a test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from crosslevel.data.continued import continued, new_masks
from crosslevel.data.draw import units_of
from crosslevel.data.split import Split
from crosslevel.types import Case

FIRST = Split(
    train_labelled=("a", "b"),
    train_unlabelled=(),
    val=(),
    test=("t",),
    seed=0,
    draw=0,
    hashes={name: f"hash of {name}" for name in "abt"},
    folds={"a": "1", "b": "2"},
)


def case(name: str, group: str | None = None) -> Case:
    return Case(id=name, image=Path(name), mask=Path(f"{name}.mask"), group=group)


def go_on(cases: Sequence[Case], before: Split) -> tuple[Split, set[str]]:
    """Return the split of a run that starts from another, and its new masks."""
    hashes = {case.id: f"hash of {case.id}" for case in cases}
    units = units_of(cases, hashes, ())
    split = continued(cases, before, hashes, units)
    return split, {*new_masks(split, units)}


@pytest.mark.parametrize("between", ["cd", "cdt"])
def test_continued__remembers_what_was_away_for_a_run(between):
    second, new = go_on([case(name) for name in between], FIRST)
    assert new == {"c", "d"}
    third, new = go_on([case(name) for name in "abcdeft"], Split.from_json(second.to_json()))
    assert new == {"e", "f"}
    assert third.test == ("t",)


def test_new_masks__are_of_no_group_that_was_learned_from():
    cases = [case("a", "anna"), case("b"), case("c", "anna"), case("d", "zoe")]
    split, new = go_on(cases, FIRST)
    assert split.train_labelled == ("a", "b", "c", "d")
    assert new == {"d"}


def test_continued__a_test_image_without_its_mask_is_left_out():
    split, _ = go_on(
        [case("a"), replace(case("t"), mask=None), replace(case("u"), mask=None)], FIRST
    )
    assert (split.train_unlabelled, split.left_out) == (("u",), ("t",))


def test_continued__new_images_of_given_parts_go_there():
    cases = [case("a"), replace(case("c"), part="train"), replace(case("d", "dora"), part="test")]
    cases += [replace(case("e"), part="val"), replace(case("f"), part="test", mask=None)]
    cases += [case("g", "dora"), replace(case("t"), part="train"), replace(case("b"), part="test")]
    split, new = go_on(cases, FIRST)
    assert (split.train_labelled, new) == (("a", "b", "c"), {"c"})
    assert (split.val, split.test) == (("e",), ("d", "t"))
    assert (split.train_unlabelled, split.left_out) == ((), ("f", "g"))


def test_continued__remembers_what_was_learned_from_without_its_mask():
    first = replace(FIRST, train_unlabelled=("u", "v"), hashes={n: f"hash of {n}" for n in "abtuv"})
    cases = [case("a"), case("c"), replace(case("b"), mask=None), case("u")]
    split, new = go_on(cases, first)
    assert (split.train_labelled, new) == (("a", "c", "u"), {"c", "u"})
    assert split.earlier["hash of v"] == "train_unlabelled"
    split, new = go_on([case(name) for name in "abcuv"], split)
    assert split.train_labelled == ("a", "b", "c", "u", "v")
    assert new == {"v"}  # the mask of b was learned from before it was away
    assert split.earlier["hash of v"] == "train_unlabelled"
