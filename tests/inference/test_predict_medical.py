"""Masks of DICOM, NIfTI and stacks lie where their images lie, and nobody is named."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from crosslevel.cli import main
from crosslevel.config.train import TrainConfig
from crosslevel.data.cases import index_cases
from crosslevel.inference.mask_files import write_dicom_seg
from crosslevel.inference.options import Outputs
from crosslevel.inference.predict import predict
from crosslevel.inference.segmenter import Segmenter
from crosslevel.models.folder import load_card
from crosslevel.training.train import train
from crosslevel.types import Reading
from support.medical_files import NAME, PATIENT, write_dicom, write_nifti
from support.tiny import tiny_settings

pydicom = pytest.importorskip("pydicom")
nibabel = pytest.importorskip("nibabel")
RNG = np.random.default_rng(0)
WIDE = (12, 20)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Trained on 9 NIfTI volumes of 3 slices of 12 x 20, across the first axis."""
    folder = tmp_path_factory.mktemp("nifti")
    for name in ("images", "masks"):
        (folder / name).mkdir()
    for number in range(9):
        volume = RNG.integers(-500, 1500, (3, *WIDE), dtype=np.int16)
        write_nifti(folder / "images" / f"v{number}.nii.gz", volume, (3, 0.5, 0.25))
        write_nifti(folder / "masks" / f"v{number}.nii.gz", (volume > 600).astype(np.uint8))
    config = TrainConfig(**tiny_settings("supervised", axis=0, labelled=1.0))
    return train(folder, tmp_path_factory.mktemp("run") / "r", config)


def test_card__has_axis_and_window(run):
    reading = load_card(run.model_folder).reading
    assert reading.axis == 0
    assert isinstance(reading.window, tuple)
    black, white = reading.window
    assert -500 <= black < -480
    assert 1480 < white < 1500


def test_nifti__lies_where_its_image_lies(run, tmp_path):
    volume = RNG.integers(-500, 1500, (4, *WIDE), dtype=np.int16)
    affine = np.array([[0, 0.5, 0, 7], [2, 0, 0, -3], [0, 0.1, 0.25, 9], [0, 0, 0, 1]])
    image = nibabel.Nifti1Image(volume, affine)
    image.header["descrip"] = NAME
    nibabel.save(image, tmp_path / "brain.nii.gz")
    result = predict(run.path, tmp_path / "brain.nii.gz", tmp_path / "out", runtime="torch")
    assert result.num_written == 1
    written = nibabel.nifti1.load(tmp_path / "out" / "brain.nii.gz")
    np.testing.assert_allclose(written.affine, affine)
    assert NAME.encode() not in written.to_bytes()
    segmenter = Segmenter.load(run.path, runtime="torch")
    assert isinstance(segmenter.card.reading.window, tuple)
    black, white = segmenter.card.reading.window
    for index, found in enumerate(np.asarray(written.dataobj)):
        grey = np.rint(((volume[index] - black) * (255 / (white - black))).clip(0, 255))
        expected = segmenter.predict(np.repeat(grey.astype(np.uint8)[..., None], 3, axis=2))
        assert (found != expected).mean() < 0.01  # rounding of a grey may differ


def test_nifti__of_one_slice_has_its_shape(run, tmp_path):
    write_nifti(tmp_path / "a.nii", RNG.integers(0, 900, (1, *WIDE), dtype=np.int16))
    predict(run.path, tmp_path / "a.nii", tmp_path / "out", runtime="torch")
    assert nibabel.nifti1.load(tmp_path / "out" / "a.nii.gz").shape == (1, *WIDE)


def test_masks__serve_the_next_training(run, tmp_path):
    """What is written beside a volume is read as its mask, slice by slice."""
    (tmp_path / "images").mkdir()
    write_nifti(tmp_path / "images" / "a.nii.gz", np.zeros((3, *WIDE), np.int16))
    predict(run.path, tmp_path / "images", tmp_path / "masks", runtime="torch")
    (tmp_path / "masks" / "confidence.csv").unlink()
    from crosslevel.data.cases import usable_cases

    cases = usable_cases(tmp_path, skip_bad=False, reading=Reading(axis=0))
    assert [case.frame for case in cases] == [0, 1, 2]
    assert all(case.mask for case in cases)


