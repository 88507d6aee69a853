"""What lies below a folder, also behind links to other folders."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

HIDDEN = (".", "__MACOSX")
"""How names start that are nobody's data."""


def walk(top: Path) -> Iterator[tuple[Path, list[str], list[str]]]:
    """Yield each folder, with the names of its folders and its files, sorted, no hidden ones.

    As in `os.walk`, a folder that is removed from the names is not entered. Links are followed
    once all else is seen, so that no folder is entered twice. Those that hold `top` are not.

    Example:
        >>> import tempfile
        >>> top = Path(tempfile.mkdtemp())
        >>> (top / "loop").symlink_to(top)
        >>> [place == top for place, _, _ in walk(top)]
        [True]
    """
    seen = {str(folder) for folder in Path(os.path.realpath(top)).parents}
    waiting = [str(top)]
    while waiting:
        for place, folders, names in os.walk(waiting.pop(0)):
            real = os.path.realpath(place)
            if real in seen:
                folders.clear()
                continue
            seen.add(real)
            folders[:] = sorted(name for name in folders if not name.startswith(HIDDEN))
            yield Path(place), folders, sorted(n for n in names if not n.startswith(HIDDEN))
            waiting += filter(os.path.islink, (os.path.join(place, name) for name in folders))
