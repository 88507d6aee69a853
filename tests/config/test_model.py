"""Options of a backbone: those it has, those it has not, and what older files say."""

import json

import pytest
import yaml

from crosslevel.cli import main
from crosslevel.config.files import from_yaml, preset, preset_names, settled_from_yaml, to_dict
from crosslevel.config.model import (
    MODELS,
    EfficientNetLiteArgs,
    ModelConfig,
    SegFormerArgs,
    SmpArgs,
    UNetArgs,
)
from crosslevel.config.train import TrainConfig
from crosslevel.errors import InputError
from crosslevel.models.folder import load_card, load_model
from crosslevel.models.segmenter import BACKBONES
from crosslevel.runs.folder import RunFolder
from crosslevel.training.train import train
from support.tiny import tiny_config

OLD = {
    "name": "unet",
    "widths": [4, 8],
    "architecture": "unet",
    "encoder": "resnet34",
    "weights": "imagenet",
}
"""What version 0.1 wrote for a U-Net."""
SMALL = {
    "name": "unet",
    "widths": [4, 8],
    "decoder": "batchnorm",
    "initial": "torch",
    "weights": None,
}
"""What is written for it today."""


def test_models__each_has_options_and_a_builder():
    assert MODELS.keys() == BACKBONES.keys()


@pytest.mark.parametrize(
    ("config", "args"),
    [
        (ModelConfig(), UNetArgs(widths=(16, 32, 64, 128, 256))),
        (ModelConfig(widths=(4, 8)), UNetArgs(widths=(4, 8))),
        (ModelConfig(weights=None), UNetArgs(weights=None)),
        (ModelConfig(name="segformer"), SegFormerArgs(widths=(32, 64, 160, 256))),
        (
            ModelConfig(decoder="plain", initial="he"),
            UNetArgs(decoder="plain", initial="he"),
        ),
        (ModelConfig(name="efficientnet_lite0"), EfficientNetLiteArgs(weights="imagenet")),
        (ModelConfig(name="efficientnet_lite0", weights=None), EfficientNetLiteArgs(weights=None)),
        (ModelConfig(name="smp", encoder="resnet50"), SmpArgs(encoder="resnet50")),
    ],
)
def test_args__are_those_of_the_backbone(config, args):
    assert config.args == args
    assert config.idle == []


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"encoder": "resnet152"}, "model.encoder is 'resnet152', but the model unet has no such"),
        ({"weights": "nonsense"}, "model.weights is 'nonsense'; a U-Net has null, or a folder"),
        ({"name": "efficientnet_lite0", "widths": (4, 8)}, "model.widths is .* only weights"),
        ({"name": "efficientnet_lite0", "weights": "coco"}, "model.weights is 'coco'"),
        ({"name": "smp", "widths": (4, 8)}, "only architecture, encoder, weights"),
        ({"name": "smp", "decoder": "plain"}, "model.decoder is 'plain', but the model smp has no"),
        ({"name": "unnet"}, "Unknown model 'unnet': .*Did you mean 'unet'"),
        ({"widths": (4, 0)}, "needs positive numbers"),
        ({"name": "segformer", "widths": (8, 16)}, "a SegFormer needs four"),
        ({"name": "segformer", "widths": (8, 15, 20, 16)}, r"multiples of 1, 2, 5, 8"),
    ],
)
def test_model_config__refuses_what_has_no_effect(values, message):
    with pytest.raises(InputError, match=message):
        ModelConfig(**values)


def test_train__warns_of_what_older_presets_said(lesions, tmp_path, capsys):
    file = tmp_path / "old.yaml"
    file.write_text(yaml.safe_dump({"model": OLD, "method": "supervised", "size": 32}))
    assert from_yaml(file).model.idle == ["architecture", "encoder", "weights"]
    words = ["--data", str(lesions), "--out", str(tmp_path / "run"), "--config", str(file)]
    assert main(["train", *words, "--epochs", "1", "--labelled", "2"]) == 0
    assert (
        "warning: model.architecture, model.encoder, model.weights: the model unet has no such "
        "option, only widths, decoder, initial: leave it out."
    ) in capsys.readouterr().err
    assert to_dict(RunFolder(tmp_path / "run").config())["model"] == SMALL


@pytest.mark.parametrize("idle", [{}, {"encoder": "resnet152", "weights": "nonsense"}])
def test_old_run__goes_on_whatever_had_no_effect_in_it(lesions, tmp_path, idle, capsys):
    config = tiny_config("supervised", epochs=1)
    run = train(lesions, tmp_path / "run", config)
    values = yaml.safe_load(run.config_file.read_text())
    run.config_file.write_text(yaml.safe_dump(values | {"model": OLD | idle}))
    card = json.loads((run.model_folder / "model.json").read_text())
    assert card["model"] == SMALL
    (run.model_folder / "model.json").write_text(json.dumps(card | {"model": OLD | idle}))
    assert settled_from_yaml(run.config_file).model == ModelConfig(widths=(4, 8))
    assert load_card(run.model_folder).model == ModelConfig(widths=(4, 8))
    load_model(run.model_folder)
    train(lesions, run.path, config)
    assert main(["evaluate", str(run.path)]) == 0
    capsys.readouterr()


@pytest.mark.parametrize("name", preset_names())
def test_presets__say_nothing_that_has_no_effect(name):
    assert preset(name).model.idle == []


@pytest.mark.parametrize(
    ("words", "model"),
    [
        ([], {"name": "efficientnet_lite0", "weights": "imagenet"}),
        (["--model.weights", "null"], {"name": "efficientnet_lite0", "weights": None}),
        (["--model.name", "unet", "--model.widths", "[4, 8]"], SMALL),
        (["--config", "small", "--model.widths", "[4, 8]"], SMALL),
        (
            ["--config", "small", "--model.name", "efficientnet_lite1"],
            {"name": "efficientnet_lite1", "weights": "imagenet"},
        ),
        (
            ["--config", "small", "--model.name", "smp", "--model.encoder", "resnet18"],
            {
                "name": "smp",
                "architecture": "unet",
                "encoder": "resnet18",
                "weights": "imagenet",
            },
        ),
    ],
)
def test_command_line__names_of_options_are_as_they_were(monkeypatch, tmp_path, words, model):
    asked = []

    def note(data, out, config, **_):
        asked.append(config)
        return RunFolder(out)

    monkeypatch.setattr("crosslevel.training.train.train", note)
    (tmp_path / "image.png").touch()
    assert main(["train", "--data", str(tmp_path), "--out", str(tmp_path / "run"), *words]) == 0
    [config] = asked
    assert isinstance(config, TrainConfig)
    assert to_dict(config)["model"] == model
    assert config.model.idle == []


def test_command_line__an_option_of_another_model_is_refused(lesions, tmp_path, capsys):
    words = ["train", "--data", str(lesions), "--out", str(tmp_path / "run")]
    assert main([*words, "--config", "small", "--model.weights", "nonsense"]) == 2
    assert "model.weights is 'nonsense'; a U-Net has null, or" in capsys.readouterr().err
