"""Labels become classes: their order, values and names."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from crosslevel.data.annotations.classes import classes_of, settle
from crosslevel.data.annotations.painting import inspect_shapes
from crosslevel.data.annotations.shapes import Outlines, Shape, rectangle
from crosslevel.errors import InputError
from crosslevel.types import IGNORED, Classes, ShapeMask

LABELS = {"polyp": (250, 50, 83), "tool": (36, 179, 83)}


def test_classes_of__colours_of_the_tool_or_numbers() -> None:
    assert classes_of(LABELS) == LABELS
    assert classes_of({"polyp": None, "tool": (1, 2, 3)}) == {"polyp": 1, "tool": 2}
    assert classes_of({"a": (1, 1, 1), "b": (1, 1, 1)}) == {"a": 1, "b": 2}
    assert classes_of({"background": None, "x": None, "__ignore__": None}) == {"x": 1}


def test_settle__one_label_is_the_name_of_the_foreground() -> None:
    settled, lines = settle(Classes(), {"polyp": None})
    assert (settled.names, settled.num_channels, lines) == (["polyp"], 1, [])
    assert settle(settled, {"polyp": None}) == (settled, [])  # again, as a run that goes on does


def test_settle__given_classes_choose_and_order() -> None:
    asked = Classes({"Tool": 1, "polyp": 2})
    assert settle(asked, LABELS) == (asked, [])
    settled, (line,) = settle(Classes(foreground="tool"), LABELS)
    assert settled.names == ["tool"]
    assert line.startswith("label polyp: its shapes count as background")
    with pytest.raises(InputError, match="no label 'lesion' among the annotations; there are po"):
        settle(Classes({"lesion": 1}), LABELS)
    with pytest.raises(InputError, match="ignore is 255, a value of masks drawn as images"):
        settle(Classes(ignore=255), LABELS)


def test_inspect__the_last_shape_is_on_top_and_some_labels_take_away(tmp_path: Path) -> None:
    drawn = [("polyp", 0, 4), ("tool", 2, 6), ("ignore", 5, 7), ("Background", 0, 1)]
    shapes = tuple(
        Shape(label, Outlines(((rectangle(left, 0, right, 1),),))) for label, left, right in drawn
    )
    mask = ShapeMask(tmp_path / "x.json", "a", "COCO", (1, 8), tmp_path / "a.png", shapes)
    settled, _ = settle(Classes(), LABELS)
    expected = [[0, 1, 2, 2, 2, IGNORED, IGNORED, 0]]
    assert inspect_shapes(mask, settled).indices.tolist() == expected
    called_so = tuple(replace(s, label=s.label.replace("tool", "foreground")) for s in shapes)
    settled, _ = settle(Classes(), {"polyp": None, "foreground": None})
    assert inspect_shapes(replace(mask, shapes=called_so), settled).indices.tolist() == expected
    alone = inspect_shapes(mask, Classes(foreground="tool")).indices
    assert alone.tolist() == [[0, 0, 1, 1, 1, IGNORED, IGNORED, 0]]
    merged = inspect_shapes(mask, Classes(instances=True)).indices
    np.testing.assert_array_equal(merged[0, :6], [0, 1, 1, 1, 1, IGNORED])
