"""Public data sets as their publishers pack them: names as downloaded, files empty."""

from pathlib import Path

import pytest

from crosslevel.data.layouts import Folder, Found, recognise
from support.names import touch

PATIENTS = {"training": (1, 2), "testing": (101, 102)}


def found_in(folder: Path, masks: str | None = None) -> Found:
    found = recognise(Folder.scan(folder, masks))
    assert found is not None
    return found


def pairs(found):
    return {case.id: case.mask_files[0].name if case.mask else None for case in found.cases}


def test_cvc_clinic_db__original_and_ground_truth(tmp_path):
    for number in (1, 2, 10):
        touch(tmp_path, f"CVC-ClinicDB/Original/{number}.tif")
        touch(tmp_path, f"CVC-ClinicDB/Ground Truth/{number}.tif")
    found = found_in(tmp_path)
    assert pairs(found) == {"1": "1.tif", "2": "2.tif", "10": "10.tif"}
    assert found.problems == []


def test_ph2__lesions_with_regions_that_are_not_used(tmp_path):
    for x in ("IMD003", "IMD009"):
        place = f"PH2Dataset/PH2 Dataset images/{x}/{x}"
        touch(tmp_path, f"{place}_Dermoscopic_Image/{x}.bmp", f"{place}_lesion/{x}_lesion.bmp")
        touch(tmp_path, f"{place}_roi/{x}_R1_Label3.bmp")
    touch(tmp_path, "PH2Dataset/PH2_dataset.txt")
    found = found_in(tmp_path / "PH2Dataset")
    assert pairs(found) == {"IMD003": "IMD003_lesion.bmp", "IMD009": "IMD009_lesion.bmp"}
    assert found.problems == []
    [warning] = found.warnings
    assert warning.endswith("IMD003_roi: regions of 2 images, which are not used.")


def test_drive__asks_for_vessels_or_field_of_view(tmp_path):
    for number in (21, 22):
        place = "DRIVE/training"
        touch(tmp_path, f"{place}/images/{number}_training.tif")
        touch(tmp_path, f"{place}/1st_manual/{number}_manual1.gif")
        touch(tmp_path, f"{place}/mask/{number}_training_mask.gif")
    for name in ("images/01_test.tif", "mask/01_test_mask.gif"):
        touch(tmp_path, f"DRIVE/test/{name}")
    [problem] = found_in(tmp_path / "DRIVE").problems
    assert "--masks 'mask' (or '1st_manual')" in problem
    found = found_in(tmp_path / "DRIVE", "1st_manual")
    assert found.problems == []
    assert pairs(found) == {
        "01_test": None,
        "21_training": "21_manual1.gif",
        "22_training": "22_manual1.gif",
    }
    assert {case.id: case.part for case in found.cases}["21_training"] == "train"


@pytest.mark.parametrize("has_both_parts", [True, False])
def test_acdc__patients_are_groups(tmp_path, has_both_parts):
    for part, numbers in PATIENTS.items():
        for number in numbers:
            place = f"ACDC/database/{part}/patient{number:03d}/patient{number:03d}"
            for frame in ("01", "12"):
                touch(tmp_path, f"{place}_frame{frame}.nii.gz", f"{place}_frame{frame}_gt.nii.gz")
    folder = tmp_path / "ACDC" / ("" if has_both_parts else "database/training")
    found = found_in(folder)
    assert found.problems == []
    assert len(found.cases) == (8 if has_both_parts else 4)
    case = next(case for case in found.cases if case.id.endswith("patient001_frame12"))
    assert [file.name for file in case.mask_files] == ["patient001_frame12_gt.nii.gz"]
    assert case.group == "patient001"
    assert case.part == ("train" if has_both_parts else None)
