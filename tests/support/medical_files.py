"""DICOM and NIfTI files as scanners write them, of a patient whose name must go nowhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

NAME, PATIENT = "Doe^Jane Secret", "MRN0047110815"


def write_dicom(
    path: Path, array: NDArray[Any], *, bits: int = 12, patient: str = PATIENT, **more: Any
) -> Path:
    """(H, W), (F, H, W), (H, W, 3) or (F, H, W, 3) of 8 or 16 bits; `more` are DICOM's keywords."""
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid

    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    file = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    file.SOPClassUID = meta.MediaStorageSOPClassUID
    file.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    file.PatientName, file.PatientID = NAME, patient
    file.StudyInstanceUID, file.SeriesInstanceUID = generate_uid(), generate_uid()
    file.Modality, file.StudyID, file.AccessionNumber = "OT", "S0815", "ACC0815"
    for name in ("PatientBirthDate", "PatientSex", "StudyDate", "StudyTime"):
        setattr(file, name, "")
    file.SeriesNumber, file.InstanceNumber, file.ReferringPhysicianName = 1, 1, ""
    is_colour = array.ndim > 2 and array.shape[-1] == 3
    frames = array.reshape(-1, *array.shape[-3 if is_colour else -2 :])
    file.Rows, file.Columns = frames.shape[1:3]
    file.SamplesPerPixel = 3 if is_colour else 1
    file.PhotometricInterpretation = "RGB" if is_colour else "MONOCHROME2"
    if is_colour:
        file.PlanarConfiguration = 0
    if len(frames) > 1:
        file.NumberOfFrames = len(frames)
    file.BitsAllocated = 8 * array.dtype.itemsize
    file.BitsStored = min(bits, file.BitsAllocated)
    file.HighBit = file.BitsStored - 1
    file.PixelRepresentation = int(array.dtype.kind == "i")
    file.PixelData = array.tobytes()
    compress = more.pop("compress", None)
    for keyword, value in more.items():
        setattr(file, keyword, value)
    if compress:
        file.compress(compress)
    file.save_as(path, enforce_file_format=True)
    return path


def write_nifti(
    path: Path, array: NDArray[Any], spacing: tuple[float, ...] = (1, 1, 1), **more: Any
) -> Path:
    """A volume (X, Y, Z); `more` are fields of the header."""
    import nibabel

    image = nibabel.Nifti1Image(array, np.diag([*spacing, 1.0]))
    for name, value in more.items():
        image.header[name] = value
    nibabel.save(image, path)
    return path
