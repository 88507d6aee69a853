"""Predicted masks as the kind of file their image is: PNG, pages of a TIFF, NIfTI, DICOM-SEG."""

from __future__ import annotations

import gzip
import io
import logging
import warnings
from collections.abc import Iterable, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from crosslevel.data.formats.extra import medical
from crosslevel.data.formats.readers import DICOM_SUFFIXES, NIFTI_SUFFIXES, stem_of, suffix_of
from crosslevel.errors import InputError
from crosslevel.images.writing import write_mask
from crosslevel.system.files import atomic_file

Mask = NDArray[np.uint8]
NIFTI = ".nii.gz"
_SERIES_NUMBER = 9000  # of segmentations, far from those of scanners


def mask_suffix(image: Path, frames: Sequence[int | None], page: object) -> str:
    """Return what kind of file the masks of an image are written as.

    Args:
        image: The image.
        frames: Those of it that are predicted.
        page: As in `Reading`: a single slice of a volume is a picture of its own.
    """
    if suffix_of(image.name) in NIFTI_SUFFIXES and not isinstance(page, int):
        return NIFTI
    return ".png" if len(frames) == 1 else ".tif"


def write_masks(
    image: Path, target: Path, masks: Sequence[Mask], num_channels: int, axis: int
) -> None:
    """Write the masks of an image's frames into one file.

    PNG and TIFF have 0 and 255 for a binary task, else class indices; NIfTI has class indices.

    Args:
        image: The image, whose place in space a NIfTI mask takes over.
        target: The file; its ending says its kind.
        masks: (H, W) class indices of each frame.
        num_channels: Of the network's output, 1 for a binary task.
        axis: Across which axis of a volume its slices lie.
    """
    if target.name.endswith(NIFTI):
        _write_nifti(image, target, masks, axis)
    elif len(masks) == 1:
        write_mask(target, masks[0], num_channels)
    else:
        factor = np.uint8(255 if num_channels == 1 else 1)
        write_pages(target, [Image.fromarray(mask * factor) for mask in masks])


def write_pages(target: Path, pages: Sequence[Image.Image]) -> None:
    """Write pictures as the pages of a TIFF, atomically."""
    content = io.BytesIO()
    options: dict[str, Any] = {"append_images": pages[1:], "compression": "tiff_deflate"}
    pages[0].save(content, "TIFF", save_all=True, **options)
    with atomic_file(target) as file:
        file.write(content.getvalue())


def _write_nifti(image: Path, target: Path, masks: Sequence[Mask], axis: int) -> None:
    """Of the image's header only its place in space is taken, nothing that is said in words."""
    nibabel = medical(image, "nibabel", "NIfTI")
    source = nibabel.load(image)
    volume = np.stack(masks, axis=axis).reshape(source.shape)
    labels = nibabel.Nifti1Image(volume, source.affine)
    labels.header.set_xyzt_units(*source.header.get_xyzt_units())
    with atomic_file(target) as file:
        file.write(gzip.compress(labels.to_bytes(), mtime=0))


def check_dicom_seg(images: Iterable[Path]) -> None:
    """Refuse DICOM segmentations where there is nothing to write them with, or of.

    Raises:
        DataError: If highdicom is not installed.
        InputError: If none of the images is DICOM.
    """
    first = next((path for path in images if suffix_of(path.name) in DICOM_SUFFIXES), None)
    if first is None:
        raise InputError("--dicom_seg is for DICOM images, and none was given. Leave it out.")
    medical(first, "highdicom", "a DICOM segmentation")


def dicom_seg_file(mask: Path) -> Path:
    """Return where the DICOM segmentation beside a mask is."""
    return mask.with_name(f"{stem_of(mask.name)}_seg.dcm")


def write_dicom_seg(
    image: Path, target: Path, masks: Sequence[Mask], classes: Sequence[str]
) -> str:
    """Write a DICOM segmentation beside the mask, `NAME_seg.dcm`, which viewers lay over the image.

    It names the patient and the study of its image: without them no viewer would show it.

    Args:
        image: A DICOM file.
        target: Where its mask is written.
        masks: (H, W) class indices of each frame.
        classes: Names of the foreground classes.

    Returns:
        Why none was written, "" if one was.

    Raises:
        DataError: If highdicom is not installed.
    """
    if suffix_of(image.name) not in DICOM_SUFFIXES:
        return f"{image}: is not DICOM, so it has no DICOM segmentation"
    highdicom = medical(image, "highdicom", "a DICOM segmentation")
    pydicom = medical(image, "pydicom", "DICOM")
    logging.getLogger("highdicom").setLevel(logging.CRITICAL)
    source = pydicom.dcmread(image)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of empty frames, and of what the image leaves out
        segmentation = highdicom.seg.Segmentation(
            source_images=[source],
            pixel_array=np.stack(masks),
            segmentation_type=highdicom.seg.SegmentationTypeValues.BINARY,
            segment_descriptions=_descriptions(highdicom, pydicom, classes),
            series_instance_uid=highdicom.UID(),
            series_number=_SERIES_NUMBER,
            sop_instance_uid=highdicom.UID(),
            instance_number=1,
            manufacturer="Crosslevel",
            manufacturer_model_name="Crosslevel",
            software_versions=metadata.version("crosslevel"),
            device_serial_number="0",
            omit_empty_frames=False,
        )
    if int(segmentation.NumberOfFrames) != len(masks) * len(classes):
        return f"{image}: does not say where its frames lie, so it has no DICOM segmentation"
    with atomic_file(dicom_seg_file(target)) as file:
        segmentation.save_as(file)
    return ""


def _descriptions(highdicom: Any, pydicom: Any, classes: Sequence[str]) -> list[Any]:
    """Return one for each class, by its name; what it is in the body is not known here."""
    codes = pydicom.sr.codedict.codes
    algorithm = highdicom.AlgorithmIdentificationSequence(
        name="Crosslevel",
        version=metadata.version("crosslevel"),
        family=codes.DCM.ArtificialIntelligence,
    )
    return [
        highdicom.seg.SegmentDescription(
            segment_number=number,
            segment_label=name[:64],  # the longest that DICOM allows
            segmented_property_category=codes.SCT.MorphologicallyAbnormalStructure,
            segmented_property_type=codes.SCT.Lesion,
            algorithm_type=highdicom.seg.SegmentAlgorithmTypeValues.AUTOMATIC,
            algorithm_identification=algorithm,
        )
        for number, name in enumerate(classes, start=1)
    ]
