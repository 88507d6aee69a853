"""Nobody is in two parts, draws share one split, and a file says exactly what was drawn."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crosslevel.data.reading import content_hash
from crosslevel.data.split import Split, make_split, resolve_split
from crosslevel.errors import DataError, InputError
from crosslevel.types import Case

SEEDS = st.integers(0, 2**40)


def masked(count, prefix="m", **fields):
    names = [f"{prefix}{number:04}" for number in range(count)]
    return [Case(name, Path(f"{name}.png"), Path(f"{name}_mask.png"), **fields) for name in names]


def unmasked(count, prefix="u", **fields):
    return [replace(case, mask=None) for case in masked(count, prefix, **fields)]


@st.composite
def grouped_cases(draw: st.DrawFn) -> list[Case]:
    """Cases of at least three groups that hold a mask, with further images without one."""
    groups = st.sampled_from(["", "g1", "g2", "g3", "g4"])
    cases = [
        replace(case, group=draw(groups) or None)
        for case in masked(draw(st.integers(0, 30))) + unmasked(draw(st.integers(0, 15)))
    ]
    return [*cases, *masked(3, "alone")]


def everything(split: Split) -> list[str]:
    return [case_id for ids in (*split.parts().values(), split.left_out) for case_id in ids]


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
        ({"hashes": {"a": 1}}, "hashes is .*It must be hashes by id"),
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
