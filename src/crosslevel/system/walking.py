"""The folders below a folder, those that links lead to among them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path


def walk_linked(folder: Path) -> Iterator[tuple[Path, list[str], list[str]]]:
    """Yield each folder below one, and the names of folders and files in it, as `os.walk` does.

    Links to folders are followed after all others, each folder being listed once; one that leads
    back, to what holds it, is not. Folders whose names the caller removes are left out.

    Args:
        folder: Where to begin; it comes first.
    """
    seen = set(folder.resolve().parents)
    waiting = [folder]
    while waiting:
        for place, folders, files in os.walk(waiting.pop(0)):
            real = Path(place).resolve()
            if real in seen:
                folders.clear()
                continue
            seen.add(real)
            yield Path(place), folders, files
            waiting += [Path(place, name) for name in folders if os.path.islink(f"{place}/{name}")]
