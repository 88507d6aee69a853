"""Rows of *Data* and *Annotations of other tools* that other files test, by the tests' names."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from crosslevel.data.annotations import TOOLS
from crosslevel.types import AnnotationTool

TESTS = Path(__file__).parent
PAGE = TESTS.parents[1] / "docs" / "reference" / "data.md"
LAYOUTS = (
    ("`images/` and `masks/`", "layouts/test_recognise.py", "images_and_masks__names_of"),
    ("`x.jpg` with `x_mask.png`", "layouts/test_pairing.py", "one_folder__masks_beside_images"),
    ("names that differ by", "layouts/test_pairing.py", "pair__names_of_many_tools"),
    ("`x_mask_1.png`", "layouts/test_pairing.py", "numbered_masks__of_one_image_are_united"),
    ("`x_superpixels.png`", "layouts/test_pairing.py", "drawings_of_images__are_not_trained_on"),
    ("in one folder", "layouts/test_pairing.py", "one_folder__a_mask_without_its_image"),
    ("`1st_manual/`", "layouts/test_siblings.py", "two_folders_that_could_be_the_masks"),
    ("`labels-ah/`", "layouts/test_siblings.py", "masks__a_folder_of_another_name"),
    ("`x_vis.png`", "layouts/test_siblings.py", "images__files_named_after_others"),
    ("`x_2ndHO.png`", "layouts/test_siblings.py", "flat__files_named_after_others"),
    ("says it is unlabelled", "layouts/test_siblings.py", "unlabelled__is_used_where_a_folder"),
    ("a run, or", "layouts/test_siblings.py", "runs__inside_the_data_are_no_part_of_it"),
    ("other folders", "layouts/test_siblings.py", "beside__folders_that_are_not_used_are_named"),
    ("annotations of COCO", "../contracts/test_annotation.py", "folder__gives_the_pixels"),
    ("`annotations/` with", "layouts/test_siblings.py", "annotation_files__are_told_from"),
    ("Kvasir-SEG", "layouts/test_recognise.py", "kvasir_seg__as_downloaded"),
    ("ISIC 2018", "layouts/test_recognise.py", "isic_2018__several_fix_the_parts"),
    ("`TrainDataset`", "layouts/test_recognise.py", "fixed_parts__names"),
    ("`patient1/images`", "layouts/test_siblings.py", "nested__images_and_masks_inside_each"),
    ("Data Science Bowl 2018", "layouts/test_siblings.py", "dsb_2018__one_file_for_each_object"),
    ("PH2", "test_downloads.py", "ph2__lesions_with_regions_that_are_not_used"),
    ("CVC-ClinicDB", "test_downloads.py", "cvc_clinic_db__original_and_ground_truth"),
    ("DRIVE", "test_downloads.py", "drive__asks_for_vessels_or_field_of_view"),
    ("ACDC", "test_downloads.py", "acdc__patients_are_groups"),
    ("BUSI", "layouts/test_siblings.py", "busi__as_downloaded"),
    ("`p01_slice003`", "test_groups.py", "hint__slices_of_one_person"),
    ("images alone", "layouts/test_recognise.py", "images_alone__are_unlabelled"),
    ("a CSV", "test_cases.py", "csv__all_columns"),
)
VALUES = (
    ("8 bits", "test_intensity.py", "to_rgb__eight_bits_are_taken_as_they_are"),
    ("12 bits", "test_intensity.py", "window__of_the_bits_in_use"),
    ("fractions from 0 to 1", "test_intensity.py", "window__of_the_bits_in_use"),
    ("all others", "test_intensity.py", "window__else_of_all_but_the_ends"),
    ("white is zero", "formats/test_readers.py", "tiff__white_is_zero_is_turned_round"),
    ("16-bit RGB", "test_intensity.py", "window__is_one_for_three_colours"),
    ("`--window [0,4095]`", "quality/test_depths.py", "asked_for__is_taken"),
)
FRAMES = (
    ("several pages", "test_frames.py", "pages__without_a_choice_are_refused_by_data_check"),
    ("channels", "test_intensity.py", "channels__must_be_chosen_and_be_there"),
)
MEDICAL = (
    ("grey", "formats/test_dicom.py", "grey__slope_and_intercept"),
    ("colour", "formats/test_dicom.py", "colours__of_luminance_and_chroma_are_rgb"),
    ("several frames", "formats/test_dicom.py", "frames__one_of_several"),
    ("compressed", "formats/test_dicom.py", "compressed__jpeg"),
    ("NIfTI", "formats/test_nifti.py", "slices__across_each_axis"),
    ("OME-TIFF", "formats/test_tifffile.py", "ome__pages_channels_and_spacing"),
    ("8-bit signed", "formats/test_tifffile.py", "numbers__are_kept"),
)
TABLES = {
    "what you have | what is read": LAYOUTS,
    "the images | black and white": VALUES,
    "what is not a plain image | what to do": FRAMES,
    "file | what is read": MEDICAL,
}
"""By header of a table, for each row in order: a part of its first cell, and its test."""


def first_cells(page: Path, header: str) -> list[str]:
    """Of the rows below this header."""
    table = page.read_text().partition(f"| {header} |")[2].partition("\n\n")[0]
    return [line.removeprefix("| ").split(" | ")[0] for line in table.splitlines()[2:]]


@pytest.mark.parametrize("header", TABLES)
def test_page__each_row_has_a_test(header: str) -> None:
    rows = first_cells(PAGE, header)
    expected = [part for part, *_ in TABLES[header]]
    assert len(rows) == len(expected)
    assert [row for row, part in zip(rows, expected, strict=True) if part not in row] == []
    for _, file, name in TABLES[header]:
        assert f"\ndef test_{name}" in (TESTS / file).read_text()


def test_annotations__are_those_that_the_contract_reads_and_the_converter_writes() -> None:
    page = PAGE.with_name("annotations.md")
    read = first_cells(page, "tool | files | shapes that become masks | named, and not used | "
                       "an image without shapes")  # fmt: skip
    names = [tool.name for tool in TOOLS.values()]
    assert len(read) == len(names)
    assert [row for row, name in zip(read, names, strict=True) if not row.startswith(name)] == []
    written = first_cells(page, "`--to`, `--format` | written | one object is | holes | "
                          "several parts | names, colours | scores of `predict`")  # fmt: skip
    assert written == [f"`{tool}`" for tool in (*get_args(AnnotationTool), "masks")]
