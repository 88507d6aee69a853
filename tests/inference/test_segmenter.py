"""The segmenter as its users hold it: test-time views, and masks on disk."""

import numpy as np
import pytest
import torch
from PIL import Image

from crosslevel.config.model import ModelConfig
from crosslevel.images.writing import write_mask
from crosslevel.inference.runtimes import ImagesToProbabilities, TorchRuntime
from crosslevel.inference.segmenter import Segmenter
from crosslevel.models.folder import ModelCard
from crosslevel.models.segmenter import build_segmentation_net

MODEL = ModelConfig(widths=(4, 8))


def segmenter(*, flips=False):
    torch.manual_seed(0)
    card = ModelCard(method="supervised", model=MODEL, classes=["lesion"], num_channels=1, size=32)
    module = ImagesToProbabilities(build_segmentation_net(MODEL, 1))
    return Segmenter(TorchRuntime(module, torch.device("cpu")), card, flips=flips)


@pytest.fixture
def image():
    return np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)


@pytest.mark.parametrize("axes", [(0,), (1,), (0, 1)])
def test_flips__make_the_prediction_follow_its_mirrored_image(image, axes):
    mirrored = np.flip(image, axes).copy()
    found = []
    for flips in (False, True):
        predict = segmenter(flips=flips).probabilities
        found.append(np.abs(np.flip(predict(image)[0], axes) - predict(mirrored)[0]).max())
    assert found[0] > 1e-4
    assert found[1] < 1e-5


def test_flips__are_the_mean_of_four_views(image):
    plain = segmenter()
    views = [
        np.flip(plain.probabilities(np.flip(image, axes).copy())[0], axes)
        for axes in ((), (0,), (1,), (0, 1))
    ]
    expected = np.mean(views, axis=0)
    np.testing.assert_allclose(segmenter(flips=True).probabilities(image)[0], expected, atol=1e-5)


@pytest.mark.parametrize(("channels", "values"), [(1, [0, 255]), (3, [0, 1])])
def test_write_mask__is_black_and_white_or_class_indices(tmp_path, channels, values):
    write_mask(tmp_path / "deep" / "mask.png", np.eye(4, dtype=np.uint8), channels)
    assert np.unique(np.asarray(Image.open(tmp_path / "deep" / "mask.png"))).tolist() == values
