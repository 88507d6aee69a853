"""What every tool of `TOOLS` keeps: its files, as the tool writes them, become the right pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from crosslevel.data.annotations import TOOLS
from crosslevel.data.annotations.classes import classes_of
from crosslevel.data.cases import find_cases, index_cases
from crosslevel.data.quality.fingerprints import changed_masks, mask_hashes
from crosslevel.data.reading import read_case_mask
from crosslevel.types import Classes, Layout
from support import annotated

DONE = {"labelme", "label-studio", "yolo"}
"""Their files say that an image without shapes was looked at."""


@pytest.fixture(params=annotated.TOOLS)
def tool(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_tools__all_have_files_to_be_read() -> None:
    assert {name.split()[0] for name in annotated.TOOLS} == set(TOOLS)


def test_folder__gives_the_pixels_in_the_order_of_the_classes(tmp_path: Path, tool: str) -> None:
    annotated.TOOLS[tool](tmp_path)
    found = find_cases(tmp_path)
    assert found.problems == []
    assert list(found.labels) == ["polyp", "tool"]
    assert TOOLS[tool.split()[0]].name in found.layout
    masks = {case.id: case for case in found.cases}
    assert set(masks) == set(annotated.NAMES)
    classes = Classes(classes_of(found.labels))
    for name in "ab":
        np.testing.assert_array_equal(read_case_mask(masks[name], classes), annotated.truth(name))
    assert (masks["c"].mask is not None) == (tool in DONE)


def test_file__is_read_as_its_folder(tmp_path: Path, tool: str) -> None:
    file = annotated.TOOLS[tool](tmp_path)
    by_file = [(case.id, case.image, case.part) for case in index_cases(file)]
    assert by_file == [(case.id, case.image, case.part) for case in index_cases(tmp_path)]


def test_without_shapes__healthy_if_somebody_says_so(tmp_path: Path, tool: str) -> None:
    annotated.TOOLS[tool](tmp_path)
    found = find_cases(tmp_path, layout=Layout(without_shapes="healthy"))
    (case,) = [case for case in found.cases if case.id == "c"]
    assert not read_case_mask(case, Classes()).any()
    words = ("--without_shapes has no effect", "As you said")
    heard = [line for line in found.warnings if any(word in line for word in words)]
    assert len(heard) == 1


def test_hashes__tell_the_mask_that_changed(tmp_path: Path, tool: str) -> None:
    annotated.TOOLS[tool](tmp_path)
    before = mask_hashes(index_cases(tmp_path))
    moved = [(x + 1, y) for x, y in annotated.POLYP]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(annotated, "POLYP", moved)
        annotated.TOOLS[tool](tmp_path)
    (path,) = changed_masks(before, index_cases(tmp_path))
    assert "a.png" in str(path) or path.name.startswith("a")


@pytest.mark.parametrize("damage", [b"", b"{", b"<annotations>", b"\xff\xfe\x00", b"[[[[[[1]]]]]]"])
def test_damaged__is_one_error_that_names_the_file(
    tmp_path: Path, tool: str, damage: bytes
) -> None:
    file = annotated.TOOLS[tool](tmp_path)
    if file.is_dir():
        file = file / "a.json"
    file.write_bytes(damage)
    with pytest.raises(ValueError, match=file.name):
        find_cases(file)