def test_confidence__has_a_row_for_each_file(run, tmp_path):
    write_nifti(tmp_path / "a.nii.gz", np.zeros((3, *WIDE), np.int16))
    predict(run.path, tmp_path / "a.nii.gz", tmp_path / "out", runtime="torch")
    assert len((tmp_path / "out" / "confidence.csv").read_text().splitlines()) == 2
    assert index_cases(tmp_path / "out" / "confidence.csv")


def test_dicom_seg__has_the_mask_and_refers_to_the_image(run, tmp_path):
    array = RNG.integers(0, 1500, WIDE, dtype=np.uint16)
    path = write_dicom(tmp_path / "a.dcm", array, PixelSpacing=[0.5, 0.5])
    predict(run.path, path, tmp_path / "out", outputs=Outputs(dicom_seg=True), runtime="torch")
    with Image.open(tmp_path / "out" / "a.png") as mask:
        expected = np.asarray(mask) // 255
    found = pydicom.dcmread(tmp_path / "out" / "a_seg.dcm")
    np.testing.assert_array_equal(found.pixel_array, expected)
    assert found.Modality == "SEG"
    source = pydicom.dcmread(path)
    (series,) = found.ReferencedSeriesSequence
    assert series.ReferencedInstanceSequence[0].ReferencedSOPInstanceUID == source.SOPInstanceUID
    assert found.StudyInstanceUID == source.StudyInstanceUID
    assert found.SegmentSequence[0].SegmentLabel == "foreground"


def test_dicom_seg__of_what_is_not_dicom(run, tmp_path, capsys):
    write_nifti(tmp_path / "a.nii", np.zeros((1, *WIDE), np.int16))
    words = ["predict", str(run.path), str(tmp_path / "a.nii"), "--out", str(tmp_path / "out")]
    assert main([*words, "--dicom_seg"]) == 2
    assert "--dicom_seg is for DICOM images, and none was given" in capsys.readouterr().err


def test_frames_of_dicom__are_pages_of_one_file(run, tmp_path, capsys):
    array = RNG.integers(0, 1500, (3, *WIDE), dtype=np.uint16)
    path = write_dicom(tmp_path / "a.dcm", array)
    words = ["predict", str(run.path), str(path), "--out", str(tmp_path / "out"), "--overlay"]
    assert main([*words, "--dicom_seg", "--runtime", "torch"]) == 0
    with Image.open(tmp_path / "out" / "a.tif") as masks:
        assert (getattr(masks, "n_frames", 1), masks.size) == (3, WIDE[::-1])
    assert (tmp_path / "out" / "a-2_overlay.jpg").is_file()
    said = capsys.readouterr().err
    assert "does not say where its frames lie, so it has no DICOM segmentation" in said
    assert PATIENT not in said


def test_a_volume_that_is_cut_off__loses_only_itself(run, tmp_path):
    for name in ("a", "b"):
        write_nifti(tmp_path / f"{name}.nii", np.zeros((3, *WIDE), np.int16))
    broken = tmp_path / "a.nii"
    broken.write_bytes(broken.read_bytes()[:500])
    result = predict(run.path, tmp_path, tmp_path / "out", runtime="torch")
    assert [path.name for path in result.confidence] == ["b.nii"]
    (problem,) = result.problems
    assert "a.nii: cannot be decoded as NIfTI" in problem


def test_dicom_seg__of_several_classes(tmp_path):
    truth = np.zeros((1, *WIDE), np.uint8)
    truth[0, 2:5, 3:9], truth[0, 7:10, 3:9] = 1, 2
    path = write_dicom(tmp_path / "a.dcm", np.zeros(WIDE, np.uint16))
    assert write_dicom_seg(path, tmp_path / "a.png", list(truth), ["polyp", "tool"]) == ""
    found = pydicom.dcmread(tmp_path / "a_seg.dcm")
    assert [item.SegmentLabel for item in found.SegmentSequence] == ["polyp", "tool"]
    for index, plane in enumerate(found.pixel_array, start=1):
        np.testing.assert_array_equal(plane, truth[0] == index)
