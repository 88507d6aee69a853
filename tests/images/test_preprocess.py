import numpy as np
import pytest
import torch

from crosslevel.images.preprocess import normalise, resize_image, resize_mask


def test_normalise__hand_computed():
    pixels = torch.tensor([[0, 0, 0], [255, 255, 255], [51, 102, 204]], dtype=torch.uint8)
    found = normalise(pixels.reshape(1, 1, 3, 3))[0, :, 0].T
    expected = [
        [-0.485 / 0.229, -0.456 / 0.224, -0.406 / 0.225],
        [0.515 / 0.229, 0.544 / 0.224, 0.594 / 0.225],
        [(0.2 - 0.485) / 0.229, (0.4 - 0.456) / 0.224, (0.8 - 0.406) / 0.225],
    ]
    torch.testing.assert_close(found, torch.tensor(expected))


def test_normalise__puts_channels_first_but_last_in_memory():
    images = normalise(torch.zeros(2, 4, 6, 3, dtype=torch.uint8))
    assert images.shape == (2, 3, 4, 6)
    assert images.dtype == torch.float32
    assert images.is_contiguous(memory_format=torch.channels_last)


def test_normalise__of_no_images():
    assert normalise(torch.zeros(0, 4, 4, 3, dtype=torch.uint8)).shape == (0, 3, 4, 4)


@pytest.mark.parametrize("height", [3, 8, 20])
@pytest.mark.parametrize("width", [5, 8])
def test_resize__makes_a_square(height, width):
    image = resize_image(np.zeros((height, width, 3), np.uint8), 8)
    mask = resize_mask(np.zeros((height, width), np.uint8), 8)
    assert image.shape == (8, 8, 3)
    assert mask.shape == (8, 8)
    assert image.dtype == mask.dtype == np.uint8


def test_resize__to_its_own_size_changes_nothing():
    image = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    np.testing.assert_array_equal(resize_image(image, 8), image)
    np.testing.assert_array_equal(resize_mask(image[..., 0], 8), image[..., 0])


def test_resize_mask__makes_no_class_that_was_not_there():
    mask = np.array([[0, 2], [2, 0]], np.uint8).repeat(3, 0).repeat(3, 1)
    assert set(np.unique(resize_mask(mask, 5))) == {0, 2}
    np.testing.assert_array_equal(resize_mask(mask, 2), [[0, 2], [2, 0]])


def test_resize_image__averages_when_it_shrinks():
    stripes = np.zeros((16, 16, 3), np.uint8)
    stripes[::2] = 200
    assert np.abs(resize_image(stripes, 4).astype(int) - 100).max() <= 12


def test_resize__moves_image_and_mask_alike():
    mask = np.zeros((30, 30), np.uint8)
    mask[10:20, 5:25] = 1
    image = np.repeat(mask[..., None] * np.uint8(255), 3, axis=2)
    for size in (10, 60):  # not 15: there the outline runs through the middle of pixels
        np.testing.assert_array_equal(
            resize_image(image, size)[..., 0] > 127, resize_mask(mask, size)
        )
