"""DICOM as pydicom writes it; the expected values are worked out by hand from the standard."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from crosslevel.data.formats.readers import read_header, read_picture
from crosslevel.data.reading import read_image
from crosslevel.errors import DataError
from support.medical_files import NAME, PATIENT, write_dicom

pydicom = pytest.importorskip("pydicom")
RNG = np.random.default_rng(0)
TWELVE = RNG.integers(0, 4096, (5, 7), dtype=np.uint16)


def test_grey__is_as_stored(tmp_path: Path) -> None:
    picture = read_picture(write_dicom(tmp_path / "a.dcm", TWELVE))
    np.testing.assert_array_equal(picture.pixels, TWELVE)
    assert (picture.window, picture.spacing_mm) == (None, None)


def test_grey__monochrome1_is_turned_round_within_its_bits(tmp_path: Path) -> None:
    path = write_dicom(tmp_path / "a.dcm", TWELVE, PhotometricInterpretation="MONOCHROME1")
    np.testing.assert_array_equal(read_picture(path).pixels, 4095 - TWELVE)
    eight = write_dicom(
        tmp_path / "b.dcm", np.array([[0, 10, 255]], np.uint8), bits=8,
        PhotometricInterpretation="MONOCHROME1",
    )  # fmt: skip
    assert read_image(eight)[0, :, 0].tolist() == [255, 245, 0]


def test_grey__slope_and_intercept(tmp_path: Path) -> None:
    path = write_dicom(tmp_path / "a.dcm", TWELVE, RescaleSlope=1, RescaleIntercept=-1024)
    pixels = read_picture(path).pixels
    np.testing.assert_array_equal(pixels, TWELVE.astype(int) - 1024)
    assert pixels.dtype == np.int16
    half = write_dicom(tmp_path / "b.dcm", TWELVE, RescaleSlope=0.5, RescaleIntercept=3)
    np.testing.assert_allclose(read_picture(half).pixels, TWELVE * 0.5 + 3)


def test_window__of_soft_tissue(tmp_path: Path) -> None:
    """PS3.3, C.11.2.1.2.1: center 40, width 400 has its ends at -160 and 239 (39.5 ± 199.5)."""
    stored = np.array([[0, 864, 1063, 1263, 4000]], np.uint16)  # HU -1024, -160, 39, 239, 2976
    path = write_dicom(
        tmp_path / "a.dcm", stored, RescaleSlope=1, RescaleIntercept=-1024,
        WindowCenter=[40, 500], WindowWidth=[400, 2000],
    )  # fmt: skip
    assert read_picture(path).window == (-160, 239)
    assert read_image(path)[0, :, 0].tolist() == [0, 0, 127, 255, 255]


def test_window__is_turned_round_with_the_image(tmp_path: Path) -> None:
    """What pydicom shows of the window, turned round, is what is read."""
    path = write_dicom(
        tmp_path / "a.dcm", TWELVE, PhotometricInterpretation="MONOCHROME1",
        RescaleSlope=2, RescaleIntercept=-100, WindowCenter=3000, WindowWidth=4001,
    )  # fmt: skip
    file = pydicom.dcmread(path)
    from pydicom.pixels.processing import apply_modality_lut, apply_voi_lut

    shown = apply_voi_lut(apply_modality_lut(file.pixel_array, file), file)
    expected = 255 - 255 * (shown - shown.min()) / (shown.max() - shown.min())
    np.testing.assert_allclose(read_image(path)[..., 0], expected, atol=0.51)


def test_padding__is_as_dark_as_the_darkest_pixel(tmp_path: Path) -> None:
    stored = np.array([[-2000, 0, 900]], np.int16)
    path = write_dicom(tmp_path / "a.dcm", stored, bits=16, PixelPaddingValue=-2000)
    assert read_picture(path).pixels.tolist() == [[0, 0, 900]]


def test_signed__keeps_its_sign(tmp_path: Path) -> None:
    stored = RNG.integers(-1000, 3000, (4, 5), dtype=np.int16)
    np.testing.assert_array_equal(
        read_picture(write_dicom(tmp_path / "a.dcm", stored, bits=16)).pixels, stored
    )


def test_colour__is_as_stored(tmp_path: Path) -> None:
    array = RNG.integers(0, 256, (4, 5, 3), dtype=np.uint8)
    np.testing.assert_array_equal(read_image(write_dicom(tmp_path / "a.dcm", array, bits=8)), array)


def test_frames__one_of_several(tmp_path: Path) -> None:
    frames = RNG.integers(0, 4096, (3, 4, 5), dtype=np.uint16)
    path = write_dicom(tmp_path / "a.dcm", frames)
    assert read_header(path, 2).num_frames == 3
    for index in range(3):
        np.testing.assert_array_equal(read_picture(path, index).pixels, frames[index])
    with pytest.raises(DataError, match=r"a\.dcm: holds 3 frames\. Say which one"):
        read_picture(path)


def test_compressed__rle(tmp_path: Path) -> None:
    path = write_dicom(tmp_path / "a.dcm", TWELVE, compress=pydicom.uid.RLELossless)
    np.testing.assert_array_equal(read_picture(path).pixels, TWELVE)


def test_compressed__jpeg(tmp_path: Path) -> None:
    import io

    from PIL import Image
    from pydicom.encaps import encapsulate

    array = np.repeat(np.arange(0, 250, 10, dtype=np.uint8)[None], 24, axis=0)
    stream = io.BytesIO()
    Image.fromarray(array).save(stream, "JPEG", quality=98)
    path = write_dicom(tmp_path / "a.dcm", array, bits=8)
    file = pydicom.dcmread(path)
    file.file_meta.TransferSyntaxUID = pydicom.uid.JPEGBaseline8Bit
    file.PixelData = encapsulate([stream.getvalue()])
    file["PixelData"].is_undefined_length = True
    file.save_as(path)
    assert np.abs(read_image(path)[..., 0].astype(int) - array).max() <= 3


def test_compressed__with_what_is_not_installed(tmp_path: Path) -> None:
    path = write_dicom(tmp_path / "a.dcm", TWELVE)
    file = pydicom.dcmread(path)
    file.file_meta.TransferSyntaxUID = pydicom.uid.HTJ2KLossless
    from pydicom.encaps import encapsulate

    file.PixelData = encapsulate([b"\0\1"])
    file["PixelData"].is_undefined_length = True
    file.save_as(path)
    with pytest.raises(DataError, match=r"its compression, .*, cannot be read here\. Install"):
        read_picture(path)


@pytest.mark.parametrize(
    ("more", "spacing"),
    [
        ({"PixelSpacing": [0.5, 0.25]}, (0.5, 0.25)),
        ({"ImagerPixelSpacing": [0.1, 0.1]}, (0.1, 0.1)),
        ({}, None),
    ],
)
def test_spacing__of_rows_and_columns(
    tmp_path: Path, more: dict[str, Any], spacing: tuple[float, float] | None
) -> None:
    path = write_dicom(tmp_path / "a.dcm", TWELVE, **more)
    assert read_header(path, 2).spacing_mm == read_picture(path).spacing_mm == spacing


def test_spacing__of_ultrasound(tmp_path: Path) -> None:
    region = pydicom.Dataset()
    region.PhysicalUnitsXDirection = region.PhysicalUnitsYDirection = 3  # centimetres
    region.PhysicalDeltaX, region.PhysicalDeltaY = 0.01, 0.02
    path = write_dicom(tmp_path / "a.dcm", TWELVE, SequenceOfUltrasoundRegions=[region])
    assert read_header(path, 2).spacing_mm == pytest.approx((0.2, 0.1))


@pytest.mark.parametrize("content", [b"", b"no DICOM", b"\0" * 128 + b"DICM" + b"\xff" * 40])
def test_damaged__is_named_and_nobody_else(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.dcm"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"a\.dcm: cannot be decoded as DICOM .*Replace or remove"):
        read_picture(path)


def test_cut_off__says_nothing_of_the_patient(tmp_path: Path) -> None:
    path = write_dicom(tmp_path / "a.dcm", TWELVE)
    for end in range(140, path.stat().st_size, 97):
        cut = tmp_path / "cut.dcm"
        cut.write_bytes(path.read_bytes()[:end])
        with pytest.raises(DataError) as caught:
            read_picture(cut)
        assert NAME not in str(caught.value)
        assert PATIENT not in str(caught.value)


def group(**sequences: dict[str, Any]) -> Any:
    """A functional group of an enhanced file, each of its sequences with one item."""
    found = pydicom.Dataset()
    for name, values in sequences.items():
        item = pydicom.Dataset()
        for keyword, value in values.items():
            setattr(item, keyword, value)
        setattr(found, name, [item])
    return found


def test_enhanced__frames_have_their_own_scale_window_and_spacing(tmp_path: Path) -> None:
    frames = RNG.integers(0, 4096, (2, 4, 5), dtype=np.uint16)
    shared = group(
        PixelMeasuresSequence={"PixelSpacing": [0.5, 0.25]},
        FrameVOILUTSequence={"WindowCenter": 100, "WindowWidth": 201},
    )
    own = [
        group(PixelValueTransformationSequence={"RescaleSlope": 1, "RescaleIntercept": shift})
        for shift in (-10, 20)
    ]
    path = write_dicom(
        tmp_path / "a.dcm", frames, SharedFunctionalGroupsSequence=[shared],
        PerFrameFunctionalGroupsSequence=own,
    )  # fmt: skip
    for index, shift in enumerate((-10, 20)):
        picture = read_picture(path, index)
        np.testing.assert_array_equal(picture.pixels, frames[index].astype(int) + shift)
        assert picture.spacing_mm == (0.5, 0.25)
        assert picture.window == (-0.5, 199.5)  # 99.5 ± 100


def test_palette__is_looked_up(tmp_path: Path) -> None:
    indices = np.array([[0, 1, 2]], np.uint8)
    tables: dict[str, Any] = {}
    for name, entries in (("Red", [0, 255, 9]), ("Green", [1, 0, 8]), ("Blue", [2, 0, 7])):
        tables[f"{name}PaletteColorLookupTableDescriptor"] = [3, 0, 16]
        content = (np.array(entries, "<u2") * 257).tobytes()
        tables[f"{name}PaletteColorLookupTableData"] = content
    path = write_dicom(
        tmp_path / "a.dcm", indices, bits=8, PhotometricInterpretation="PALETTE COLOR", **tables
    )
    assert read_image(path).tolist() == [[[0, 1, 2], [255, 0, 0], [9, 8, 7]]]


def test_colours__of_luminance_and_chroma_are_rgb(tmp_path: Path) -> None:
    ybr = np.array([[[76, 85, 255]]], np.uint8)  # pure red by PS3.3, C.7.6.3.1.2
    path = write_dicom(tmp_path / "a.dcm", ybr, bits=8, PhotometricInterpretation="YBR_FULL")
    np.testing.assert_allclose(read_image(path)[0, 0], [255, 0, 0], atol=2)
