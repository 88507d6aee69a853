"""Packages of the extra `medical`, imported when the first file needs them."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from crosslevel.errors import DataError

INSTALL = "pip install 'crosslevel[medical]'"


def medical(path: Path, module: str, what: str) -> ModuleType:
    """Return a module of the extra.

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


@contextmanager
def decoding(path: Path, what: str) -> Iterator[None]:
    """Turn whatever a package raises on a damaged file into one line that names the file.

    The text of the error is left out: it may quote what the file says about a patient.

    Raises:
        DataError: That line.
    """
    try:
        yield
    except (DataError, FileNotFoundError, PermissionError):
        raise
    except Exception as error:  # each package has classes of its own
        problem = f"cannot be decoded as {what} ({type(error).__name__})"
        raise DataError([f"{path}: {problem}. Replace or remove the file."]) from None
