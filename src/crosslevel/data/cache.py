"""Decoded once, resized once: images or masks packed as uint8 in one memory-mapped file.

The file's name is a hash of the contents, the size and the reading, so a pack is shared by every
run that needs the same images and can never be stale. Delete the folder whenever you like.
"""

from __future__ import annotations

import hashlib
import mmap
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from platformdirs import user_cache_path

from crosslevel.system.files import atomic_file, remove_leftovers
from crosslevel.system.threads import map_files

FORMAT = 1
DAY_S = 24 * 3600
"""A builder that wrote nothing for so long was killed."""


def cache_folder() -> Path:
    """Return where packs are kept: $CROSSLEVEL_CACHE, or the user's cache folder."""
    override = os.environ.get("CROSSLEVEL_CACHE")
    return Path(override) if override else user_cache_path("crosslevel")


def packed(
    keys: Sequence[str],
    load: Callable[[int], NDArray[np.uint8]],
    shape: tuple[int, ...],
    kind: str,
) -> NDArray[np.uint8]:
    """Return the pack of these items, built now if there is none or its file was damaged.

    Args:
        keys: Content hash of each item, in order.
        load: Index of an item → its uint8 array of `shape`; called from several threads.
        shape: Shape of one item.
        kind: All else that decides the bytes (what is read and how), part of the name.

    Returns:
        (len(keys), *shape) uint8, read-only, memory-mapped.
    """
    if not keys:
        return np.zeros((0, *shape), np.uint8)
    digest = hashlib.sha256(repr((FORMAT, kind, shape, list(keys))).encode()).hexdigest()
    path = cache_folder() / f"{kind.split(':')[0]}-{digest[:32]}.npy"
    pack = _mapped(path, (len(keys), *shape))
    if pack is None:
        remove_leftovers(path.parent, older_than_s=DAY_S)
        _build(path, len(keys), load, shape)
        pack = _mapped(path, (len(keys), *shape))
    assert pack is not None, f"{path} is not what was just written"
    return pack


def take(pack: NDArray[np.uint8], indices: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Return a copy of some items of a pack, which does not stay in this process's memory.

    Pages of the file that were read count as resident until they are unmapped: without that, a
    training would seem to grow to the size of its data.
    """
    items: NDArray[np.uint8] = np.asarray(pack[indices])
    mapped = getattr(pack, "_mmap", None)
    if mapped is not None and hasattr(mmap, "MADV_DONTNEED"):
        mapped.madvise(mmap.MADV_DONTNEED)
    return items


def _mapped(path: Path, shape: tuple[int, ...]) -> NDArray[np.uint8] | None:
    """Return the pack in a file, None if there is none or it is not what was written."""
    try:
        pack: NDArray[np.uint8] = np.lib.format.open_memmap(path, mode="r")
    except (FileNotFoundError, ValueError):
        return None
    return pack if pack.shape == shape and pack.dtype == np.uint8 else None


def _build(
    path: Path, num_items: int, load: Callable[[int], NDArray[np.uint8]], shape: tuple[int, ...]
) -> None:
    header = {"descr": "|u1", "fortran_order": False, "shape": (num_items, *shape)}
    with atomic_file(path) as file:
        np.lib.format.write_array_header_1_0(file, header)
        for item, array in enumerate(map_files(load, range(num_items))):
            assert array.shape == shape, f"item {item} is {array.shape}, expected {shape}"
            assert array.dtype == np.uint8, f"item {item} is {array.dtype}, expected uint8"
            file.write(array.tobytes())
