"""What a training writes down about its data."""

import numpy as np
import pytest
from PIL import Image

from crosslevel.data.quality.report import Spread
from crosslevel.data.sheet import DataSheet
from crosslevel.errors import InputError
from crosslevel.runs.folder import RunFolder
from crosslevel.training.train import train
from support.tiny import tiny_config


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """6 patients of two images; 8 masks, of which one is empty; one image is grey, one damaged."""
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    for kind in ("images", "masks"):
        (folder / kind).mkdir()
    for number in range(12):
        name, size = f"p{number // 2}_{number % 2}.png", (32, 40) if number else (32, 64)
        picture = rng.integers(0, 256, size if number == 1 else (*size, 3), np.uint8)
        Image.fromarray(picture).save(folder / "images" / name)
        mask = np.zeros(size, np.uint8)
        mask[:8, :10] = 255 * (number != 3)  # 80 of 1280 pixels; of 2048 in the wider one
        if number < 8:
            Image.fromarray(mask).save(folder / "masks" / name)
    (folder / "images" / "p5_1.png").write_bytes(b"damaged")
    config = tiny_config("supervised", epochs=1, skip_bad=True, group_by="(.+)_")
    return train(folder, folder / "run", config)


def test_data_sheet__counts_images_masks_groups_and_what_is_left_out(run):
    sheet = run.data_sheet()
    assert sheet is not None
    assert (sheet.num_images, sheet.num_masks) == (12, 8)
    assert (sheet.num_masks_opened, sheet.num_empty_masks) == (8, 1)
    assert (sheet.height, sheet.num_sizes) == (Spread(32, 32, 32, 32), 2)
    assert sheet.width is not None
    assert (sheet.width.min, sheet.width.max) == (40, 64)
    assert sheet.kinds == {"8-bit colour": 10, "8-bit grey": 1}
    assert sheet.num_groups == 6
    assert sum(sheet.groups.values()) == 6
    assert sheet.masks_with == {"foreground": 7}
    share = sheet.classes["foreground"]
    assert (share.min, share.max) == pytest.approx((80 / 2048, 80 / 1280))
    assert share.mean == pytest.approx((80 / 2048 + 6 * 80 / 1280) / 7)
    assert {number for reason, number in sheet.left_out.items() if "set_aside.txt" in reason} == {1}


def test_data_sheet__is_read_back_as_written(run):
    sheet = run.data_sheet()
    assert DataSheet.from_json(sheet.to_json()) == sheet


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"height": 3, "width": null}'])
def test_data_sheet__damaged_is_one_line_with_a_remedy(tmp_path, text):
    (tmp_path / "data.json").write_text(text)
    with pytest.raises(InputError, match=r"data\.json is damaged: .* Delete it"):
        RunFolder(tmp_path).data_sheet()


def test_data_sheet__is_missing_of_a_run_of_an_earlier_version(tmp_path):
    assert RunFolder(tmp_path).data_sheet() is None
