"""From the content of a JSON file to a record, whichever version wrote it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import MISSING
from typing import Any, TypeVar

T = TypeVar("T")


def as_object(content: object) -> dict[str, Any]:
    """Refuse anything but an object of JSON."""
    if not isinstance(content, dict):
        raise ValueError(f"expected an object, found {type(content).__name__}")
    return content


def as_record(cls: type[T], content: Mapping[str, Any]) -> T:
    """Make a record of those keys it has; keys of other versions are passed over."""
    fields = dataclasses.fields(cls)  # type: ignore[arg-type]
    needed = [f.name for f in fields if f.default is MISSING and f.default_factory is MISSING]
    missing = [name for name in needed if name not in content]
    if missing:
        raise ValueError(f"{', '.join(missing)} missing")
    return cls(**{f.name: content[f.name] for f in fields if f.name in content})
