"""Annotations as files of a tool; nothing that is there already is touched."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from crosslevel.data.annotations import TOOLS
from crosslevel.data.annotations.colours import with_colours
from crosslevel.data.annotations.found import Drawing
from crosslevel.data.annotations.shapes import Colour
from crosslevel.errors import InputError
from crosslevel.system.files import write_text
from crosslevel.types import AnnotationTool


def check_new(folder: Path) -> None:
    """Refuse a folder with anything in it, before long work.

    Raises:
        InputError: It is not empty, or not a folder.
    """
    if folder.is_dir() and not any(folder.iterdir()):
        return
    if folder.exists():
        raise InputError(
            f"{folder}: something is there, and nothing of it is replaced. Give a new folder, or "
            "move away what is in it."
        )


def write_annotations(
    tool: AnnotationTool,
    drawings: Sequence[Drawing],
    labels: Mapping[str, Colour | None],
    out: Path,
) -> None:
    """Write images with shapes as the files of a tool.

    Args:
        tool: Which one.
        drawings: The images.
        labels: Names of the classes in their order, with their colours where they have any.
        out: A new folder.

    Raises:
        InputError: Something is there.
    """
    check_new(out)
    write = TOOLS[tool].write
    assert write is not None, f"{tool} is only read"
    for name, text in write(drawings, with_colours(labels), out):
        write_text(out / name, text)


def names_of(images: Iterable[Path]) -> dict[Path, str]:
    """Return the name of each image for a tool: its path below the folder that holds them all.

    Example:
        >>> list(names_of([Path("set/one/a.png"), Path("set/two/b.png")]).values())
        ['one/a.png', 'two/b.png']
    """
    full = {image: image.absolute() for image in images}
    root = os.path.commonpath([path.parent for path in full.values()]) if full else ""
    names = {image: path.relative_to(root).as_posix() for image, path in full.items()}
    return {image: os.fsencode(name).decode(errors="replace") for image, name in names.items()}
