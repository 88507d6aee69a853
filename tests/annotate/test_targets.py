import pytest

from crosslevel.annotate.targets import mask_targets
from crosslevel.data.cases import find_cases

LAYOUTS = {
    "images alone": (["a.jpg", "b.png"], {"a.jpg": "masks/a.png", "b.png": "masks/b.png"}),
    "images/ without masks": (["images/a.jpg"], {"images/a.jpg": "masks/a.png"}),
    "images/ and masks/": (
        ["images/a.jpg", "images/b.jpg", "masks/a.png"],
        {"images/a.jpg": "masks/a.png", "images/b.jpg": "masks/b.png"},
    ),
    "other names": (
        ["imgs/a.jpg", "imgs/b.jpg", "ground truth/a_mask.gif"],
        {"imgs/a.jpg": "ground truth/a.png", "imgs/b.jpg": "ground truth/b.png"},
    ),
    "beside the image": (
        ["a.jpg", "a_mask.png", "b.jpg"],
        {"a.jpg": "a_mask.png", "b.jpg": "b_mask.png"},
    ),
    "images beside masks/": (["a.jpg", "b.jpg", "masks/a.png"], {"b.jpg": "masks/b.png"}),
    "patients": (
        [
            *(f"images/p{n}/{i}.png" for n in "123" for i in "xy"),
            "masks/p1/x.png",
            "masks/p2/x.png",
        ],
        {"images/p1/y.png": "masks/p1/y.png", "images/p3/x.png": "masks/p3/x.png"},
    ),
    "parts": (
        ["train/images/a.jpg", "train/images/b.jpg", "train/masks/a.png", "test/images/c.jpg"],
        {"train/images/b.jpg": "train/masks/b.png", "test/images/c.jpg": "test/masks/c.png"},
    ),
    "ISIC": (
        [
            *("ISIC2018_Task1-2_Training_Input/x1.jpg", "ISIC2018_Task1-2_Training_Input/x2.jpg"),
            "ISIC2018_Task1_Training_GroundTruth/x1_segmentation.png",
        ],
        {
            "ISIC2018_Task1-2_Training_Input/x2.jpg": "ISIC2018_Task1_Training_GroundTruth/x2.png",
        },
    ),
}


def make(folder, names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


@pytest.mark.parametrize(("names", "expected"), LAYOUTS.values(), ids=LAYOUTS)
def test_targets__are_where_train_looks(tmp_path, names, expected):
    make(tmp_path, names)
    found = mask_targets(tmp_path, find_cases(tmp_path).cases)
    below = {
        image.relative_to(tmp_path).as_posix(): mask.relative_to(tmp_path).as_posix()
        for image, mask in found.items()
    }
    assert expected.items() <= below.items()
    for image, mask in found.items():  # one after the other, as a person does
        mask.parent.mkdir(exist_ok=True)
        if not mask.exists():
            for case in find_cases(tmp_path).cases:
                if case.image == image:
                    for old in case.mask_files:
                        old.unlink()
            mask.touch()
        now = {case.image: case.mask for case in find_cases(tmp_path).cases}
        assert now[image] == mask
    assert find_cases(tmp_path).problems == []


def test_targets__leave_out_what_says_it_is_unlabelled(tmp_path):
    make(tmp_path, ["images/a.jpg", "masks/a.png", "unlabelled/b.jpg"])
    found = mask_targets(tmp_path, find_cases(tmp_path).cases)
    assert [image.name for image in found] == ["a.jpg"]


def test_targets__keep_masks_that_are_paired_by_what_differs(tmp_path):
    names = [f"images/{n:02}_training.tif" for n in range(4)]
    make(tmp_path, [*names, *(f"masks/{n:02}_manual1.gif" for n in range(2))])
    cases = find_cases(tmp_path).cases
    found = mask_targets(tmp_path, cases)
    masked = [case.image for case in cases if case.mask]
    assert len(masked) == 2
    assert {*masked} <= found.keys()
    assert all(not mask.exists() for image, mask in found.items() if image not in masked)
