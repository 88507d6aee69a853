"""The last few volumes that were decoded: their slices are asked for one by one."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

MOST_KEPT = 2

_kept: OrderedDict[tuple[Path, int, int], Any] = OrderedDict()
_lock = threading.Lock()


def kept(path: Path, decode: Callable[[], Any]) -> Any:
    """Return what `decode` gives for this file, as long as the file stays the same.

    Args:
        path: The file.
        decode: What is done once.
    """
    stat = path.stat()
    key = path, stat.st_mtime_ns, stat.st_size
    with _lock:
        if key not in _kept:
            _kept[key] = decode()
            while len(_kept) > MOST_KEPT:
                _kept.popitem(last=False)
        _kept.move_to_end(key)
        return _kept[key]


def forget(path: Path) -> None:
    """Keep nothing of this file any more."""
    with _lock:
        for key in [key for key in _kept if key[0] == path]:
            del _kept[key]
