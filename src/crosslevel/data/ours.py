"""Files of ours that may lie in a folder of data: what marks a run, and masks of `predict`."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from crosslevel.data.formats.opening import content_hash
from crosslevel.data.quality.naming import some

LOCK = ".lock"
"""In the folder of a run, from its first moment on."""
OF_A_RUN = frozenset({"config.yaml", "split.json"})
PREDICTED = ".predicted"
"""The list beside the masks that `predict` wrote, a line of JSON for each file."""
_LEVELS = 2  # folders above a mask in which its list may lie


def predicted_hashes(file: Path) -> dict[str, str]:
    """Return the last hash that a list of `predict` has for each name; of no file, none.

    Half a line of a killed process says nothing.
    """
    hashes: dict[str, str] = {}
    for line in file.read_bytes().splitlines() if file.is_file() else ():
        try:
            name, digest = json.loads(line)
            hashes[name] = digest
        except (TypeError, ValueError):
            continue
    return hashes


def about_predicted(masks: Iterable[Path]) -> list[str]:
    """Return a warning of masks that are as `predict` wrote them, which nobody corrected."""
    lists: dict[Path, dict[str, str]] = {}
    found = []
    for mask in dict.fromkeys(masks):
        for folder in mask.parents[:_LEVELS]:
            if folder not in lists:
                lists[folder] = predicted_hashes(folder / PREDICTED)
            digest = lists[folder].get(mask.relative_to(folder).as_posix())
            if digest and digest == content_hash(mask):
                found.append(mask)
    if not found:
        return []
    return [
        f"{some(found)}: masks as `predict` wrote them count as truth: {len(found)}. Correct what "
        "is wrong, or ignore this if that is meant."
    ]
