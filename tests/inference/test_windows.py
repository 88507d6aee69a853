"""The sliding window: every pixel once, the window's own answers, and little memory."""

import tracemalloc

import numpy as np
import pytest

from crosslevel.inference.windows import window_bands


def brightness(windows):
    """A network that says of each pixel how bright it is."""
    return np.stack([w[None, ..., 0] / np.float32(255) for w in windows])


@pytest.mark.parametrize("shape", [(32, 32), (33, 95), (200, 77), (10, 50), (7, 9)])
@pytest.mark.parametrize("batch_size", [1, 5])
def test_window_bands__put_every_pixel_where_it_belongs(shape, batch_size):
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    bands = list(window_bands(image, 32, brightness, batch_size))
    np.testing.assert_allclose(
        np.concatenate(bands, axis=1)[0], image[..., 0] / np.float32(255), atol=1e-6
    )


@pytest.mark.parametrize("shape", [(32, 32), (50, 77), (200, 31)])
def test_window_bands__have_no_seams(shape):
    constant = lambda windows: np.full((len(windows), 1, 32, 32), 0.7, np.float32)  # noqa: E731
    bands = window_bands(np.zeros((*shape, 3), np.uint8), 32, constant, 3)
    np.testing.assert_allclose(np.concatenate(list(bands), axis=1), 0.7, rtol=1e-6)


def test_window_bands__keep_several_channels_apart():
    image = np.random.default_rng(0).integers(0, 256, (50, 40, 3), np.uint8)
    network = lambda windows: np.stack([w.transpose(2, 0, 1) / np.float32(255) for w in windows])  # noqa: E731
    found = np.concatenate(list(window_bands(image, 32, network, 4)), axis=1)
    np.testing.assert_allclose(found, image.transpose(2, 0, 1) / np.float32(255), atol=1e-6)


def test_window_bands__trust_the_middle_of_a_window_more_than_its_edge():
    asked = []

    def one_after_another(windows):
        asked.extend(windows)
        first = len(asked) - len(windows)
        return np.stack([np.full((1, 32, 32), i, np.float32) for i in range(first, len(asked))])

    [row] = window_bands(np.zeros((32, 56, 3), np.uint8), 32, one_after_another, 1)
    across = row[0, 0]
    assert (across[0], across[-1]) == (0, 1)
    assert (np.diff(across) >= 0).all()
    assert 0 < across[24] < 0.5 < across[31] < 1


def test_window_bands__hold_a_band_of_a_large_image_not_a_map_of_it():
    image = np.zeros((4000, 3000, 3), np.uint8)
    tracemalloc.start()
    num_rows = sum(band.shape[1] for band in window_bands(image, 256, brightness, 1))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert num_rows == 4000
    assert peak < 4000 * 3000 * 4 / 2
