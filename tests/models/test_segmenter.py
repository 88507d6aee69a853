import pytest
import torch

from crosslevel.config.model import ModelConfig
from crosslevel.errors import InputError
from crosslevel.models.segmenter import build_segmentation_net
from crosslevel.models.unet import UNet

SMALL = ModelConfig(widths=(4, 8))
STRIDE_16 = ModelConfig(widths=(1, 1, 1, 1, 1))


def test_segmentation_net__is_its_two_parts():
    net, x = build_segmentation_net(SMALL, 2).eval(), torch.randn(1, 3, 8, 8)
    torch.testing.assert_close(net(x), net.h(net.f(x)), rtol=0, atol=0)


def test_segmentation_net__golden_logits_of_seed_0():
    torch.manual_seed(0)
    net = build_segmentation_net(ModelConfig(), 1).train()
    images = torch.linspace(-8, 8, 2 * 3 * 32 * 32).sin().reshape(2, 3, 32, 32)
    with torch.no_grad():
        logits = net(images)
    assert float(logits.sum()) == pytest.approx(-752.8546, rel=1e-4)
    assert float(logits.std()) == pytest.approx(0.3399276, rel=1e-4)


@pytest.mark.parametrize(("size", "tiles"), [(16, 1), (320, 1), (320, 5), (160, 5), (32, 2)])
def test_check_size__fits(size, tiles):
    build_segmentation_net(STRIDE_16, 1).check_size(size, tiles)


@pytest.mark.parametrize(
    ("size", "tiles", "remedy"),
    [
        (100, 1, r"by 16 \(backbone stride 16 × 1 tiles\)\. Choose 96 or 112\."),
        (256, 5, r"by 80 \(backbone stride 16 × 5 tiles\)\. Choose 240 or 320\."),
        (15, 1, r"Choose 16\."),
        (79, 5, r"Choose 80\."),
    ],
)
def test_check_size__names_the_nearest_sizes_that_fit(size, tiles, remedy):
    net = build_segmentation_net(STRIDE_16, 1)
    with pytest.raises(InputError, match=f"A size of {size} px cannot be used.*{remedy}"):
        net.check_size(size, tiles)


def test_check_size__needs_a_tile():
    with pytest.raises(InputError, match="0 tiles"):
        build_segmentation_net(SMALL, 1).check_size(32, 0)


def test_build_segmentation_net__unknown_name_is_answered_with_the_nearest():
    with pytest.raises(InputError, match=r"'unnet': choose from .*Did you mean 'unet'\?"):
        build_segmentation_net(ModelConfig(name="unnet"), 1)


def test_build__gives_the_u_net_its_decoder_and_initial_weights():
    torch.manual_seed(0)
    plain, ours = (
        build_segmentation_net(config, 1).f
        for config in (ModelConfig(decoder="plain", initial="he"), ModelConfig())
    )
    assert isinstance(plain, UNet)
    assert isinstance(ours, UNet)
    assert not [m for m in plain.decoder.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    plain_weight, our_weight = (
        dict(f.named_parameters())["encoder.4.0.weight"] for f in (plain, ours)
    )
    ratio = plain_weight.std() / our_weight.std()
    assert ratio.item() == pytest.approx(6**0.5, rel=0.05)
