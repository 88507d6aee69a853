"""What lies beside the images and masks that are used is named, used or asked about."""

from __future__ import annotations

from pathlib import Path

import pytest

from crosslevel.data.cases import find_cases, index_cases
from crosslevel.errors import InputError
from crosslevel.types import Layout
from support.names import ids, masks, problems, touch


def drive(folder: Path) -> Path:
    """DRIVE as downloaded: vessels in 1st_manual, the field of view in mask."""
    for number in (21, 22, 23):
        touch(folder, f"training/images/{number}_training.tif")
        touch(folder, f"training/1st_manual/{number}_manual1.gif")
        touch(folder, f"training/mask/{number}_training_mask.gif")
    touch(folder, "test/images/01_test.tif", "test/images/02_test.tif")
    return touch(folder, "test/mask/01_test_mask.gif", "test/mask/02_test_mask.gif")


def test_two_folders_that_could_be_the_masks__are_asked_about(tmp_path: Path) -> None:
    (line,) = problems(drive(tmp_path))
    assert line.startswith(f"{tmp_path / 'training'}: which folder holds the masks")
    assert "mask/ (3 files) or 1st_manual/ (3 files)" in line
    assert "--masks 'mask' (or '1st_manual')" in line


def test_masks__the_advice_followed_pairs_the_right_ones(tmp_path: Path) -> None:
    found = find_cases(drive(tmp_path), layout=Layout(masks="1st_manual"))
    assert masks(found.cases) == {
        "01_test": None,
        "02_test": None,
        **{f"{n}_training": f"{n}_manual1.gif" for n in (21, 22, 23)},
    }
    assert any("training/mask: 3 images lie there and are not used" in w for w in found.warnings)
    assert not found.problems
    other = find_cases(tmp_path, layout=Layout(masks="mask"))
    assert masks(other.cases)["21_training"] == "21_training_mask.gif"


def test_masks__of_a_folder_that_is_not_there(tmp_path: Path) -> None:
    touch(tmp_path, "images/a.png", "masks/a.png")
    with pytest.raises(InputError, match="masks is 'gold', but no folder of that name"):
        find_cases(tmp_path, layout=Layout(masks="gold"))


def test_masks__a_second_annotator(tmp_path: Path) -> None:
    touch(tmp_path, "images/a.png", "masks/a.png", "reader2/a.png")
    (line,) = problems(tmp_path)
    assert "masks/ (1 files) or reader2/ (1 files)" in line


def test_beside__folders_that_are_not_used_are_named_with_their_count(tmp_path: Path) -> None:
    touch(tmp_path, "images/a.png", "masks/a.png", "overlays/a.png", "new/x.png", "new/y/z.png")
    warnings = find_cases(tmp_path).warnings
    assert any(f"{tmp_path / 'new'}: 2 images lie there and are not used" in w for w in warnings)
    assert any(f"{tmp_path / 'overlays'}: 1 images lie there" in w for w in warnings)


@pytest.mark.parametrize("name", ["unlabelled", "Unlabeled images", "no_masks", "images_unlabeled"])
@pytest.mark.parametrize("inner", ["", "images/"])
def test_unlabelled__is_used_where_a_folder_says_so(tmp_path: Path, name: str, inner: str) -> None:
    touch(tmp_path, "images/a.png", "masks/a.png", f"{name}/{inner}b.png")
    found = find_cases(tmp_path)
    assert masks(found.cases) == {"a": "a.png", "b": None}
    assert found.warnings == []


def test_unlabelled__beside_labelled(tmp_path: Path) -> None:
    touch(tmp_path, "labelled/images/a.png", "labelled/masks/a.png", "unlabelled/images/a.png")
    assert masks(index_cases(tmp_path)) == {"a": "a.png", "unlabelled/a": None}


