"""Cards of the methods and of the pretext tasks, as their docstrings have them."""

from __future__ import annotations

import inspect
from pathlib import Path

from crosslevel.methods import METHODS, find_method
from crosslevel.pretraining import TASKS, find_task
from docs.tables.cells import fill


def cards(page: Path) -> str:
    """Show every method: what it is, when to choose it, where it is from, how it differs."""
    del page
    return "\n\n".join(_card(name, find_method(name)) for name in sorted(METHODS))


def pretext_cards(page: Path) -> str:
    """Show every pretext task likewise."""
    del page
    return "\n\n".join(_card(name, find_task(name)) for name in sorted(TASKS))


def _card(name: str, found: type[object]) -> str:
    paragraphs = (inspect.getdoc(found) or "").split("\n\n")
    text = [line for part in paragraphs for line in ["", *fill(" ".join(part.split()))]]
    return "\n".join([f"### `{name}`", *text])
