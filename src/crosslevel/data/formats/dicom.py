"""DICOM: single and multi-frame, grey and colour, with the window and the spacing it names.

What it says about a person stays here: the patient and the study are only given out to be hashed.
"""

from __future__ import annotations

import logging
import warnings
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from crosslevel.data.formats.extra import decoding, medical
from crosslevel.data.formats.picture import Header, Picture, Pixels, check_frame
from crosslevel.errors import DataError

_NAME = "DICOM"
_SPACINGS = ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing")
_CENTIMETRES = 3  # unit of an ultrasound region


def dicom_header(path: Path, axis: int) -> Header:
    """Return the number of frames, the size of a pixel, and whose image it is."""
    with decoding(path, _NAME):
        file = _pydicom(path).dcmread(path, stop_before_pixels=True)
        owner = file.get("PatientID") or file.get("StudyInstanceUID") or ""
        return Header(
            _num_frames(file), _spacing_mm(file, 0), str(owner), str(file.get("SOPInstanceUID", ""))
        )


def read_dicom(path: Path, stream: BinaryIO, frame: int | None, axis: int) -> Picture:
    """Read one frame; where the smallest value is white (MONOCHROME1), it is turned round.

    Args:
        path: The file, to name it.
        stream: Its content.
        frame: Which frame, from 0.
        axis: Without effect here.

    Returns:
        Grey in the units of the file's rescale slope and intercept, or RGB. Grey and colours of 8
        bits are as they are stored.

    Raises:
        DataError: It has several frames of which none was asked for, or its compression needs
            what is not installed.
    """
    with decoding(path, _NAME):
        file = _pydicom(path).dcmread(stream, stop_before_pixels=True)
        index = check_frame(path, frame, _num_frames(file), "frames")
        pixels = _decoded(path, stream, file, index)
        spacing_mm = _spacing_mm(file, index)
        if file.PhotometricInterpretation.startswith("MONOCHROME"):
            return _grey(file, pixels, index, spacing_mm)
        if file.PhotometricInterpretation == "PALETTE COLOR":
            coloured = _pydicom(path).pixels.apply_color_lut(pixels, file)
            pixels = (coloured >> 8).astype(np.uint8) if coloured.itemsize > 1 else coloured
        return Picture(pixels, spacing_mm)


def _pydicom(path: Path) -> Any:
    """Return the package, silent: its warnings quote what a file says about a patient."""
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", module=r"pydicom|crosslevel\.data\.formats\.dicom")
    medical(path, "pydicom.pixels", _NAME)
    return medical(path, "pydicom", _NAME)


def _num_frames(file: Any) -> int:
    return int(file.get("NumberOfFrames") or 1)


def _decoded(path: Path, stream: BinaryIO, file: Any, index: int) -> Pixels:
    """Return (H, W) or (H, W, 3), stored values; YBR is RGB already."""
    stream.seek(0)
    try:
        pixels: Pixels = _pydicom(path).pixels.pixel_array(stream, index=index)
    except (RuntimeError, NotImplementedError):
        syntax = file.file_meta.TransferSyntaxUID
        if not syntax.is_compressed:
            raise
        line = (
            f"{path}: its compression, {syntax.name}, cannot be read here. Install pylibjpeg with "
            "pylibjpeg-libjpeg and pylibjpeg-openjpeg, or save it uncompressed."
        )
        raise DataError([line]) from None
    return pixels


def _grey(file: Any, stored: Pixels, index: int, spacing_mm: tuple[float, float] | None) -> Picture:
    """Rescaled, and turned round where small values are bright, the window with them."""
    values = stored.astype(np.int64)
    mirror = 0
    is_inverted = file.PhotometricInterpretation == "MONOCHROME1"
    padding = file.get("PixelPaddingValue")
    if padding is not None and (values != padding).any():
        inside = values[values != padding]
        values[values == padding] = inside.max() if is_inverted else inside.min()
    if is_inverted:
        mirror = -1 if file.PixelRepresentation else (1 << file.BitsStored) - 1
        values = mirror - values
    units = _group(file, index, "PixelValueTransformationSequence")
    slope, intercept = (
        float(units.get(name, default))
        for name, default in (("RescaleSlope", 1), ("RescaleIntercept", 0))
    )
    if (slope, intercept) == (1, 0) and stored.dtype == np.uint8:
        return Picture(values.astype(np.uint8), spacing_mm)
    window = _window(_group(file, index, "FrameVOILUTSequence"))
    if window and is_inverted:
        twice = slope * mirror + 2 * intercept
        window = twice - window[1], twice - window[0]
    return Picture(_narrow(values * slope + intercept), spacing_mm, window)


def _narrow(values: Pixels) -> Pixels:
    """Whole numbers as 16 bits where they fit, all else as fractions of 32."""
    whole = np.rint(values)
    limits = np.iinfo(np.int16)
    if np.array_equal(whole, values):
        if values.min() >= 0 and values.max() <= np.iinfo(np.uint16).max:
            return whole.astype(np.uint16)
        if values.min() >= limits.min and values.max() <= limits.max:
            return whole.astype(np.int16)
    return values.astype(np.float32)


def _window(file: Any) -> tuple[float, float] | None:
    """Black and white of the first window; a sigmoid is taken as the straight line in it."""
    center, width = _first(file.get("WindowCenter")), _first(file.get("WindowWidth"))
    if center is None or width is None or width <= 1:
        return None
    if file.get("VOILUTFunction", "LINEAR") == "LINEAR":  # DICOM PS3.3, C.11.2.1.2.1
        return center - 0.5 - (width - 1) / 2, center - 0.5 + (width - 1) / 2
    return center - width / 2, center + width / 2


def _first(value: Any) -> float | None:
    if value is None or value == "":
        return None
    return float(value[0] if isinstance(value, list | tuple) or hasattr(value, "append") else value)


def _group(file: Any, index: int, sequence: str) -> Any:
    """Return where an enhanced file says it, for this frame or for all; else the file itself."""
    per_frame = file.get("PerFrameFunctionalGroupsSequence") or []
    shared = file.get("SharedFunctionalGroupsSequence") or []
    for group in [*per_frame[index : index + 1], *shared[:1]]:
        if group.get(sequence):
            return group[sequence].value[0]
    return file


def _spacing_mm(file: Any, index: int) -> tuple[float, float] | None:
    """Height and width of a pixel; of ultrasound, where all of the picture has one scale."""
    measures = _group(file, index, "PixelMeasuresSequence")
    for name in _SPACINGS:
        if value := measures.get(name):
            return float(value[0]), float(value[1])
    regions = file.get("SequenceOfUltrasoundRegions") or []
    sizes = {
        (10 * abs(region.PhysicalDeltaY), 10 * abs(region.PhysicalDeltaX))
        for region in regions
        if region.PhysicalUnitsXDirection == region.PhysicalUnitsYDirection == _CENTIMETRES
    }
    return sizes.pop() if len(sizes) == 1 else None
