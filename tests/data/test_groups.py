"""Images of one person or series stay on one side: said by a pattern, hinted at by names."""

from __future__ import annotations

from pathlib import Path

import pytest

from crosslevel.data.cases import find_cases
from crosslevel.data.draw import make_split
from crosslevel.errors import InputError
from crosslevel.types import Layout
from support.names import touch


@pytest.fixture
def slices(tmp_path: Path) -> Path:
    for person in range(1, 7):
        for number in range(4):
            name = f"p{person:02}_slice{number:03}.png"
            touch(tmp_path, f"images/{name}", f"masks/{name}")
    return tmp_path


def test_hint__slices_of_one_person(slices: Path) -> None:
    (line,) = find_cases(slices).warnings
    assert "24 images share 6 prefixes of their names (p01, p02, p03, …)" in line
    assert "--group_by '(.+)_'" in line


def test_group_by__the_advice_followed_keeps_persons_apart(slices: Path) -> None:
    found = find_cases(slices, layout=Layout(group_by="(.+)_"))
    assert found.warnings == []
    split = make_split(found.cases, labelled=1.0, draw=0, seed=0)
    sides = [{case_id[:3] for case_id in ids} for ids in split.parts().values() if ids]
    assert sum(map(len, sides)) == 6


@pytest.mark.parametrize("names", [["img_001", "img_002", "img_003", "img_004"], ["a", "b", "c"]])
def test_hint__not_for_numbered_images(tmp_path: Path, names: list[str]) -> None:
    touch(tmp_path, *(f"images/{name}.png" for name in names), "masks/x.png")
    assert not any("prefixes" in line for line in find_cases(tmp_path).warnings)


def test_group_by__none_takes_groups_away(tmp_path: Path) -> None:
    for name in ("p1", "p2", "p3"):
        touch(tmp_path, f"{name}/images/1.png", f"{name}/images/2.png", f"{name}/masks/1.png")
    assert {case.group for case in find_cases(tmp_path).cases} == {"p1", "p2", "p3"}
    ungrouped = find_cases(tmp_path, layout=Layout(group_by="none")).cases
    assert {case.group for case in ungrouped} == {None}


@pytest.mark.parametrize(
    ("pattern", "message"), [("(", "is not a pattern"), ("x+", "fits no name; the first is 'p01_")]
)
def test_group_by__that_means_nothing_is_refused(slices: Path, pattern: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        find_cases(slices, layout=Layout(group_by=pattern))


def test_group_by__that_fits_some_names_only_warns(slices: Path) -> None:
    touch(slices, "images/other.png")
    (line,) = find_cases(slices, layout=Layout(group_by="(p..)_")).warnings
    assert "other.png: 1 images have names that --group_by does not fit" in line
