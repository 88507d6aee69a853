"""What tables that compare rows share: the keys of protocols, and the columns."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from docs.tables.cells import gain, link, markdown, paired, spread
from docs.tables.published import protocol, row

KVASIR, ISIC = "kvasir-seg-800", "isic2018-task1-512"
FRESH, FEW_LESIONS = f"{KVASIR}/160px-new-split", f"{ISIC}/160px-25-masks"
COMPARED = ("Dice", "compared with", "difference [95 % interval]", "verdict")
ADDED = ("data", "masks", "runs", "on the masks alone", "with all images", *COMPARED[2:])
Entry = tuple[str, str, str]
"""How a line is called, its row, and the row it is compared with."""


def added(page: Path, key: str, data: str, masks: str, name: str) -> list[str]:
    """Return what images without a mask add in a protocol, by the columns of `ADDED`."""
    ours, theirs = row(f"{key}/{name}"), protocol(key).reference
    assert theirs is not None, f"{key} names no reference"
    means = spread(theirs), spread(ours)
    return [link(page, data, key), masks, str(len(ours)), *means, *gain(ours, theirs)]


def compared(page: Path, header: tuple[str, str], entries: Iterable[Entry]) -> str:
    """Show each row beside the one it is compared with.

    Args:
        page: That it stands on.
        header: Of the first two columns: how a line is called, and its runs or draws.
        entries: Its lines.
    """
    lines = []
    for what, key, other in entries:
        ours, theirs = paired(row(key), row(other))
        shown = [link(page, what, key.rsplit("/", 1)[0]), str(len(ours)), spread(ours)]
        lines.append([*shown, f"{theirs[0].name}, {spread(theirs)}", *gain(ours, theirs)])
    return markdown([*header, *COMPARED], lines)
