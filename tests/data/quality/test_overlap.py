"""A score is of unseen images and patients, or the report says where not."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from crosslevel.data.quality.duplicates import SIDE
from crosslevel.data.quality.findings import Findings, ImageFinding
from crosslevel.data.quality.overlap import Overlap, find_overlap
from crosslevel.types import Case


def setting(digests, **sides):
    """Cases named by letters, one content each, and the side each is on."""
    nothing = np.zeros((SIDE, SIDE, 3), np.uint8)
    cases = [Case(name, Path(f"{name}.png")) for name in sides]
    images = {n: ImageFinding(d, (9, 9), nothing) for n, d in zip(sides, digests, strict=True)}
    return cases, sides, Findings(images)


def test_same_image__the_copy_farther_from_the_test_is_bad():
    cases, sides, found = setting("1121", a="train", b="test", c="train", d="val")
    overlap = find_overlap(cases, sides, found, [])
    assert [bad.case_id for bad in overlap.bad_files] == ["a", "d"]
    assert (
        "a.png: the same image is in train and, as b.png, in test" in overlap.bad_files[0].problem
    )


def test_same_image__on_one_side_is_no_overlap():
    cases, sides, found = setting("11", a="test", b="test")
    assert find_overlap(cases, sides, found, [["a", "b"]]) == Overlap()


def test_look_alikes__name_the_pair():
    cases, sides, found = setting("123", a="train", b="train", c="test")
    [line] = find_overlap(cases, sides, found, [["a", "b", "c"]]).warnings
    assert "a.png (train), c.png (test)" in line


def test_groups__on_both_sides_are_a_fault():
    cases, sides, found = setting("123", a="train", b="val", c="test")
    cases = [
        replace(cases[0], group="p"),
        replace(cases[1], group="q"),
        replace(cases[2], group="p"),
    ]
    [line] = find_overlap(cases, sides, found, []).faults
    assert "group p is on both sides: a.png (train), c.png (test)" in line


def test_many__are_counted():
    cases, sides, found = setting(
        "0" * 60, **{f"x{n}": "test" if n % 2 else "train" for n in range(60)}
    )
    cases = [replace(case, group=case.id[:2]) for case in cases]
    assert len(find_overlap(cases, sides, found, []).faults) <= 21


def test_cases__on_no_side_are_passed_over():
    cases, _, found = setting("11", a="train", b="test")
    assert not find_overlap(cases, {"a": "train"}, found, [["a", "b"]]).bad_files
