import dataclasses
from dataclasses import replace

import pytest

from crosslevel.config.files import (
    config_path,
    differences,
    from_yaml,
    preset,
    preset_names,
    to_yaml,
)
from crosslevel.config.model import ModelConfig
from crosslevel.config.reading import from_dict
from crosslevel.config.train import TrainConfig
from crosslevel.methods import find_method
from crosslevel.methods.build import build_method, with_all_args


@pytest.mark.parametrize("name", preset_names())
def test_preset__is_complete_and_builds_its_method(name):
    config = from_yaml(config_path(name))
    text = config_path(name).read_text()
    for field in dataclasses.fields(TrainConfig):
        assert f"\n{field.name}:" in text, f"{name}.yaml leaves out {field.name}"
    build_method(config)


def test_presets__are_the_ones_the_docs_name():
    assert preset_names() == ["authors", "demo", "isic2018", "kvasir", "small"]


def test_yaml__round_trip(tmp_path):
    config = with_all_args(from_yaml(config_path("authors")))
    file = tmp_path / "config.yaml"
    file.write_text(to_yaml(config))
    assert differences(from_yaml(file), config) == []


def test_differences__names_the_dotted_field():
    a, b = preset("kvasir"), replace(preset("kvasir"), size=160)
    assert differences(a, b) == ["size: 320 → 160"]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"siz": 3}, "unknown key 'siz'.*Did you mean 'size'"),
        ({"size": "big"}, "size"),
        ({"size": 0}, "size is 0; it must be at least 1"),
        ({"model": {"wdths": [4]}}, "wdths"),
        ({"warmup": 3.0}, "warmup is 3.0"),
        ({"model": {"name": "unet", "widths": []}}, "needs positive numbers"),
        ({"size": None}, r"size has no value\. Give it one"),
        ({"model": []}, "model: expected names with values, found list"),
        ({"model": {"name": None}}, r"model\.name has no value"),
        ({"learning_rate": float("nan")}, "learning_rate and encoder_rate must be greater"),
        ({"seed": -1}, "seed is -1; it must not be negative"),
        ({"learning_rate": 0.0}, "learning_rate"),
        ({"rate_per": "epoch", "epochs": 1}, "learning rate would be 0 throughout"),
        (["size"], "expected names with values"),
    ],
)
def test_from_dict__names_what_is_wrong(values, message):
    with pytest.raises(ValueError, match=message):
        from_dict(TrainConfig, values, where="my.yaml")


@pytest.mark.parametrize(
    "text", ["size: 64\nseed: 1\nsize: 128\n", "model:\n  size: 1\n  size: 2\n"]
)
def test_from_yaml__refuses_a_key_that_is_there_twice(tmp_path, text):
    (tmp_path / "my.yaml").write_text(text)
    with pytest.raises(ValueError, match=r"my\.yaml .*: size is there twice \(from line \d on\)"):
        from_yaml(tmp_path / "my.yaml")


def test_from_yaml__names_a_file_that_is_not_yaml(tmp_path):
    file = tmp_path / "broken.yaml"
    file.write_text("size: [")
    with pytest.raises(ValueError, match=r"broken\.yaml is not a configuration"):
        from_yaml(file)


def test_config_path__suggests_the_nearest_preset():
    with pytest.raises(ValueError, match="Did you mean 'kvasir'"):
        config_path("kvasr")


def test_find_method__a_broken_file_is_named(tmp_path):
    file = tmp_path / "broken.py"
    file.write_text("import nothing_of_this_name")
    for _ in range(2):
        with pytest.raises(ValueError, match=r"broken\.py' cannot be run"):
            find_method(f"{file}:Mine")


def test_find_method__a_broken_module_is_named(tmp_path, monkeypatch):
    (tmp_path / "broken_module.py").write_text("def mine(:\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ValueError, match="'broken_module' cannot be imported: SyntaxError"):
        find_method("broken_module:Mine")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"method": "clc"}, "Unknown method 'clc'.*Did you mean 'clcc'"),
        ({"method": "nowhere.py:M"}, "does not exist"),
        ({"method": ":"}, "Unknown method"),
        ({"method": "..:x"}, "cannot be imported"),
        ({"model": ModelConfig(widths=(4,)), "args": {"temperature": 0.0}}, "greater than 0"),
        (
            {"args": {"stages": [{"epochs": -1, "alpha": 1, "beta": 0}]}},
            r"stages\[0\].epochs is -1;",
        ),
        ({"args": {"stages": [{"epochs": 1, "alpha": 0, "beta": -1}]}}, r"beta is -1.0;"),
        ({"method": "uamt", "args": {"num_passes": 0}}, "at least 1"),
        ({"method": "fixmatch", "args": {"threshold": 95}}, "threshold is 95.0.*between 0 and 1"),
        ({"method": "mean_teacher", "args": {"weight": -1}}, "weight is -1.0.*at least 0"),
        ({"method": "no_such_module:M"}, "cannot be imported"),
        ({"method": "crosslevel.tiles:to_tiles"}, "no class 'to_tiles'"),
        ({"args": {"tile": 5}}, "args of clcc: unknown key 'tile'.*Did you mean 'tiles'"),
        ({"args": {"negatives": "all"}}, "negatives"),
        ({"args": {"stages": []}}, "at least one stage"),
        ({"size": 300}, r"divisible by 80.*Choose 240 or 320"),
        ({"size": 300, "method": "supervised", "args": {}}, r"divisible by 16.*Choose 288 or 304"),
        ({"size": 10, "args": {"tiles": 1}}, "Choose 16"),
    ],
)
def test_build_method__refuses(changes, message):
    with pytest.raises(ValueError, match=message):
        build_method(replace(preset("kvasir"), **changes))
