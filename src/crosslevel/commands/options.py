"""Options of a command from the fields of a dataclass: name, type, default and help."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, get_type_hints

from docstring_parser import parse
from jsonargparse import ArgumentParser, Namespace

RUN_OR_MODEL = "run folder, its model folder, or hf:owner/name[@revision]"
"""Help of what every command that needs a model alone takes."""


def add_options(parser: ArgumentParser, options: type[Any]) -> None:
    """Add an option for each field; one that is False by default is a switch.

    Args:
        parser: Of the command.
        options: A dataclass whose docstring lists its attributes.
    """
    hints = get_type_hints(options)
    texts = {known.arg_name: known.description for known in parse(options.__doc__ or "").params}
    for field in fields(options):
        if field.default is False:
            parser.add_argument(f"--{field.name}", action="store_true", help=texts[field.name])
        else:
            parser.add_argument(
                f"--{field.name}",
                type=hints[field.name],
                default=field.default,
                help=texts[field.name],
            )


def chosen(arguments: Namespace, options: type[Any]) -> dict[str, Any]:
    """Return the values that the command line has for the fields of a dataclass."""
    return {field.name: arguments[field.name] for field in fields(options)}


def add_threads(parser: ArgumentParser) -> None:
    """Add `--threads`, which the command line obeys before the command runs."""
    parser.add_argument("--threads", type=int | None, help="CPU threads; all cores if left out")
