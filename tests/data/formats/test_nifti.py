"""NIfTI as nibabel writes it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from crosslevel.data.formats.readers import read_header, read_picture
from crosslevel.errors import DataError
from support.medical_files import write_nifti

pytest.importorskip("nibabel")
RNG = np.random.default_rng(0)
VOLUME = RNG.integers(-1000, 3000, (4, 5, 6), dtype=np.int16)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_slices__across_each_axis(tmp_path: Path, suffix: str, axis: int) -> None:
    path = write_nifti(tmp_path / f"a{suffix}", VOLUME, (1, 2, 3))
    header = read_header(path, axis)
    assert header.num_frames == VOLUME.shape[axis]
    assert header.spacing_mm == tuple(size for side, size in enumerate((1, 2, 3)) if side != axis)
    for index in range(VOLUME.shape[axis]):
        pixels = read_picture(path, index, axis).pixels
        np.testing.assert_array_equal(pixels, np.take(VOLUME, index, axis))


def test_slices__one_must_be_chosen(tmp_path: Path) -> None:
    path = write_nifti(tmp_path / "a.nii", VOLUME)
    with pytest.raises(DataError, match=r"a\.nii: holds 6 slices across axis 2\. Say which one"):
        read_picture(path)


@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 1), (4, 5, 1, 1)])
def test_single_slice__needs_no_choice(tmp_path: Path, shape: tuple[int, ...]) -> None:
    path = write_nifti(tmp_path / "a.nii.gz", VOLUME[..., 0].reshape(shape))
    np.testing.assert_array_equal(read_picture(path).pixels, VOLUME[..., 0])


def test_scaled__by_the_slope_of_the_header(tmp_path: Path) -> None:
    import nibabel

    image = nibabel.Nifti1Image(VOLUME[..., :1], np.eye(4))
    image.header.set_slope_inter(0.5, 10)
    nibabel.save(image, tmp_path / "a.nii")
    expected = nibabel.nifti1.load(tmp_path / "a.nii").get_fdata()[..., 0]
    np.testing.assert_allclose(read_picture(tmp_path / "a.nii").pixels, expected)


def test_colours__of_8_bits(tmp_path: Path) -> None:
    array = RNG.integers(0, 256, (4, 5, 1, 3), dtype=np.uint8)
    colours = array.view([("R", "u1"), ("G", "u1"), ("B", "u1")])[..., 0]
    pixels = read_picture(write_nifti(tmp_path / "a.nii", colours)).pixels
    np.testing.assert_array_equal(pixels, array[:, :, 0])


def test_time__is_refused(tmp_path: Path) -> None:
    path = write_nifti(tmp_path / "a.nii", np.zeros((2, 3, 4, 5), np.int16))
    with pytest.raises(DataError, match=r"its axes are 2 x 3 x 4 x 5\. Save a volume of three"):
        read_picture(path, 0)


def test_a_changed_file__is_read_anew(tmp_path: Path) -> None:
    path = write_nifti(tmp_path / "a.nii.gz", VOLUME)
    read_picture(path, 0)
    write_nifti(path, np.zeros((4, 5, 7), np.int16))
    assert not read_picture(path, 0).pixels.any()


@pytest.mark.parametrize("content", [b"", b"no NIfTI at all" * 50])
def test_damaged__is_named(tmp_path: Path, content: bytes) -> None:
    for name in ("a.nii", "a.nii.gz"):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match=r"a\.nii.*: cannot be decoded as NIfTI .*Replace"):
            read_picture(tmp_path / name)
