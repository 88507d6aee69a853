"""A file says exactly what was drawn, and data that is not what was drawn is named."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given

from crosslevel.data.draw import make_split
from crosslevel.data.reading import content_hash
from crosslevel.data.split import Split, resolve_split
from crosslevel.errors import DataError
from crosslevel.types import Case
from support.cases import SEEDS, everything, grouped_cases, masked, unmasked


@given(grouped_cases(), SEEDS)
def test_json__round_trip(cases: list[Case], seed: int) -> None:
    hashes = {case.id: f"hash of {case.id}" for case in cases}
    split = make_split(cases, labelled=1, draw=0, seed=seed, hashes=hashes)
    assert Split.from_json(split.to_json()) == split


def test_save__load(tmp_path: Path) -> None:
    split = make_split(masked(10), labelled=2, draw=1, seed=3)
    (tmp_path / "split.json").write_text(split.to_json())
    assert Split.load(tmp_path / "split.json") == split
    assert [path.name for path in tmp_path.iterdir()] == ["split.json"]


def written(folder: Path, **changes: object) -> Path:
    """A split file, with some entries changed, or removed when changed to None."""
    content = json.loads(make_split(masked(10), labelled=2, draw=0, seed=0).to_json()) | changes
    kept = {name: value for name, value in content.items() if value is not None}
    (folder / "split.json").write_text(json.dumps(kept))
    return folder / "split.json"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"val": None}, "val is missing. Add it, or draw"),
        ({"seed": None}, "seed is missing"),
        ({"val": "m0001"}, "val is 'm0001'. It must be a list of case ids"),
        ({"test": [1]}, "test is .*It must be a list of case ids"),
        ({"draw": 1.5}, "draw is 1.5. It must be a whole number"),
        ({"hashes": {"a": 1}}, "hashes is .*It must be texts by id"),
        ({"val": ["x", "y"], "test": ["x"]}, "x listed more than once. Keep one place"),
    ],
)
def test_load__wrong_content(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    with pytest.raises(DataError, match=rf"split\.json: split: {message}"):
        Split.load(written(tmp_path, **changes))


def test_load__hashes_may_be_missing(tmp_path: Path) -> None:
    assert Split.load(written(tmp_path, hashes=None, left_out=None)).hashes == {}


@pytest.mark.parametrize(
    ("text", "message"), [("{", "not JSON .*Restore the file"), ("[]", "expected an object with")]
)
def test_load__not_a_split(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "split.json").write_text(text)
    with pytest.raises(DataError, match=rf"split\.json: split: {message}"):
        Split.load(tmp_path / "split.json")


def test_load__missing_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.json: cannot be read .*Check the path"):
        Split.load(tmp_path / "gone.json")


@pytest.fixture
def on_disk(tmp_path: Path) -> tuple[list[Case], Split]:
    """Cases with image files, and a split that knows their hashes."""
    cases = [replace(case, image=tmp_path / case.image) for case in masked(10) + unmasked(2)]
    for case in cases:
        case.image.write_text(case.id)
    hashes = {case.id: content_hash(case.image) for case in cases}
    return cases, make_split(cases, labelled=2, draw=0, seed=0, hashes=hashes)


def test_resolve_split__hides_unlabelled_masks(on_disk: tuple[list[Case], Split]) -> None:
    cases, split = on_disk
    parts = resolve_split(split, cases)
    assert {name: tuple(c.id for c in part) for name, part in parts.items()} == split.parts()
    assert not any(case.mask for case in parts["train_unlabelled"])
    assert all(case in cases for name in ("train_labelled", "val", "test") for case in parts[name])


def test_resolve_split__names_what_is_wrong(on_disk: tuple[list[Case], Split]) -> None:
    cases, split = on_disk
    gone, changed, bare = split.val[0], split.test[0], split.train_labelled[0]
    left = [
        replace(case, mask=None) if case.id == bare else case for case in cases if case.id != gone
    ]
    path = next(case.image for case in cases if case.id == changed)
    path.write_text("another image")
    with pytest.raises(DataError) as caught:
        resolve_split(split, left)
    missing, without, different = caught.value.problems
    assert missing.startswith(f"{gone}: not in the data")
    assert without.startswith(f"{bare}: without a mask")
    assert different.startswith(f"{path}: not the same image as before")
    assert "Restore the files or draw a new split" in different


def test_resolve_split__compares_with_the_hashes_it_is_given(
    on_disk: tuple[list[Case], Split],
) -> None:
    cases, split = on_disk
    for case in cases:
        case.image.unlink()
    known = dict(split.hashes)
    known.pop(split.val[0])
    resolve_split(split, cases, known)
    with pytest.raises(DataError, match="not the same image as before"):
        resolve_split(split, cases, known | {split.test[0]: "another"})


def test_resolve_split__long_lists_are_cut() -> None:
    split = make_split(masked(100), labelled=1.0, draw=0, seed=0)
    with pytest.raises(DataError, match=r"m0000, m0001.* and 80 more: not in the data"):
        resolve_split(
            replace(split, train_labelled=tuple(sorted(everything(split))), val=(), test=()), []
        )
