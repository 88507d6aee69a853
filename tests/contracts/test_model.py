"""What every backbone keeps by its line in `BACKBONES`: sizes, gradients, saving, tracing."""

import shutil
import warnings
from dataclasses import replace

import pytest
import torch

from crosslevel.config.model import MODELS
from crosslevel.errors import InputError
from crosslevel.models.folder import ModelCard, load_model, save_model
from crosslevel.models.segmenter import BACKBONES, build_segmentation_net
from support.registered import every_backbone, random_start

SIZES = [(1, 1), (1, 2), (3, 1)]
"""Sides as multiples of the stride."""


def build(backbone, num_channels=1, seed=0):
    torch.manual_seed(seed)
    return build_segmentation_net(random_start(backbone), num_channels)


def images(net, rows=2, columns=2, num=2):
    generator = torch.Generator().manual_seed(1)
    stride = net.f.stride
    return torch.randn(num, 3, rows * stride, columns * stride, generator=generator)


def logits(net, x):
    with torch.inference_mode():
        return net.eval()(x)


def test_backbones__have_options_and_a_builder():
    assert MODELS.keys() == BACKBONES.keys()


@every_backbone
@pytest.mark.parametrize("num_channels", [1, 3])
def test_backbone__gives_logits_of_every_size_it_can_halve(backbone, num_channels):
    net = build(backbone, num_channels)
    for size in SIZES:
        x = images(net, *size)
        found = logits(net, x)
        assert found.shape == (2, num_channels, *x.shape[2:])
        assert found.isfinite().all()


@every_backbone
def test_backbone__its_features_are_as_it_says(backbone):
    f = build(backbone).eval().f
    x = images(build(backbone), 1, 2)
    with torch.inference_mode():
        features = f(x)
        assert torch.equal(features, f.decode(f.encode(x)))
    rows, columns = x.shape[2:]
    assert features.shape == (2, f.out_channels, rows // f.reduction, columns // f.reduction)


@every_backbone
def test_backbone__refuses_sizes_it_cannot_halve_and_names_those_it_can(backbone):
    net = build(backbone)
    stride = net.f.stride
    for size in (2 * stride, 5 * stride):
        net.check_size(size)
    with pytest.raises(InputError, match=f"Choose {2 * stride} or {3 * stride}"):
        net.check_size(2 * stride + 1)


@every_backbone
def test_backbone__its_weights_are_those_of_the_seed(backbone):
    first, again, other = (build(backbone, seed=seed).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert not all(torch.equal(first[key], other[key]) for key in first)


@every_backbone
def test_backbone__every_parameter_learns_and_a_pretrained_part_is_its_own(backbone):
    net = build(backbone).train()
    net(images(net)).square().sum().backward()
    assert [key for key, p in net.named_parameters() if p.grad is None or not p.grad.any()] == []
    assert {p.dtype for p in net.parameters()} == {torch.float32}
    own = {id(p) for p in net.f.parameters()}
    encoder = net.f.pretrained
    assert encoder is None or {id(p) for p in encoder.parameters()} < own


@every_backbone
def test_backbone__images_of_a_batch_do_not_meet_in_evaluation(backbone):
    net = build(backbone)
    x = images(net, num=3)
    alone = torch.cat([logits(net, image.unsqueeze(0)) for image in x])
    torch.testing.assert_close(logits(net, x), alone, rtol=1e-4, atol=1e-4)


@every_backbone
def test_backbone__is_the_same_after_saving_copying_and_loading(backbone, tmp_path):
    net, config = build(backbone, num_channels=3), random_start(backbone)
    x, size = images(net), 2 * net.f.stride
    net.train()(x)  # statistics of BatchNorm are not those of the beginning
    names = ["light", "dark"]
    card = ModelCard(method="supervised", model=config, classes=names, num_channels=3, size=size)
    save_model(tmp_path / "saved", net, card)
    loaded, read = load_model(shutil.copytree(tmp_path / "saved", tmp_path / "copy"))
    assert replace(read, model=config) == card
    assert (read.model.name, read.model.args) == (config.name, config.args)
    assert not loaded.training
    assert torch.equal(loaded(x), logits(net, x))


@every_backbone
def test_backbone__traced_for_export_it_computes_the_same(backbone):
    net = build(backbone)
    x = images(net)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of constants, and that there is a newer way
        traced = torch.jit.trace(net.eval(), (x[:1],))
    torch.testing.assert_close(traced(x), logits(net, x), rtol=1e-4, atol=1e-4)


@every_backbone
def test_backbone__without_its_encoder_decodes_what_another_encoded(backbone):
    whole, decoder = build(backbone).eval().f, build(backbone, seed=1).eval().f
    encoder_only = {name for name, _ in whole.named_parameters()}
    with torch.inference_mode():
        features = whole.encode(images(build(backbone), 1, 1))
        expected = decoder.decode(features)
        decoder.drop_encoder()
        assert torch.equal(decoder.decode(features), expected)
    encoder_only -= {name for name, _ in decoder.named_parameters()}
    assert encoder_only
    pretrained = whole.pretrained
    if pretrained is not None:
        left = {id(p) for n, p in whole.named_parameters() if n in encoder_only}
        assert {id(p) for p in pretrained.parameters()} <= left
