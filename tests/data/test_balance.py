import numpy as np
import pytest

from crosslevel.data.balance import draw_balanced, places_by_class
from crosslevel.data.datamodule import DataModule, Sampling
from crosslevel.types import IGNORED, Case, Classes, Reading


def mask_of(*classes):
    mask = np.zeros((4, 4), np.uint8)
    mask.flat[: len(classes)] = classes
    return mask


def test_places_by_class__ignored_pixels_are_no_class_and_empty_masks_are_one():
    masks = [mask_of(1), mask_of(1, 3), mask_of(IGNORED), mask_of()]
    found = [places.tolist() for places in places_by_class(masks)]
    assert found == [[2, 3], [0, 1], [1]]


def test_draw_balanced__a_rare_class_is_seen_as_often_as_a_common_one():
    by_class = places_by_class([mask_of(1)] * 95 + [mask_of(2)] * 5)
    drawn = np.concatenate([draw_balanced(by_class, 4, (0, step)) for step in range(500)])
    assert (drawn >= 95).mean() == pytest.approx(0.5, abs=0.04)
    counts = np.bincount(drawn[drawn >= 95])[95:]
    assert counts.min() > 0.7 * counts.mean()


@pytest.mark.parametrize("balanced", [False, True])
def test_data_module__draws_by_class_when_asked(tmp_path, balanced):
    from PIL import Image

    from crosslevel.data.formats.readers import frame_hash

    cases = []
    for number in range(10):
        image, mask = tmp_path / f"{number}.png", tmp_path / f"{number}_mask.png"
        Image.fromarray(np.full((8, 8, 3), number, np.uint8)).save(image)
        Image.fromarray(np.full((8, 8), 2 if number == 9 else 1, np.uint8)).save(mask)
        cases.append(Case(str(number), image, mask))
    hashes = {case.id: frame_hash(case.image, None) for case in cases}
    sampling = Sampling(batch_labelled=4, batch_unlabelled=0, seed=0, balanced=balanced)
    parts = {"train_labelled": cases, "train_unlabelled": [], "val": []}
    classes = Classes({"common": 1, "rare": 2})
    data = DataModule(parts, hashes, classes, 8, sampling, Reading(window=()))
    drawn = np.concatenate([data.choices(step).labelled.numpy() for step in range(50)])
    share = (drawn == 9).mean()
    assert share == (pytest.approx(0.5, abs=0.1) if balanced else pytest.approx(0.1))
    again = data.choices(7).labelled
    assert again.tolist() == data.choices(7).labelled.tolist()
