"""Packages of the extra `medical`, imported when the first file needs them."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

from crosslevel.errors import DataError

INSTALL = "pip install 'crosslevel[medical]'"


def medical(path: Path, module: str, what: str) -> ModuleType:
    """A module of the extra.

    Args:
        path: The file that needs it.
        module: Its name.
        what: What the file is, as a person calls it.

    Raises:
        DataError: It is not installed; the line names the extra.
    """
    try:
        return importlib.import_module(module)
    except ImportError:
        package = module.partition(".")[0]
        line = f"{path}: {what} is read by {package}, which is not installed. {INSTALL}"
        raise DataError([line]) from None
