"""Ranges of a method's options: written in their types, checked when the method is built."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Annotated, Any, get_type_hints

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
        """False also for what is not a number."""
        if self.is_open:
            return self.low < value < self.high
        return self.low <= value <= self.high

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
    """Refuse numbers outside the `Range` that the type of their field is annotated with.

    Args:
        options: A dataclass; fields may be tuples of dataclasses, which are checked, too.
        where: What is named in the error, before the field.

    Raises:
        InputError: Naming the first such option, its value and its range.
    """
    for name, hint in get_type_hints(type(options), include_extras=True).items():
        value = getattr(options, name)
        for allowed in getattr(hint, "__metadata__", ()):
            if isinstance(allowed, Range) and value not in allowed:
                raise InputError(f"{where}.{name} is {value}; it must be {allowed}.")
        if isinstance(value, tuple):
            for index, item in enumerate(value):
                if dataclasses.is_dataclass(item):
                    check_options(item, f"{where}.{name}[{index}]")
