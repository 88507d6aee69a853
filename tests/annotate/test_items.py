"""Which images a person can annotate here, and which not."""

from __future__ import annotations

from pathlib import Path

import pytest

from crosslevel.annotate.items import find_items
from crosslevel.errors import InputError
from crosslevel.types import Layout, Reading
from support import annotated


def test_items__annotations_of_a_tool_are_not_hidden_by_masks(tmp_path: Path) -> None:
    file = annotated.coco(tmp_path)
    with pytest.raises(InputError, match=r"annotations \(instances_default\.json\).* data convert"):
        find_items(tmp_path, Reading(), Layout())
    file.unlink()
    file.parent.rmdir()
    items, _ = find_items(tmp_path, Reading(), Layout())
    assert len(items) == 3
