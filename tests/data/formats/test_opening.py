"""Files that cannot be used are named, with a remedy."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from crosslevel.data.reading import content_hash, read_image, read_mask
from crosslevel.errors import DataError
from crosslevel.types import Classes
from support.pictures import save

BINARY = Classes()


def truncated(suffix: str) -> bytes:
    buffer = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(noise).save(buffer, suffix)
    return buffer.getvalue()[: len(buffer.getvalue()) // 2]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty. Replace or remove"),
        (b"no image at all", "not an image, or damaged. Replace or remove"),
        (truncated("png"), "cannot be decoded .*Replace or remove"),
        (truncated("jpeg"), "cannot be decoded .*Replace or remove"),
        (truncated("tiff"), "cannot be decoded .*Replace or remove|not an image, or damaged"),
    ],
)
def test_damaged_files__are_named(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "broken.png"
    path.write_bytes(content)
    for read in (read_image, lambda broken: read_mask(broken, BINARY)):
        with pytest.raises(DataError, match=rf"broken\.png: {message}"):
            read(path)


@pytest.mark.parametrize("read", [read_image, content_hash])
def test_missing_file__is_named(tmp_path: Path, read: Callable[[Path], object]) -> None:
    with pytest.raises(DataError, match=r"gone\.png: no such file. Correct the path"):
        read(tmp_path / "gone.png")


def test_folder__is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot be decoded|may not be read"):
        read_image(tmp_path)


def test_decompression_bomb__is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(tmp_path / "huge.png", np.zeros((10, 10), np.uint8))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 40)
    with pytest.raises(DataError, match=r"huge\.png: too many pixels .*Make it smaller"):
        read_image(path)


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_decompression_bomb__warning_size_is_fine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save(tmp_path / "large.png", np.zeros((10, 10), np.uint8))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 60)
    assert read_image(path).shape == (10, 10, 3)


def test_content_hash__is_sha256_of_the_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert content_hash(tmp_path / "a") == hashlib.sha256(b"abc").hexdigest()
