"""Plain values become a dataclass: every name and value is checked against its fields."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from crosslevel.errors import InputError, did_you_mean

T = TypeVar("T")


def from_dict(cls: type[T], values: Any, *, where: str) -> T:
    """Return an instance of a dataclass from plain values, each checked against its field's type.

    Args:
        cls: The dataclass; fields may be dataclasses, lists of them, literals, …
        values: Field names and values; what is left out keeps its default.
        where: What is named in an error.

    Raises:
        InputError: If a name is unknown or a value does not fit.

    Example:
        >>> from crosslevel.config.model import ModelConfig
        >>> from_dict(ModelConfig, {"widths": [8, 16]}, where="model").widths
        (8, 16)
    """
    from jsonargparse import ArgumentError, ArgumentParser

    if not isinstance(values, dict):
        raise InputError(f"{where}: expected names with values, found {type(values).__name__}.")
    unknown = sorted(set(values) - {f.name for f in dataclasses.fields(cls)})  # type: ignore[arg-type]
    if unknown:
        valid = [f.name for f in dataclasses.fields(cls)]  # type: ignore[arg-type]
        hint = did_you_mean(unknown[0], valid)
        raise InputError(
            f"{where}: unknown key {unknown[0]!r}; valid are {', '.join(valid)}.{hint}"
        )
    for misfit in _misfits(cls, values):
        raise InputError(f"{where}: {misfit}")
    # inherited fields have types that only the module of their own class knows
    cls.__init__.__annotations__.update(get_type_hints(cls, include_extras=True))
    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(cls)
    try:
        parsed = parser.instantiate(parser.parse_object(values))
    except ArgumentError as error:
        raise InputError(f"{where}: {error}") from error
    return cls(**vars(parsed))


def _misfits(cls: type[Any], values: dict[str, Any]) -> Iterator[str]:
    """Yield what the parser would let pass or break at: null, or no names where there are."""
    for name, hint in get_type_hints(cls).items():
        value = values.get(name, ...)
        if value is None and type(None) not in get_args(hint):
            yield f"{name} has no value. Give it one, or remove the line."
        elif not dataclasses.is_dataclass(hint) or value is ...:
            continue
        elif isinstance(value, dict):
            yield from (f"{name}.{inner}" for inner in _misfits(cast("Any", hint), value))
        else:
            yield f"{name}: expected names with values, found {type(value).__name__}."


def check_literals(options: Any) -> None:
    """Refuse a value that is not one of those its field's type names.

    Raises:
        InputError: Naming the field and the values it may have.
    """
    for name, hint in get_type_hints(type(options)).items():
        value = getattr(options, name)
        hints = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
        literal = next((h for h in hints if get_origin(h) is Literal), None)
        if literal is None or (value is None and NoneType in hints):
            continue
        if value not in get_args(literal):
            raise InputError(
                f"{name} is {value!r}; it must be one of {', '.join(map(str, get_args(literal)))}."
            )
