"""Which images folders name, and where their masks are written."""

from pathlib import Path

import pytest

from crosslevel.errors import InputError
from crosslevel.inference.outputs import find_images
from crosslevel.types import Reading
from support.names import touch


def test_find_images__of_linked_folders_too(tmp_path: Path) -> None:
    data = touch(tmp_path / "data", "b/x.png")
    (data / "a").symlink_to(touch(tmp_path / "elsewhere", "y.png", "deep/z.png"))
    (data / "b" / "loop").symlink_to(data)
    out = tmp_path / "out"
    found = find_images([data], out, Reading()).masks
    assert found == {
        data / "a" / "deep" / "z.png": out / "a" / "deep" / "z.png",
        data / "a" / "y.png": out / "a" / "y.png",
        data / "b" / "x.png": out / "b" / "x.png",
    }


def test_find_images__below_out_are_masks_and_that_is_said(tmp_path: Path) -> None:
    images = touch(tmp_path / "images", "x.png")
    for name in (images, images / "*.png"):
        with pytest.raises(InputError) as caught:
            find_images([name], images, Reading())
        assert str(caught.value) == (
            f"{name}: the images lie in {images}, where masks are written. Give another --out."
        )
    with pytest.raises(InputError, match="no image there"):
        find_images([touch(tmp_path / "notes", "x.txt")], tmp_path / "notes", Reading())
