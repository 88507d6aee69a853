"""Backbones of segmentation-models-pytorch; most tests need the `encoders` extra."""

import importlib

import pytest
import torch

from crosslevel.config.model import ModelConfig
from crosslevel.errors import InputError
from crosslevel.images.preprocess import IMAGENET_MEAN, IMAGENET_STD
from crosslevel.methods.base import Clock
from crosslevel.methods.build import build_method
from crosslevel.models.segmenter import build_segmentation_net
from crosslevel.types import Batch
from support.tiny import tiny_config

NETWORKS = [
    ("unet", "resnet18"),
    ("fpn", "mobilenet_v2"),
    ("unet", "tu-convnext_atto"),
    ("dpt", "tu-vit_tiny_patch16_224"),
]
DINO = "tu-vit_small_patch14_dinov2"


def smp_config(architecture="unet", encoder="resnet18", weights=None):
    return ModelConfig(name="smp", architecture=architecture, encoder=encoder, weights=weights)


@pytest.mark.encoders
@pytest.mark.parametrize(("architecture", "encoder"), NETWORKS)
def test_smp__gives_logits_at_full_resolution(architecture, encoder):
    net = build_segmentation_net(smp_config(architecture, encoder), num_channels=3).eval()
    with torch.no_grad():
        assert net.f(torch.zeros(1, 3, 64, 96)).shape == (1, net.f.out_channels, 64, 96)
        assert net(torch.zeros(1, 3, 64, 96)).shape == (1, 3, 64, 96)


@pytest.mark.encoders
@pytest.mark.parametrize(("architecture", "encoder"), NETWORKS)
def test_smp__trains_in_both_stages_of_clcc(architecture, encoder):
    method = build_method(tiny_config(size=64, model=smp_config(architecture, encoder))).train()
    batch = Batch(
        images=torch.randn(1, 3, 64, 64),
        masks=torch.randint(0, 2, (1, 64, 64)),
        unlabelled=torch.randn(1, 3, 64, 64),
    )
    for clock, others in ((Clock(0, 30), set()), (Clock(29, 30), {"contrast", "consistency"})):
        losses = method.training_step(batch, clock)
        assert losses.keys() == {"supervised", *others}
        assert all(loss.isfinite() for loss in losses.values())
        torch.stack(list(losses.values())).sum().backward()
        assert all(p.grad is not None and p.grad.isfinite().all() for p in method.net.parameters())
        method.zero_grad()


