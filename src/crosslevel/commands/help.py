"""How a command's `--help` looks: what an option takes in a word, and a default where it says more.

The library's own shows Python's types (`Union[int, Literal['auto']]`), and each option twice.
"""

from __future__ import annotations

from argparse import SUPPRESS, Action, RawDescriptionHelpFormatter
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from jsonargparse import DefaultHelpFormatter

from crosslevel.config.model import OWN

WORDS: dict[Any, str] = {int: "N", float: "X", str: "TEXT", Path: "PATH", bool: "true|false"}
"""What a value of a type is called in a help."""


class HelpFormatter(RawDescriptionHelpFormatter, DefaultHelpFormatter):
    """Keeps the lines of examples as they are, and shows words instead of types."""

    def _get_help_string(self, action: Action) -> str:
        text = (action.help or "").rstrip(".")
        text = text[:1].upper() + text[1:]
        notes = ["required"] if action.required and action.option_strings else []
        if (default := _shown_default(action)) is not None:
            notes.append(f"default: {default}")
        return text + (f" ({', '.join(notes)})" if notes else "")

    def _get_default_metavar_for_optional(self, action: Action) -> str:
        return word_for(
            getattr(action, "_typehint", action.type)
        ) or super()._get_default_metavar_for_optional(action)

    def _format_usage(
        self, usage: str | None, actions: Iterable[Action], *more: Any, **named: Any
    ) -> str:
        listed = list(actions)
        needed = [action for action in listed if action.required or not action.option_strings]
        text = super()._format_usage(usage, needed, *more, **named).rstrip()
        return text + (" [options]\n\n" if len(needed) < len(listed) else "\n\n")


def word_for(hint: Any) -> str:
    """Return what a value of this type is called, "" if there is no word for it.

    Example:
        >>> word_for(int | Literal["auto"] | None), word_for(tuple[float, ...])
        ('N|auto', '[X,...]')
    """
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        words = [word_for(one) for one in inner if one is not NoneType]
        return "|".join(dict.fromkeys(words)) if all(words) else ""
    if origin is Literal:
        return "|".join(map(str, inner))
    if origin is tuple:
        return f"[{','.join('...' if one is Ellipsis else word_for(one) for one in inner)}]"
    if origin is dict:
        return "{NAME: VALUE}"
    return WORDS.get(hint, "")


def _shown_default(action: Action) -> str | None:
    """Return the default as a person would write it; None where leaving an option out says it."""
    value = action.default
    is_idle = value is None or (value is False and action.nargs == 0)
    if is_idle or not action.option_strings or value in (SUPPRESS, OWN, {}, (), ""):
        return None
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(str, value))}]"
    return (
        None if isinstance(value, Mapping) or hasattr(value, "__dataclass_fields__") else str(value)
    )
