"""Let a backbone learn from images without masks; repeat the command to resume."""

from __future__ import annotations

import dataclasses
import json
import shlex
from pathlib import Path
from typing import Any

from jsonargparse import ActionConfigFile, ArgumentParser, Namespace

from crosslevel.commands.options import add_threads
from crosslevel.config.files import pretraining_from_yaml
from crosslevel.config.model import ModelConfig
from crosslevel.config.pretrain import PretrainConfig
from crosslevel.pretraining import task_names

EXAMPLE = f"""\
examples:
  crosslevel pretrain --data polyps --out enc --method densecl
  crosslevel train --data polyps --out runs/first --model.weights enc
  crosslevel pretrain --data polyps --out enc160 --method moco --size 160 --model.name unet
  crosslevel train --data polyps --out runs/160 --config small --model.weights enc160

methods: {", ".join(task_names())}, or your own as path/to/file.py:Class

Test images are left out. They are those of the later training if both have the same --split_seed
or --split."""


class ConfigFile(ActionConfigFile):
    """A path of a YAML file."""

    def __call__(self, parser: Any, namespace: Any, value: Any, option: str | None = None) -> None:
        """Apply the file, once its keys and values are checked."""
        pretraining_from_yaml(Path(value))  # its messages name the file and the nearest key
        super().__call__(parser, namespace, value, option)  # type: ignore[no-untyped-call]


def configure(parser: ArgumentParser) -> None:
    """Name the options; those of the configuration come from its fields."""
    parser.add_argument("--data", type=Path, required=True, help="folder or CSV with the images")
    parser.add_argument("--out", type=Path, required=True, help="folder to write or resume")
    add_threads(parser)
    parser.add_argument("--config", action=ConfigFile, help="YAML file")
    switches = {"skip_bad": "set images aside that cannot be used, and list them"}
    switches["test_images"] = "learn from test images, too"
    for name, text in switches.items():
        parser.add_argument(f"--{name}", action="store_true", help=text)
    parser.add_class_arguments(PretrainConfig, skip=set(switches))


def run(arguments: Namespace) -> None:
    """Pretrain, or resume."""
    from crosslevel.data.cases import check_source
    from crosslevel.system.console import Reporter
    from crosslevel.system.memory import keep_freed_memory

    check_source(arguments.data)
    from crosslevel.training.pretrain import pretrain  # after the path, since it imports torch

    keep_freed_memory()
    config = PretrainConfig(
        **{field.name: arguments[field.name] for field in dataclasses.fields(PretrainConfig)}
    )
    reporter = Reporter()
    path = pretrain(arguments.data, arguments.out, config, reporter=reporter)
    reporter.say(f"Done: {path}")
    words = ["--data", str(arguments.data), "--out", "RUN", *_model_words(config.model)]
    words += ["--model.weights", str(path)]
    reporter.say(f"Train with it: `crosslevel train {shlex.join(words)}`")


def _model_words(model: ModelConfig) -> list[str]:
    """Return the options that give a training the same backbone, none for its default."""
    usual = PretrainConfig().model
    values = {name: value for name, value in model.given.items() if name != "weights"}
    if model.name != usual.name:
        values = {"name": model.name} | values
    shown = {n: v if isinstance(v, str) else json.dumps(v) for n, v in values.items()}
    return [word for name, value in shown.items() for word in (f"--model.{name}", value)]
