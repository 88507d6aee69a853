"""Train a segmenter on a folder of images and a few masks; repeat the command to resume."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from jsonargparse import ActionConfigFile, ArgumentParser, Namespace

from crosslevel.commands.mask_options import add_instances
from crosslevel.commands.options import add_threads
from crosslevel.config.files import config_path, from_yaml, preset_names
from crosslevel.config.model import ModelConfig
from crosslevel.config.train import TrainConfig
from crosslevel.errors import InputError
from crosslevel.methods import method_names

NUMBER = r"\d+(?:\.\d+)?"
EXAMPLE = f"""\
examples:
  crosslevel train --data polyps --out runs/first
  crosslevel train --data polyps --out runs/quick --budget 5min --evaluate
  crosslevel train --data polyps --out runs/rest --skip_bad
  crosslevel train --data polyps/instances.json --out runs/coco
  crosslevel train --data more_polyps --out runs/second --from runs/first
  crosslevel train --data polyps --out runs/unet --config small --method supervised
  crosslevel train --data Kvasir-SEG --out runs/paper --config kvasir --draw 1
  torchrun --nproc_per_node 4 -m crosslevel train --data polyps --out runs/large

presets: {", ".join(preset_names())}
methods: {", ".join(method_names())}, or your own as path/to/file.py:Class"""


class ConfigFile(ActionConfigFile):
    """A path, or the name of a preset that is shipped with the package."""

    def __call__(self, parser: Any, namespace: Any, value: Any, option: str | None = None) -> None:
        """Apply the file, once its keys and values are checked."""
        path = config_path(value)
        from_yaml(path)  # its messages name the file and the nearest key
        super().__call__(parser, namespace, str(path), option)  # type: ignore[no-untyped-call]


def configure(parser: ArgumentParser) -> None:
    """Name the options; those of the configuration come from its fields."""
    parser.add_argument("--data", type=Path, required=True, help="folder, annotation file or CSV")
    parser.add_argument("--out", type=Path, required=True, help="run folder to write or resume")
    parser.add_argument(
        "--evaluate", action="store_true", help="when done, score it on the test part"
    )
    parser.add_argument(
        "--budget",
        type=str | None,
        help="time for training, like 15min or 1h30min",
    )
    add_threads(parser)
    add_config_arguments(parser)


def add_config_arguments(parser: ArgumentParser) -> None:
    """Add the options of a configuration, from a file or one by one."""
    parser.add_argument("--config", action=ConfigFile, help="YAML file or name of a preset")
    parser.add_argument(
        "--skip_bad",
        action="store_true",
        help="set files aside that cannot be used, and list them in the run folder",
    )
    add_instances(parser)
    parser.add_argument(
        "--from",
        dest="start_from",
        type=Path | None,
        help="a run whose weights are the start, for new masks of the same kind; what it was "
        "tested on stays a test; classes may be added",
    )
    parser.add_class_arguments(TrainConfig, skip={"skip_bad", "instances", "start_from"})


def to_config(arguments: Namespace) -> TrainConfig:
    """Return the configuration among a command's arguments.

    `args` of a `--config` are its method's and do not follow to another `--method`; so are options
    of its model.
    """
    values = {f.name: arguments[f.name] for f in dataclasses.fields(TrainConfig)}
    files = config_files(arguments)
    values["args"] = {
        name: value
        for name, value in arguments.args.items()
        if {file.method for file in _having(files, name, value)} <= {values["method"]}
    }
    values["model"] = _without_those_of_others(arguments.model, files)
    return TrainConfig(**values)


def _without_those_of_others(model: ModelConfig, files: Iterable[TrainConfig]) -> ModelConfig:
    """Leave out what a `--config` says of another model."""
    others = [file.model.given for file in files if file.model.name != model.name]
    return model.without({name for name in model.idle if any(name in given for given in others)})


def config_files(arguments: Namespace) -> list[TrainConfig]:
    """Return what each `--config` holds."""
    return [from_yaml(Path(str(file))) for file in arguments.config or ()]


def own_args(arguments: Namespace) -> dict[str, Any]:
    """Return the `args` of the command line that no `--config` has."""
    files = config_files(arguments)
    return {n: value for n, value in arguments.args.items() if not _having(files, n, value)}


def _having(files: Iterable[TrainConfig], name: str, value: object) -> list[TrainConfig]:
    """Return those of the configurations that have this among their `args`."""
    return [file for file in files if (name, value) in file.args.items()]


def seconds(text: str) -> float:
    """Return seconds of "90s", "15min", "2h" or "1h30min".

    Raises:
        InputError: For anything else, or nothing at all.

    Example:
        >>> seconds("1h30min")
        5400.0
    """
    found = re.fullmatch(rf"(?:({NUMBER})h)?(?:({NUMBER})min)?(?:({NUMBER})s)?", text)
    if not text or found is None:
        raise InputError(f"{text!r} is not a time: write it like 90s, 15min or 1h30min.")
    hours, minutes, rest = (float(number or 0) for number in found.groups())
    return 3600 * hours + 60 * minutes + rest


def run(arguments: Namespace) -> None:
    """Train, or resume."""
    from crosslevel.data.cases import check_source
    from crosslevel.system.console import Reporter
    from crosslevel.system.memory import keep_freed_memory

    check_source(arguments.data)
    from crosslevel.system.distributed import joined_place
    from crosslevel.training.train import train  # after the path, since it imports torch

    keep_freed_memory()
    with joined_place() as place:
        reporter = Reporter(quiet=not place.is_first)
        done = train(
            arguments.data,
            arguments.out,
            to_config(arguments),
            budget=arguments.budget and seconds(arguments.budget),
            needs_test=arguments.evaluate,
            reporter=reporter,
            place=place,
        )
        if arguments.evaluate:
            from crosslevel.evaluation.evaluate import evaluate

            found = evaluate(done.path, arguments.data, reporter=reporter, place=place)
            if place.is_first:
                print(found.to_text())  # noqa: T201
    reporter.say(f"Done: {done.path}")
    if not arguments.evaluate:
        reporter.say(f"Score it with `crosslevel evaluate {done.path}`")