def test_unlabelled__beside_train_and_test(tmp_path: Path) -> None:
    for part in ("train", "test"):
        touch(tmp_path, f"{part}/images/{part}.png", f"{part}/masks/{part}.png")
    touch(tmp_path, "unlabelled/b.png")
    found = {case.id: case.part for case in index_cases(tmp_path)}
    assert found == {"train": "train", "test": "test", "b": None}


def test_unlabelled__all_folders_in_it_are_used_but_for_masks(tmp_path: Path) -> None:
    touch(tmp_path, "images/a.png", "masks/a.png", "unlabelled/b.png", "unlabelled/clinicA/1.png")
    touch(tmp_path, "unlabelled/clinicB/day1/1.png", "unlabelled/clinicB/day2/c.png")
    touch(tmp_path, "unlabelled/masks/b.png")
    (tmp_path / "unlabelled/clinicB/again").symlink_to(tmp_path / "unlabelled")
    found = find_cases(tmp_path)
    once = {"b": None, "c": None, "clinicA/1": None, "clinicB/day1/1": None}
    assert masks(found.cases) == {"a": "a.png", **once}
    (line,) = found.warnings
    assert line.startswith(f"{tmp_path / 'unlabelled/masks'}: 1 images lie there")


def test_unlabelled__without_an_image_says_so(tmp_path: Path) -> None:
    touch(tmp_path, "images/a.png", "masks/a.png", "unlabelled/x/b.heic")
    (line,) = find_cases(tmp_path).warnings
    assert "b.heic: is not used (1 .heic). HEIC is what iPhones write" in line


@pytest.mark.parametrize(
    "run", [(".lock",), (".lock", "config.yaml", "split.json", "predictions/a.png")]
)
def test_runs__inside_the_data_are_no_part_of_it(tmp_path: Path, run: tuple[str, ...]) -> None:
    touch(tmp_path, "a.png", "a_mask.png", "b.png", *(f"seg_run/{name}" for name in run))
    touch(tmp_path, *(f"seg_runs/first/{name}" for name in run))
    touch(tmp_path, "predicted/.predicted", "predicted/a.png")
    found = find_cases(tmp_path)
    assert masks(found.cases) == {"a": "a_mask.png", "b": None}
    (line,) = found.warnings
    assert line.endswith("If they are corrected, use them with --masks 'predicted'.")


def test_runs__are_not_what_another_program_locked(tmp_path: Path) -> None:
    for name in ("set0", "set1"):
        touch(tmp_path, f"{name}/images/a.png", f"{name}/masks/a.png", f"{name}/.lock")
    assert ids(find_cases(tmp_path).cases) == ["set0/a", "set1/a"]


@pytest.mark.parametrize("name", ["masks", "drawn"])
def test_predicted__are_masks_where_somebody_says_so(tmp_path: Path, name: str) -> None:
    touch(tmp_path, "images/a.png", f"{name}/a.png", f"{name}/.predicted")
    found = find_cases(tmp_path, layout=Layout(masks=None if name == "masks" else name))
    assert masks(found.cases) == {"a": "a.png"}


def test_annotation_files__are_told_from_an_empty_folder(tmp_path: Path) -> None:
    touch(tmp_path, "images/a.png", "annotations/instances.json")
    (tmp_path / "annotations" / "instances.json").write_text("{}")
    (line,) = problems(tmp_path)
    assert "annotations: holds 1 .json, which may be annotations, but no masks" in line


def test_nested__a_folder_for_each_patient_inside_images_and_masks(tmp_path: Path) -> None:
    for name in ("patient1", "patient2"):
        touch(tmp_path, f"images/{name}/1.png", f"images/{name}/2.png", f"masks/{name}/1.png")
    found = {case.id: (case.group, bool(case.mask)) for case in index_cases(tmp_path)}
    assert found == {
        f"{name}/{i}": (name, i == 1) for name in ("patient1", "patient2") for i in (1, 2)
    }