@pytest.mark.encoders
def test_smp__images_are_given_as_the_encoder_was_trained(monkeypatch):
    """Its own mean and std are asked for with pretrained weights, and kept with the model."""
    import segmentation_models_pytorch as smp

    def own(encoder, pretrained):
        assert (encoder, pretrained) == ("resnet18", "imagenet")
        return {"mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25]}

    monkeypatch.setattr(smp.encoders, "get_preprocessing_params", own)
    create = smp.create_model
    monkeypatch.setattr(
        smp, "create_model", lambda *a, **k: create(*a, **{**k, "encoder_weights": None})
    )
    net = build_segmentation_net(smp_config(weights="imagenet"), 1)
    white = (1 - torch.tensor(IMAGENET_MEAN)) / torch.tensor(IMAGENET_STD)
    seen = net.get_submodule("f.renormalise")(white.view(1, 3, 1, 1))
    assert seen.flatten().tolist() == pytest.approx([2.0, 2.0, 2.0], abs=1e-5)
    plain = build_segmentation_net(smp_config(), 1)
    plain.load_state_dict(net.state_dict())
    assert torch.equal(plain.get_submodule("f.renormalise")(white.view(1, 3, 1, 1)), seen)


@pytest.mark.encoders
def test_smp__patches_of_dinov2_become_16_px_and_all_its_weights_are_used(monkeypatch, tmp_path):
    """From a file as the hub has it: patches of 14 px, positions of 37×37 of them."""
    timm = importlib.import_module("timm")

    published = timm.create_model(DINO.removeprefix("tu-"), pretrained=False)
    file = tmp_path / "dinov2.pth"
    torch.save(published.state_dict(), file)
    create = timm.create_model
    monkeypatch.setattr(
        timm,
        "create_model",
        lambda *a, **k: create(*a, **k, pretrained_cfg_overlay={"file": str(file)}),
    )
    backbone = build_segmentation_net(smp_config("dpt", DINO, "imagenet"), 1).f
    taken = backbone.get_submodule("model.encoder.model").state_dict()
    resampled = {"patch_embed.proj.weight", "pos_embed"}
    for name, value in published.state_dict().items():
        if not name.startswith(("norm.", "head.")):  # of the classifier
            assert name in resampled or torch.equal(taken[name], value), name
    assert taken["patch_embed.proj.weight"].shape[-2:] == (16, 16)
    patch = torch.full((1, 3, 14, 14), 0.7)  # of one colour, which no resampling changes
    larger = torch.full((1, 3, 16, 16), 0.7)
    project = backbone.get_submodule("model.encoder.model.patch_embed.proj")
    assert torch.allclose(project(larger), published.patch_embed.proj(patch), atol=1e-4)


@pytest.mark.encoders
@pytest.mark.parametrize(("architecture", "encoder"), [NETWORKS[0], NETWORKS[-1]])
def test_smp__of_a_fixed_size_gives_the_same(architecture, encoder):
    net = build_segmentation_net(smp_config(architecture, encoder), 1).eval()
    image = torch.rand(1, 3, 96, 96)
    with torch.no_grad():
        before = net(image)
        net.f.fix_size(96)
        assert torch.allclose(net(image), before, atol=1e-5)


@pytest.mark.encoders
def test_smp__weights_of_timm_are_in_the_encoders_name():
    with pytest.raises(InputError, match=r"in its name \(tu-convnext_atto\.d2_in1k\), or null"):
        build_segmentation_net(smp_config(encoder="tu-convnext_atto", weights="d2_in1k"), 1)


@pytest.mark.encoders
@pytest.mark.parametrize(
    ("architecture", "encoder"), [("dpt", "tu-resnet18"), ("dpt", "resnet18"), ("unet", DINO)]
)
def test_smp__dpt_and_vision_transformers_go_together(architecture, encoder):
    with pytest.raises(InputError, match="'dpt' is for vision transformers, and they for 'dpt'"):
        build_segmentation_net(smp_config(architecture, encoder), 1)


@pytest.mark.encoders
def test_smp__an_encoder_for_one_size_is_refused_at_another():
    swin = smp_config("unet", "tu-swin_tiny_patch4_window7_224")
    with pytest.raises(InputError, match=r"does not take images of 64 px: .*224.*another encoder"):
        build_method(tiny_config(method="supervised", size=64, model=swin))


@pytest.mark.encoders
def test_smp__refuses_a_size_its_encoder_cannot_halve():
    with pytest.raises(InputError, match=r"divisible by 64 .*Choose 64 or 128"):
        build_method(tiny_config(size=96, model=smp_config()))


@pytest.mark.encoders
@pytest.mark.parametrize("encoder", ["resnet18", "tu-resnet18"])
def test_smp__weights_that_cannot_be_fetched(monkeypatch, tmp_path, encoder):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(InputError, match=r"cannot be fetched: .*--model\.weights null") as caught:
        build_segmentation_net(smp_config(encoder=encoder, weights="imagenet"), 1)
    assert "\n" not in str(caught.value)


@pytest.mark.encoders
def test_smp__a_proxy_that_refuses(monkeypatch):
    http_error = importlib.import_module("huggingface_hub.errors").HTTPError

    def refuse(*_, **__):
        raise http_error("407 Proxy Authentication Required")

    monkeypatch.setattr("segmentation_models_pytorch.encoders.hf_hub_download", refuse)
    with pytest.raises(InputError, match=r"cannot be fetched: 407 Proxy .* Connect to"):
        build_segmentation_net(smp_config(weights="imagenet"), 1)


@pytest.mark.encoders
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"architecture": "unett"}, "Wrong architecture type `unett`"),
        ({"encoder": "resnet19"}, "Wrong encoder name `resnet19`"),
        ({"encoder": "tu-resnet19"}, r"Unknown model \(resnet19\)"),
        ({"weights": "imagenot"}, "Wrong pretrained weights `imagenot`.*'imagenet'"),
    ],
)
def test_smp__an_unknown_name_is_answered_in_one_short_line(changes, message):
    with pytest.raises(InputError, match=f"cannot be built: {message}") as caught:
        build_segmentation_net(smp_config(**changes), 1)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 450


def test_smp__without_the_extra_says_how_to_install_it(monkeypatch):
    def import_nothing(name):
        raise ImportError(name)

    monkeypatch.setattr("crosslevel.models.encoders.import_module", import_nothing)
    with pytest.raises(InputError) as caught:
        build_segmentation_net(smp_config(), 1)
    assert str(caught.value) == (
        "--model.name smp needs segmentation-models-pytorch: "
        "install it with `pip install 'crosslevel[encoders]'`."
    )
