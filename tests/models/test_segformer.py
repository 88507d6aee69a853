import pytest
import torch

from crosslevel.config.model import ModelConfig
from crosslevel.models.segformer import Attention, SegFormer
from crosslevel.models.segmenter import build_segmentation_net


@pytest.mark.parametrize("size", [(32, 32), (64, 96)])
def test_segformer__gives_logits_at_full_resolution(size):
    net = build_segmentation_net(ModelConfig(name="segformer"), 2)
    assert net(torch.zeros(2, 3, *size)).shape == (2, 2, *size)


def test_segformer__levels_are_at_strides_4_to_32():
    levels = SegFormer().encode(torch.zeros(1, 3, 64, 32))
    assert [tuple(x.shape[1:]) for x in levels] == [
        (32, 16, 8),
        (64, 8, 4),
        (160, 4, 2),
        (256, 2, 1),
    ]


def test_segformer__has_the_parameters_of_the_published_one():
    """3.7 million with 150 classes (Xie et al., Table 1), whose last layer is not part of f."""
    num_parameters = sum(p.numel() for p in SegFormer().parameters())
    assert num_parameters + 150 * 257 == pytest.approx(3.75e6, rel=0.01)


def test_segformer__every_parameter_has_a_part_in_the_output():
    torch.manual_seed(0)
    net = SegFormer()
    net(torch.randn(2, 3, 64, 64)).square().sum().backward()
    without = [n for n, p in net.named_parameters() if p.grad is None or not p.grad.any()]
    assert without == []


def test_segformer__images_of_a_batch_do_not_meet_in_evaluation():
    torch.manual_seed(0)
    net = SegFormer().eval()
    images = torch.randn(3, 3, 32, 32)
    with torch.no_grad():
        one_by_one = torch.cat([net(image.unsqueeze(0)) for image in images])
        torch.testing.assert_close(net(images), one_by_one)


@pytest.mark.parametrize("shrink", [1, 2])
def test_attention__equals_the_explicit_formulation(shrink):
    """Place by place and head by head: the values, weighted by the softmax of products."""
    torch.manual_seed(0)
    net = Attention(6, heads=2, shrink=shrink).double()
    x = torch.randn(1, 4, 2, 6, dtype=torch.float64)
    seen = x
    if net.shrink is not None and net.norm is not None:
        seen = net.norm(net.shrink(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1))
    query = net.query(x).reshape(8, 6)
    key, value = net.key_value(seen).reshape(-1, 12).split(6, dim=1)
    found = torch.zeros(8, 6, dtype=torch.float64)
    for place in range(8):
        for head in (slice(0, 3), slice(3, 6)):
            weights = torch.stack([query[place, head] @ k[head] for k in key]) / 3**0.5
            found[place, head] = weights.softmax(dim=0) @ value[:, head]
    torch.testing.assert_close(net(x), net.out(found).reshape(1, 4, 2, 6))
