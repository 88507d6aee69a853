"""Tables of what can be configured, from the dataclasses and what their docstrings say."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING

import docstring_parser

from crosslevel.config.pretrain import PretrainConfig
from crosslevel.config.train import TrainConfig
from crosslevel.methods import METHODS, find_method
from crosslevel.pretraining import TASKS, find_task
from docs.tables.cells import markdown

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

HEADER = ("field", "default", "meaning")


def fields(page: Path) -> str:
    """Show every field of a configuration, with those of the backbone."""
    del page
    config = TrainConfig()
    own = [line for line in _lines(config) if line[0] != "`model`"]
    return markdown(HEADER, [*own, *_lines(config.model, "model.")])


def options(page: Path) -> str:
    """Show the options of every method, each in a table of its own."""
    del page
    return "\n\n".join(_options(name, find_method(name).Args()) for name in sorted(METHODS))


def pretraining_fields(page: Path) -> str:
    """Show every field of a pretraining's configuration but those of the backbone."""
    del page
    own = [line for line in _lines(PretrainConfig()) if line[0] != "`model`"]
    return markdown(HEADER, own)


def pretext_options(page: Path) -> str:
    """Show the options of every pretext task, each in a table of its own."""
    del page
    return "\n\n".join(_options(name, find_task(name).Args()) for name in sorted(TASKS))


def _options(name: str, defaults: DataclassInstance) -> str:
    lines = _lines(defaults, "args.")
    return f"### `{name}`\n\n" + (markdown(HEADER, lines) if lines else "It has no options.")


def _lines(defaults: DataclassInstance, prefix: str = "") -> list[list[str]]:
    """Return one line for each field of a dataclass; a base class may describe it."""
    meanings: dict[str, str] = {}
    for each in reversed(type(defaults).__mro__):
        described = docstring_parser.parse(each.__doc__ or "").params
        meanings |= {one.arg_name: " ".join((one.description or "").split()) for one in described}
    return [
        [f"`{prefix}{field.name}`", _shown(getattr(defaults, field.name)), meanings[field.name]]
        for field in dataclasses.fields(defaults)
    ]


def _shown(value: object) -> str:
    """Return a value as YAML and the command line have it."""
    return f"`{json.dumps(value, default=dataclasses.asdict)}`".replace('"', "")
