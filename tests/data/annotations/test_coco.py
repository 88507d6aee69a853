"""COCO's run lengths against pycocotools, and files that are not as COCO has them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from pycocotools import mask as oracle

from crosslevel.data.annotations.coco import compress, decompress, read
from crosslevel.data.annotations.shapes import Runs
from crosslevel.errors import DataError, InputError

BITS = arrays(np.bool_, st.tuples(st.integers(1, 14), st.integers(1, 14)))


@given(BITS)
def test_compress__is_that_of_the_reference(bits: NDArray[np.bool_]) -> None:
    expected = oracle.encode(np.asfortranarray(bits, np.uint8))["counts"].decode()
    counts = Runs.of(bits, by_column=True).counts
    assert compress(counts) == expected
    assert decompress(expected).tolist() == counts.tolist()


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=9))
def test_decompress__long_runs(counts: list[int]) -> None:
    assert decompress(compress(np.array(counts, np.int64))).tolist() == counts


@pytest.mark.parametrize("text", ["", "P", "é", " "])
def test_decompress__damage_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="compressed run lengths are damaged"):
        decompress(text)


def written(tmp_path: Path, **annotation: Any) -> Path:
    image = {"id": 1, "file_name": "a.png", "height": 4, "width": 5}
    content = {
        "images": [image],
        "categories": [{"id": 1, "name": "polyp", "color": "#fa3253"}],
        "annotations": [{"id": 3, "image_id": 1, "category_id": 1} | annotation],
    }
    file = tmp_path / "instances.json"
    file.write_text(json.dumps(content))
    return file


def test_read__a_box_alone_is_not_a_mask(tmp_path: Path) -> None:
    found = read(written(tmp_path, bbox=[0, 0, 2, 2], segmentation=[]))
    assert found.others == {"box without a mask": 1}
    assert found.images[0].has_others
    assert found.labels == {"polyp": (250, 50, 83)}


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"image_id": 2}, "belongs to image 2, which is not among the images"),
        ({"category_id": 9}, "annotation 3: is not as the tool writes it .KeyError: 9"),
        ({"segmentation": {"size": [5, 4], "counts": [20]}}, "an image of 5 x 4, but its image is"),
        ({"segmentation": [[1, 2, 3]]}, "annotation 3: its outline is not a list of pairs"),
    ],
)
def test_read__what_is_wrong_is_named(tmp_path: Path, change: dict[str, Any], text: str) -> None:
    with pytest.raises(DataError, match=text):
        read(written(tmp_path, **{"segmentation": [[0, 0, 3, 0, 3, 3]]} | change))