@pytest.mark.parametrize("loose", ["images/loose.png", "masks/loose.png", "images/notes.txt"])
def test_nested__a_file_beside_the_patients_is_named(tmp_path: Path, loose: str) -> None:
    touch(tmp_path, loose)
    for name in ("p1", "p2"):
        touch(tmp_path, f"images/{name}/1.png", f"images/{name}/2.png", f"masks/{name}/1.png")
        touch(tmp_path, f"masks/{name}/2.png")
    found = find_cases(tmp_path)
    assert ids(found.cases) == ["p1/1", "p1/2", "p2/1", "p2/2"]
    (line,) = found.warnings
    assert line.startswith(f"{tmp_path / loose}: ")
    assert "not used" in line


def test_nested__folders_inside_those_of_the_patients(tmp_path: Path) -> None:
    for name in ("p1/s1", "p1/s2", "p2/s1"):
        touch(tmp_path, f"images/{name}/1.png", f"masks/{name}/1.png")
    touch(tmp_path, "images/p1/s3/2.png")
    found = {case.id: (case.group, bool(case.mask)) for case in index_cases(tmp_path)}
    assert found == {
        "p1/s1/1": ("p1", True),
        "p1/s2/1": ("p1", True),
        "p1/s3/2": ("p1", False),
        "p2/1": ("p2", True),
    }


def test_nested__masks_beside_folders_of_images_are_not_dropped(tmp_path: Path) -> None:
    for name in ("p1", "p2"):
        touch(tmp_path, f"images/{name}/s1/1.png", f"images/{name}/s2/2.png")
        touch(tmp_path, f"masks/{name}/1.png", f"masks/{name}/2.png")
    assert "p1: holds no image, but" in problems(tmp_path)[0]


def test_nested__folders_of_masks_that_do_not_fit_are_named(tmp_path: Path) -> None:
    for name in ("p1", "p2"):
        touch(tmp_path, f"images/{name}/1.png", f"masks/{name}/s1/1.png", f"masks/{name}/s2/2.png")
    assert any("(1 s1/, 1 s2/)" in line for line in find_cases(tmp_path).warnings)


def test_masks__several_annotators_in_one_folder_are_asked_about(tmp_path: Path) -> None:
    touch(tmp_path, "images/a.png", "masks/ann1/a.png", "masks/ann2/a.png")
    (line,) = problems(tmp_path)
    assert "which folder holds the masks, masks/ann1 or masks/ann2? Move the others away" in line


def test_nested__images_and_masks_inside_each_patient(tmp_path: Path) -> None:
    for name in ("p1", "p2", "p10"):
        touch(tmp_path, f"{name}/images/1.png", f"{name}/images/2.png", f"{name}/masks/1.png")
    assert {case.group for case in index_cases(tmp_path)} == {"p1", "p2", "p10"}


def test_named_sets__that_are_not_patients_are_not_groups(tmp_path: Path) -> None:
    for name in ("CVC", "Kvasir"):
        touch(tmp_path, f"{name}/images/1.png", f"{name}/images/2.png", f"{name}/masks/1.png")
    assert {case.group for case in index_cases(tmp_path)} == {None}


def test_dsb_2018__one_file_for_each_object(tmp_path: Path) -> None:
    for name, objects in (("f00d", "xyz"), ("beef", "v")):
        touch(tmp_path, f"{name}/images/{name}.png", *(f"{name}/masks/{o}.png" for o in objects))
    found = {case.id: [file.name for file in case.mask_files] for case in index_cases(tmp_path)}
    assert found == {"f00d/f00d": ["x.png", "y.png", "z.png"], "beef/beef": ["v.png"]}


def test_voc__classes_and_objects_are_asked_about(tmp_path: Path) -> None:
    touch(tmp_path, "JPEGImages/a.jpg", "SegmentationClass/a.png", "SegmentationObject/a.png")
    (line,) = problems(tmp_path)
    assert "--masks 'SegmentationClass' (or 'SegmentationObject')" in line
    found = find_cases(tmp_path, layout=Layout(masks="SegmentationClass"))
    assert ids(found.cases) == ["a"]


