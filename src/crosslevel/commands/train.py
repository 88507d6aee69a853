"""Train a segmenter on a folder of images and a few masks; repeat the command to resume."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from jsonargparse import ActionConfigFile, ArgumentParser, Namespace

from crosslevel.config import TrainConfig, config_path, preset_names

EXAMPLE = f"""\
examples:
  crosslevel train --data polyps --out runs/first --config small
  crosslevel train --data polyps --out runs/unet --config small --method supervised
  crosslevel train --data Kvasir-SEG --out runs/paper --config kvasir --draw 1

presets: {", ".join(preset_names())}"""


class ConfigFile(ActionConfigFile):  # type: ignore[misc]
    """A path, or the name of a preset that is shipped with the package."""

    def __call__(self, parser: Any, namespace: Any, value: Any, option: str | None = None) -> None:
        """Apply the file at this place of the command line."""
        super().__call__(parser, namespace, str(config_path(value)), option)


def configure(parser: ArgumentParser) -> None:
    """Name the options; those of the configuration come from its fields."""
    parser.add_argument("--data", type=Path, required=True, help="folder or CSV with the images")
    parser.add_argument("--out", type=Path, required=True, help="run folder to write or resume")
    parser.add_argument("--threads", type=int | None, help="CPU threads; all cores if left out")
    parser.add_argument("--config", action=ConfigFile, help="YAML file or name of a preset")
    parser.add_class_arguments(TrainConfig)


def run(arguments: Namespace) -> None:
    """Train, or resume."""
    from crosslevel.console import Reporter
    from crosslevel.training import train

    reporter = Reporter()
    config = TrainConfig(
        **{f.name: getattr(arguments, f.name) for f in dataclasses.fields(TrainConfig)}
    )
    done = train(
        arguments.data, arguments.out, config, threads=arguments.threads, reporter=reporter
    )
    reporter.say(f"Done: {done.path}")
    reporter.say(f"Score it with `crosslevel evaluate {done.path}`")
