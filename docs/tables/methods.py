"""Cards of the methods, as their docstrings have them."""

from __future__ import annotations

import inspect
from pathlib import Path

from crosslevel.methods import METHODS, find_method
from docs.tables.cells import fill


def cards(page: Path) -> str:
    """Show every method: what it is, where it is from, how it differs from there."""
    del page
    return "\n\n".join(_card(name) for name in sorted(METHODS))


def _card(name: str) -> str:
    paragraphs = (inspect.getdoc(find_method(name)) or "").split("\n\n")
    text = [line for part in paragraphs for line in ["", *fill(" ".join(part.split()))]]
    return "\n".join([f"### `{name}`", *text])
