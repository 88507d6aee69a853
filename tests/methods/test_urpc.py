import pytest
import torch

from crosslevel.config.model import ModelConfig
from crosslevel.methods.build import build_method
from crosslevel.methods.parts.feature_views import feature_dropout, feature_noise
from crosslevel.methods.urpc import URPC
from support.tiny import tiny_config


def test_scales__are_four_full_size_predictions_and_the_finest_is_the_network_itself():
    method = build_method(tiny_config("urpc")).eval()
    assert isinstance(method, URPC)
    images = torch.randn(2, 3, 32, 32)
    scales = method._scales(images).unbind(1)
    assert [tuple(s.shape) for s in scales] == [(2, 1, 32, 32)] * 4
    torch.testing.assert_close(scales[0], method.net(images))
    for scale, block in zip(scales[1:], (2, 4, 8), strict=True):
        corners = scale[:, :, ::block, ::block].repeat_interleave(block, 2)
        torch.testing.assert_close(corners.repeat_interleave(block, 3), scale)


def test_feature_dropout__zeroes_the_most_attended_places_only():
    features = torch.arange(1.0, 17.0).reshape(1, 1, 4, 4)
    torch.manual_seed(0)
    dropped = feature_dropout(features)
    assert dropped.max() < 0.9 * 16
    assert torch.equal(dropped[dropped > 0], features[features <= dropped.max()])


def test_feature_noise__is_one_draw_for_the_whole_batch_within_its_limit():
    noisy = feature_noise(torch.ones(3, 2, 8, 8))
    assert torch.equal(noisy[0], noisy[2])
    assert noisy.min() >= 0.7
    assert noisy.max() <= 1.3
    assert noisy.std() > 0.1


def test_urpc__refuses_a_network_without_its_scales():
    with pytest.raises(ValueError, match="at least five"):
        build_method(tiny_config("urpc", model=ModelConfig(widths=(4, 8))))
