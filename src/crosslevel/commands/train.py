"""Train a segmenter on a folder of images and a few masks; repeat the command to resume."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from jsonargparse import ActionConfigFile, ArgumentParser, Namespace

from crosslevel.config import TrainConfig, config_path, from_yaml, preset_names
from crosslevel.methods import METHODS

EXAMPLE = f"""\
examples:
  crosslevel train --data polyps --out runs/first --config small
  crosslevel train --data polyps --out runs/unet --config small --method supervised
  crosslevel train --data Kvasir-SEG --out runs/paper --config kvasir --draw 1

presets: {", ".join(preset_names())}
methods: {", ".join(METHODS)}, or your own as path/to/file.py:Class"""


class ConfigFile(ActionConfigFile):
    """A path, or the name of a preset that is shipped with the package."""

    def __call__(self, parser: Any, namespace: Any, value: Any, option: str | None = None) -> None:
        """Apply the file at this place of the command line."""
        path = config_path(value)
        from_yaml(path)  # its messages name the file and the nearest key
        super().__call__(parser, namespace, str(path), option)  # type: ignore[no-untyped-call]


def configure(parser: ArgumentParser) -> None:
    """Name the options; those of the configuration come from its fields."""
    parser.add_argument("--data", type=Path, required=True, help="folder or CSV with the images")
    parser.add_argument("--out", type=Path, required=True, help="run folder to write or resume")
    parser.add_argument(
        "--evaluate", action="store_true", help="when done, score it on the test part"
    )
    parser.add_argument("--threads", type=int | None, help="CPU threads; all cores if left out")
    parser.add_argument("--config", action=ConfigFile, help="YAML file or name of a preset")
    parser.add_class_arguments(TrainConfig)


def to_config(arguments: Namespace) -> TrainConfig:
    """The configuration among a command's arguments."""
    return TrainConfig(**{f.name: arguments[f.name] for f in dataclasses.fields(TrainConfig)})


def run(arguments: Namespace) -> None:
    """Train, or resume."""
    from crosslevel.console import Reporter
    from crosslevel.training import train

    reporter = Reporter()
    done = train(arguments.data, arguments.out, to_config(arguments), reporter=reporter)
    if arguments.evaluate:
        from crosslevel.evaluation import evaluate

        print(evaluate(done.path, arguments.data, reporter=reporter).to_text())  # noqa: T201
    reporter.say(f"Done: {done.path}")
    if not arguments.evaluate:
        reporter.say(f"Score it with `crosslevel evaluate {done.path}`")
