"""What every reader keeps by its suffixes in `READERS`: pixels as its header says, or one error."""

import hashlib
import importlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from crosslevel.data.cases import find_cases
from crosslevel.data.formats.dicom import read_dicom
from crosslevel.data.formats.nifti import read_nifti
from crosslevel.data.formats.plain import read_plain
from crosslevel.data.formats.readers import (
    PACKAGES,
    READERS,
    Reader,
    frame_hash,
    read_hashed_picture,
    read_header,
    read_picture,
)
from crosslevel.errors import DataError
from support.medical_files import write_dicom, write_nifti

for package in {module.partition(".")[0] for module, _ in PACKAGES.values()}:
    pytest.importorskip(package)

PIXELS = np.random.default_rng(0).integers(0, 256, (12, 16), np.uint8)


def write_plain(path):
    Image.fromarray(PIXELS).convert("1" if path.suffix.lower() == ".pbm" else "L").save(path)


WRITERS: dict[Reader, Callable[[Path], object]] = {
    read_plain: write_plain,
    read_dicom: lambda path: write_dicom(path, PIXELS, bits=8),
    read_nifti: lambda path: write_nifti(path, PIXELS[..., None]),
}
"""How a file for each reader is made, of one image."""
BROKEN = {
    "empty": lambda _: b"",
    "cut": lambda content: content[: len(content) // 2],
    "begun": lambda content: content[:20],
    "text": lambda _: b"no image at all\n" * 99,
}


@pytest.fixture(params=READERS)
def path(request, tmp_path):
    assert READERS[request.param] in WRITERS, "say here how a file of this kind is made"
    made = tmp_path / f"a{request.param}"
    WRITERS[READERS[request.param]](made)
    return made


def test_reader__gives_one_image_as_its_header_says(path):
    header, picture = read_header(path, 2), read_picture(path)
    assert header.num_frames == 1
    assert picture.pixels.shape[:2] == PIXELS.shape
    assert picture.pixels.ndim in (2, 3)
    assert header.spacing_mm == picture.spacing_mm
    assert picture.pixels.max() > picture.pixels.min()


def test_reader__reads_the_same_twice_and_leaves_the_file_alone(path):
    before = path.read_bytes()
    np.testing.assert_array_equal(read_picture(path).pixels, read_picture(path).pixels)
    np.testing.assert_array_equal(read_picture(path, 0).pixels, read_picture(path).pixels)
    assert path.read_bytes() == before


def test_reader__hashes_the_bytes_it_reads(path):
    picture, found = read_hashed_picture(path)
    np.testing.assert_array_equal(picture.pixels, read_picture(path).pixels)
    assert found == frame_hash(path, None) == hashlib.sha256(path.read_bytes()).hexdigest()
    assert read_hashed_picture(path, 0)[1] == frame_hash(path, 0) != found


def test_reader__is_chosen_in_capital_letters_too(path):
    shouted = path.rename(path.with_name(path.name.upper()))
    assert read_picture(shouted).pixels.shape[:2] == PIXELS.shape
    assert [case.image for case in find_cases(shouted.parent).cases] == [shouted]


def test_reader__names_the_frames_there_are(path):
    with pytest.raises(DataError, match=r"--page") as caught:
        read_picture(path, 7)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("how", BROKEN)
def test_reader__a_broken_file_is_one_line_that_names_it(path, how):
    path.write_bytes(BROKEN[how](path.read_bytes()))
    try:
        picture = read_picture(path)
    except DataError as error:
        [line] = error.problems
        assert line.startswith(f"{path}: ")
        assert line.endswith(".")
    else:  # pixels that are left out at the end, in formats that do not tell
        assert how == "cut"
        assert picture.pixels.shape[:2] == PIXELS.shape


def test_reader__a_missing_file_is_one_line_that_names_it(path):
    path.unlink()
    for read in (read_picture, read_hashed_picture):
        with pytest.raises(DataError, match=f"{path.name}: no such file"):
            read(path)


@pytest.mark.parametrize("suffix", PACKAGES)
def test_reader__without_its_package_names_the_extra(suffix, tmp_path, monkeypatch):
    def import_nothing(name):
        raise ImportError(name)

    path = tmp_path / f"a{suffix}"
    WRITERS[READERS[suffix]](path)
    monkeypatch.setattr(importlib, "import_module", import_nothing)
    with pytest.raises(DataError, match=r"pip install 'crosslevel\[medical\]'"):
        read_picture(path)
