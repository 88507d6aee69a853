"""Lines on images and annotations that do not fit each other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from crosslevel.data.quality.naming import some
from crosslevel.types import WithoutShapes

_NAMED = 3


def about_without(file: str, count: int, chosen: WithoutShapes) -> str:
    """Say what images are taken for that are listed without a shape."""
    if chosen == "healthy":
        return f"{file}: images listed without a shape: {count}. As you said, they are healthy."
    return (
        f"{file}: images listed without a shape: {count}. They are taken as not annotated yet "
        f"(unlabelled). If they were looked at and have none, give --without_shapes healthy."
    )


def about_siblings(taken: Sequence[tuple[Path, str, Path]]) -> list[str]:
    """Warn of images in the folder of another patient or part than their file names.

    Args:
        taken: Of each the annotation file, the name in it and the image.
    """
    if not taken:
        return []
    file, name, image = taken[0]
    return [
        f"{file}: images taken from a folder of another number or part than the file names: "
        f"{len(taken)} ({name} from {image}). If these are others, add the folders it names."
    ]


def about_masks(root: Path, paths: Sequence[Path]) -> list[str]:
    """Warn of masks that lie beside annotations."""
    if not paths:
        return []
    return [
        f"{some(paths)}: {len(paths)} images in folders named like masks are not used, since the "
        f"annotations are. Remove the annotations from {root} if the masks are meant."
    ]


def some_names(names: Iterable[str]) -> str:
    """Return the first names, and how many more there are."""
    listed = list(names)
    more = f", and {len(listed) - _NAMED} more" if len(listed) > _NAMED else ""
    return ", ".join(listed[:_NAMED]) + more
