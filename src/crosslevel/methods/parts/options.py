"""Ranges of a method's options: written in their types, checked when the method is built."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from itertools import cycle
from typing import Annotated, Any, get_args, get_type_hints

from crosslevel.errors import InputError


@dataclass(frozen=True, slots=True)
class Range:
    """Numbers an option may have.

    Attributes:
        low: The lowest.
        high: The highest.
        is_open: These two are outside themselves.

    Example:
        >>> 1.0 in Range(0, 1), 1.0 in Range(0, 1, is_open=True)
        (True, False)
        >>> f"it must be {Range(1)}"
        'it must be at least 1'
    """

    low: float = 0
    high: float = math.inf
    is_open: bool = False

    def __contains__(self, value: float) -> bool:
        """Return False also for what is not finite."""
        if self.is_open:
            return self.low < value < self.high
        return self.low <= value <= self.high and math.isfinite(value)

    def __str__(self) -> str:
        """As an error message goes on after "must be"."""
        if math.isinf(self.high):
            return f"{'greater than' if self.is_open else 'at least'} {self.low}"
        return f"{'strictly ' if self.is_open else ''}between {self.low} and {self.high}"


Count = Annotated[int, Range(1)]
Weight = Annotated[float, Range(0)]
Positive = Annotated[float, Range(0, is_open=True)]
Share = Annotated[float, Range(0, 1)]
InnerShare = Annotated[float, Range(0, 1, is_open=True)]


def check_options(options: Any, where: str = "args") -> None:
    """Refuse numbers outside the `Range` that their type is annotated with.

    Args:
        options: A dataclass. Ranges may stand anywhere in its fields' types: in unions, tuples and
            lists, and in dataclasses therein; they are about numbers alone.
        where: What is named in the error, before the field.

    Raises:
        InputError: Naming the first such option, its value and its range.
    """
    for name, hint in get_type_hints(type(options), include_extras=True).items():
        _check(getattr(options, name), hint, f"{where}.{name}")


def _check(value: Any, hint: Any, where: str) -> None:
    if dataclasses.is_dataclass(value):
        check_options(value, where)
    elif isinstance(value, list | tuple):
        items = cycle([inner for inner in get_args(hint) if inner is not ...] or [Any])
        for index, (item, inner) in enumerate(zip(value, items, strict=False)):
            _check(item, inner, f"{where}[{index}]")
    elif isinstance(value, int | float):
        for part in get_args(hint):
            if isinstance(part, Range) and value not in part:
                raise InputError(f"{where} is {value}; it must be {part}.")
            _check(value, part, where)
