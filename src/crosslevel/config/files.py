"""A configuration as YAML and as plain values, what differs between two, and the presets."""

from __future__ import annotations

import dataclasses
from collections import Counter
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from crosslevel.config.model import forget_idle
from crosslevel.config.pretrain import PretrainConfig
from crosslevel.config.reading import from_dict
from crosslevel.config.settled import SettledConfig
from crosslevel.config.train import TrainConfig
from crosslevel.errors import InputError, did_you_mean


def to_yaml(config: TrainConfig | PretrainConfig) -> str:
    """Return the complete configuration as YAML, in the order of its fields."""
    return yaml.safe_dump(to_dict(config), sort_keys=False, allow_unicode=True)


def from_yaml(path: Path) -> TrainConfig:
    """Read the configuration a YAML file describes, over the defaults.

    Raises:
        InputError: If the file is not YAML, or a key or value does not fit; the message names it.
    """
    return from_dict(TrainConfig, _values(path), where=str(path))


def pretraining_from_yaml(path: Path) -> PretrainConfig:
    """Read the configuration of a pretraining.

    Raises:
        InputError: As `from_yaml`.
    """
    return from_dict(PretrainConfig, _values(path), where=str(path))


def settled_from_yaml(path: Path) -> SettledConfig:
    """Read the configuration of a run that has begun, in which nothing is "auto".

    Raises:
        InputError: As `from_yaml`, or if something is.
    """
    values = _values(path)
    if isinstance(values, dict) and "model" in values:
        values["model"] = forget_idle(values["model"])
    return from_dict(SettledConfig, values, where=str(path))


def _values(path: Path) -> Any:
    try:
        return yaml.load(path.read_text(encoding="utf-8"), _Loader) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"{path} is not a configuration in YAML: {error}") from error


class _Loader(yaml.SafeLoader):
    """Refuses a key that is there twice, of which YAML's own takes the last without a word."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Do as YAML's own, for keys that differ."""
        names = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        if twice := sorted(name for name, count in Counter(names).items() if count > 1):
            place = node.start_mark.line + 1
            raise yaml.YAMLError(f"{twice[0]} is there twice (from line {place} on). Keep one.")
        return super().construct_mapping(node, deep)


def to_dict(config: TrainConfig | PretrainConfig) -> dict[str, Any]:
    """Return the complete configuration as plain lists, dicts, strings and numbers."""
    plain: dict[str, Any] = _plain(dataclasses.asdict(config) | {"model": config.model.to_dict()})
    return plain


def differences(old: TrainConfig | PretrainConfig, new: TrainConfig | PretrainConfig) -> list[str]:
    """Return one line for each field in which two configurations differ, by its dotted name."""
    before, after = flatten(to_dict(old)), flatten(to_dict(new))
    return [
        f"{key}: {before.get(key)} → {after.get(key)}"
        for key in sorted(before | after)
        if repr(before.get(key)) != repr(after.get(key))  # 1 is one image, 1.0 is all
    ]


def preset_names() -> list[str]:
    """Return names of the presets shipped with the package."""
    folder = resources.files("crosslevel.config") / "presets"
    return sorted(
        f.name.removesuffix(".yaml") for f in folder.iterdir() if f.name.endswith(".yaml")
    )


def preset(name: str) -> TrainConfig:
    """Return the configuration of a preset, or of a YAML file.

    Raises:
        InputError: If there is no such preset or file, or it cannot be used.

    Example:
        >>> preset("small").size
        160
    """
    return from_yaml(config_path(name))


def config_path(name: str) -> Path:
    """Return the file a `--config` names: a path, or a preset with or without ".yaml".

    Raises:
        InputError: If there is neither such a file nor such a preset.
    """
    if Path(name).is_file():
        return Path(name)
    preset = name.removesuffix(".yaml")
    if preset in preset_names():
        return Path(str(resources.files("crosslevel.config") / "presets" / f"{preset}.yaml"))
    hint = did_you_mean(preset, preset_names())
    raise InputError(
        f"No file {name!r}, and no preset of that name ({', '.join(preset_names())}).{hint}"
    )


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def flatten(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested names as dotted ones.

    Example:
        >>> flatten({"size": 64, "model": {"name": "unet"}})
        {'size': 64, 'model.name': 'unet'}
    """
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, dict) and value:
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat
