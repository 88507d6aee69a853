import math

import pytest
import torch

from crosslevel.models.unet import Doubling, UNet


def num_parameters(net):
    return sum(p.numel() for p in net.parameters())


@pytest.mark.parametrize("widths", [(4,), (4, 8), (4, 6, 10)])
@pytest.mark.parametrize("in_channels", [1, 3])
def test_unet__keeps_the_resolution(widths, in_channels):
    net = UNet(widths, in_channels)
    assert net.stride == 2 ** (len(widths) - 1)
    features = net(torch.zeros(2, in_channels, 8, 12))
    assert features.shape == (2, net.out_channels, 8, 12)
    assert net.out_channels == widths[0]


def test_unet__pyramid_halves_from_level_to_level():
    net = UNet((4, 6, 10)).eval()
    levels = net.decode_pyramid(net.encode(torch.zeros(1, 3, 16, 8)))
    assert [tuple(x.shape) for x in levels] == [(1, 4, 16, 8), (1, 6, 8, 4), (1, 10, 4, 2)]


def test_unet__pyramid_begins_with_its_output():
    net, x = UNet((4, 8)).eval(), torch.randn(1, 3, 8, 8)
    torch.testing.assert_close(net.decode_pyramid(net.encode(x))[0], net(x), rtol=0, atol=0)


def test_unet__has_the_parameters_of_the_classical_one_divided_by_16():
    """Counted by hand: two 3×3 convolutions with BatchNorm a block, 2×2 ones with a bias up."""
    widths = (16, 32, 64, 128, 256)
    down = sum(9 * (i + o) * o + 4 * o for i, o in zip((3, *widths), widths, strict=False))
    up = sum(4 * 2 * o * o + o + 9 * 3 * o * o + 4 * o for o in widths[:-1])
    assert num_parameters(UNet()) == down + up
    assert 1.9e6 < down + up < 2.0e6


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_doubling__is_the_transposed_convolution_in_values_and_gradients(memory_format):
    net = Doubling(6, 4).double()
    x = torch.randn(2, 6, 3, 5, dtype=torch.float64).contiguous(memory_format=memory_format)
    weights = torch.randn(2, 4, 6, 10, dtype=torch.float64)
    results = []
    for is_training in (True, False):
        asked = x.clone().requires_grad_(True)
        y = net.train(is_training)(asked)
        inputs = [asked, *net.parameters()]
        results.append((y, *torch.autograd.grad((y * weights).sum(), inputs)))
    for ours, general in zip(*results, strict=True):
        torch.testing.assert_close(ours, general)


def test_unet__plain_has_the_parameters_of_the_authors_network():
    """Counted by hand: no BatchNorm in the decoder, biases instead, 4×4 convolutions up."""
    widths = (16, 32, 64, 128, 256)
    down = sum(9 * (i + o) * o + 4 * o for i, o in zip((3, *widths), widths, strict=False))
    up = sum(16 * 2 * o * o + o + 9 * 3 * o * o + 2 * o for o in widths[:-1])
    net = UNet(decoder="plain")
    assert num_parameters(net) == down + up
    assert down + up == pytest.approx(2.5e6, rel=0.02)
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in net.decoder.modules())


def test_unet__plain_keeps_the_resolution_and_every_parameter_has_a_part():
    net = UNet((4, 6, 10), decoder="plain")
    features = net(torch.randn(2, 3, 16, 24))
    assert features.shape == (2, 4, 16, 24)
    features.square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in net.parameters())


@pytest.mark.parametrize("decoder", ["batchnorm", "plain"])
def test_unet__he_s_initial_weights_are_root_6_times_larger(decoder):
    torch.manual_seed(0)
    ours, he = (UNet(decoder=decoder, initial=initial) for initial in ("torch", "he"))
    for (name, a), b in zip(ours.named_parameters(), he.parameters(), strict=True):
        if a.ndim == 4 and a.numel() > 2000:
            assert (b.std() / a.std()).item() == pytest.approx(math.sqrt(6), rel=0.06), name
        elif name.startswith(("upsample", "decoder")) and name.endswith("bias"):
            assert (b == 0).all(), name
