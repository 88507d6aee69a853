"""Annotation files as text: JSON and XML, parsed once."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from functools import lru_cache
from pathlib import Path
from typing import Any

from crosslevel.data.formats.opening import reading
from crosslevel.errors import DataError


def load_json(path: Path) -> Any:
    """Return what a JSON file holds; a file that is asked for again at once is not read again.

    Raises:
        DataError: It cannot be read, or it is not JSON.
    """
    with reading(path):
        stat = path.stat()
        return _parsed(path, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=1)
def _parsed(path: Path, mtime_ns: int, size: int) -> Any:
    try:
        return json.loads(path.read_text("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        line = f"{path}: not JSON ({error}). Export it again, or remove it."
        raise DataError([line]) from error


def load_xml(path: Path) -> ET.Element:
    """Return the root of an XML file.

    Raises:
        DataError: It cannot be read, or it is not XML.
    """
    with reading(path):
        try:
            return ET.fromstring(path.read_bytes())
        except ET.ParseError as error:
            line = f"{path}: not XML ({error}). Export it again, or remove it."
            raise DataError([line]) from error


def forget() -> None:
    """Let go of the file that was parsed last."""
    _parsed.cache_clear()