def test_busi__as_downloaded(tmp_path: Path) -> None:
    for name in ("benign", "normal"):
        touch(tmp_path, f"{name}/{name} (1).png", f"{name}/{name} (1)_mask.png")
    touch(tmp_path, "benign/benign (1)_mask_1.png")
    found = {case.id: len(case.mask_files) for case in index_cases(tmp_path)}
    assert found == {"benign/benign (1)": 2, "normal/normal (1)": 1}
    assert {case.group for case in index_cases(tmp_path)} == {None}


def test_masks__a_folder_of_another_name_that_speaks_of_masks(tmp_path: Path) -> None:
    touch(tmp_path, "images/a.png", "images/b.png", "labels-ah/a.png", "labels-ah/b.png")
    assert masks(index_cases(tmp_path)) == {"a": "a.png", "b": "b.png"}
    touch(tmp_path, "labels-vk/a.png", "labels-vk/b.png")
    (line,) = problems(tmp_path)
    assert "which folder holds the masks, labels-ah/ (2 files) or labels-vk/ (2 files)" in line
    found = find_cases(tmp_path, layout=Layout(masks="labels-vk"))
    assert {case.mask_files[0].parent.name for case in found.cases} == {"labels-vk"}


def test_flat__files_named_after_others_are_asked_about(tmp_path: Path) -> None:
    """CHASE DB1 as downloaded: two observers beside each image, whose names are no known word."""
    for eye in ("01L", "01R", "02L"):
        touch(tmp_path, f"Image_{eye}.jpg", f"Image_{eye}_1stHO.png", f"Image_{eye}_2ndHO.png")
    (line,) = problems(tmp_path)
    assert "Image_01L_1stHO.png: this and 5 more are named after other images there" in line


def test_images__files_named_after_others_are_not_trained_on(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        touch(tmp_path, f"images/{name}.png", f"images/{name}_vis.png", f"masks/{name}.png")
    found = find_cases(tmp_path)
    assert ids(found.cases) == ["a", "b", "c"]
    assert any("a_vis.png: and 2 more are named like a mask" in line for line in found.warnings)


def test_images__frames_of_a_series_are_no_additions(tmp_path: Path) -> None:
    names = [f"{name}{end}.png" for name in "abc" for end in ("", "_2", "_3")]
    touch(tmp_path, *names)
    assert len(index_cases(tmp_path)) == 9


def test_unknown__kinds_of_files_that_hold_images_are_named_with_what_to_do(
    tmp_path: Path,
) -> None:
    touch(tmp_path, "photos/IMG_1.HEIC", "photos/IMG_2.HEIC")
    (line,) = problems(tmp_path)
    assert "holds 2 .heic but no images. HEIC is what iPhones write: export" in line
    touch(tmp_path, "images/a.png", "masks/a.png", "images/x.svs")
    (other,) = [w for w in find_cases(tmp_path).warnings if "x.svs" in w]
    assert "Whole slides are too large" in other


@pytest.mark.parametrize("above", ["", "archive/"])
@pytest.mark.parametrize(
    ("ends", "kinds", "remedy"),
    [
        (".heic", "2 .heic", "HEIC is what iPhones write: export"),
        (".xyz", "2 .xyz", "Images that are read end in .bmp, .gif, .jfif,"),
        ("", "2 without an ending", "These are DICOM files: let their names end in .dcm."),
    ],
)
def test_unknown__a_folder_of_images_that_are_not_read_is_named(
    tmp_path: Path, above: str, ends: str, kinds: str, remedy: str
) -> None:
    touch(tmp_path, f"{above}masks/1.png", f"{above}masks/2.png")
    for number in (1, 2):
        file = touch(tmp_path, f"{above}images/{number}{ends}") / f"{above}images/{number}{ends}"
        file.write_bytes(b"" if ends else bytes(128) + b"DICM")
    (line,) = problems(tmp_path)
    assert line.startswith(f"{tmp_path / above / 'images'}: holds {kinds} but no images. {remedy}")
