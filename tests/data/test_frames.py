"""Files of several images become several cases, and files of one patient one group."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from crosslevel.cli import main
from crosslevel.data.cases import find_cases, index_cases
from crosslevel.data.reading import case_hash, read_case, read_case_mask
from crosslevel.errors import DataError
from crosslevel.types import Classes, Reading
from support.medical_files import PATIENT, write_dicom, write_nifti

ALL = Reading(page="all")


def pages(path: Path, count: int, step: int = 1) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    images = [Image.fromarray(np.full((4, 5), page * step, np.uint8)) for page in range(count)]
    images[0].save(path, save_all=True, append_images=images[1:])
    return path


def test_pages__each_an_image_with_its_mask(tmp_path: Path) -> None:
    pages(tmp_path / "images" / "a.tif", 2)
    pages(tmp_path / "masks" / "a.tif", 2)
    cases = find_cases(tmp_path, ALL).cases
    assert [(case.id, case.frame, case.group) for case in cases] == [
        ("a/0", 0, "a"),
        ("a/1", 1, "a"),
    ]
    assert [read_case(case)[0, 0, 0] for case in cases] == [0, 1]
    assert [read_case_mask(case, Classes())[0, 0] for case in cases] == [0, 1]
    assert len({case_hash(case) for case in cases}) == 2


def test_pages__one_of_them(tmp_path: Path) -> None:
    pages(tmp_path / "images" / "a.tif", 3)
    pages(tmp_path / "masks" / "a.tif", 1)
    (case,) = find_cases(tmp_path, Reading(page=2)).cases
    assert (case.id, case.frame) == ("a", 2)
    assert read_case(case)[0, 0, 0] == 2
    assert not read_case_mask(case, Classes()).any()


def test_pages__ids_are_in_order(tmp_path: Path) -> None:
    pages(tmp_path / "a.tif", 12)
    cases = find_cases(tmp_path, ALL).cases
    assert [case.id for case in cases] == [f"a/{number:02}" for number in range(12)]


def test_pages__without_a_choice_are_refused_by_data_check(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pages(tmp_path / "images" / "a.tif", 3)
    pages(tmp_path / "masks" / "a.tif", 3)
    assert main(["data", "check", str(tmp_path)]) == 2
    assert "a.tif: holds 3 pages. Say which one is the image" in capsys.readouterr().out


def test_masks__must_be_as_many(tmp_path: Path) -> None:
    pages(tmp_path / "images" / "a.tif", 3)
    pages(tmp_path / "masks" / "a.tif", 1)
    found = find_cases(tmp_path, ALL)
    (problem,) = found.problems
    assert "a.tif: holds 1 mask, but its image" in problem
    assert "is 3 images. Give as many masks, or choose one image with --page." in problem
    assert [case.id for case in found.cases] == ["a"]


def test_volume__slices_across_an_axis_with_masks_and_spacing(tmp_path: Path) -> None:
    pytest.importorskip("nibabel")
    volume = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
    write_nifti(tmp_path / "images" / "brain.nii.gz", volume, (1, 2, 3))
    write_nifti(tmp_path / "masks" / "brain.nii", (volume % 2).astype(np.uint8), (1, 2, 3))
    cases = find_cases(tmp_path, Reading(axis=1)).cases
    assert [case.id for case in cases] == ["brain/0", "brain/1", "brain/2"]
    assert {case.spacing_mm for case in cases} == {(1.0, 3.0)}
    truth = read_case_mask(cases[1], Classes(), Reading(axis=1))
    np.testing.assert_array_equal(truth, volume[:, 1] % 2)


FLIPPED = np.array([[-1.0, 0, 0, 3], [0, 1, 0, 0], [0, 0, 2, 0], [0, 0, 0, 1]])
"""The affine of an image of 4 x 5 x 6 voxels of 1 x 1 x 2, whose first axis runs the other way."""


def volumes(folder: Path, affine: NDArray[np.float64] | None, slices: int = 6) -> Path:
    """Write an image and a mask with an affine of its own, None for no affine at all."""
    nibabel = pytest.importorskip("nibabel")
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    volume = np.zeros((4, 5, slices), np.uint8)
    write_nifti(folder / "images" / "a.nii.gz", volume, (1, 1, 2))
    nibabel.save(nibabel.Nifti1Image(volume, affine), folder / "masks" / "a.nii.gz")
    return folder


@pytest.mark.parametrize("slices", [6, 1])
@pytest.mark.parametrize("moved", [FLIPPED, np.diag([1.0, 1.2, 2, 1])])
def test_masks__that_lie_elsewhere_in_space_are_refused(
    tmp_path: Path, moved: NDArray[np.float64], slices: int
) -> None:
    (bad,) = find_cases(volumes(tmp_path, moved, slices)).bad_files
    mask, image = tmp_path / "masks" / "a.nii.gz", tmp_path / "images" / "a.nii.gz"
    assert bad.problem == (
        f"{mask}: lies elsewhere in space than its image {image}, as their affines say. Resample "
        "the mask to the grid of the image."
    )
    assert bad.case_id == "a"


def test_masks__that_lie_elsewhere_are_the_only_problem_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["data", "check", str(volumes(tmp_path, FLIPPED))]) == 2
    printed = capsys.readouterr().out
    assert "lies elsewhere in space" in printed
    assert "--page" not in printed


@pytest.mark.parametrize("affine", [np.diag([1.0001, 1, 2, 1]), np.eye(4), None])
def test_masks__where_affines_are_rounded_or_missing_are_used(
    tmp_path: Path, affine: NDArray[np.float64] | None
) -> None:
    found = find_cases(volumes(tmp_path, affine))
    assert not found.problems
    assert len(found.cases) == 6


def test_patients__are_groups_that_name_nobody(tmp_path: Path) -> None:
    pytest.importorskip("pydicom")
    array = np.zeros((4, 5), np.uint16)
    for number, patient in enumerate([PATIENT, PATIENT, "4712", ""]):
        write_dicom(tmp_path / f"{number}.dcm", array, patient=patient)
    groups = [case.group for case in index_cases(tmp_path)]
    assert groups[0] == groups[1]
    assert len(set(groups)) == 3  # without a patient, the study
    assert all(group and group.startswith("patient-") for group in groups)
    assert not any(secret in str(groups) for secret in (PATIENT, "4712"))


def test_patients__cannot_be_found_by_trying_all_numbers(tmp_path: Path) -> None:
    """The same patient has another name in another data set."""
    pytest.importorskip("pydicom")
    array = np.zeros((4, 5), np.uint16)
    names = []
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        write_dicom(tmp_path / folder / "a.dcm", array)
        names += [case.group for case in index_cases(tmp_path / folder)]
    assert names[0] != names[1]


def test_options__without_effect_are_named(tmp_path: Path) -> None:
    pages(tmp_path / "images" / "a.tif", 1)
    assert find_cases(tmp_path / "images", Reading(page="all", axis=0)).warnings == [
        "--page has no effect: every file holds one image.",
        "--axis has no effect: there is no NIfTI.",
    ]
    pages(tmp_path / "images" / "b.tif", 2)
    assert find_cases(tmp_path / "images", ALL).warnings == []


@pytest.mark.parametrize(("name", "module"), [("a.dcm", "pydicom"), ("a.nii.gz", "nibabel")])
def test_without_the_extra__one_line_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, module: str
) -> None:
    for number in range(3):
        (tmp_path / f"{number}{name}").touch()
    monkeypatch.setitem(__import__("sys").modules, module, None)
    monkeypatch.setitem(__import__("sys").modules, f"{module}.pixels", None)
    with pytest.raises(DataError) as caught:
        index_cases(tmp_path)
    assert len(caught.value.problems) == 1
    assert f"is read by {module}, which is not installed" in str(caught.value)
    assert "pip install 'crosslevel[medical]'" in str(caught.value)
