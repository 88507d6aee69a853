"""What a tool's file lists, before any image is looked for on the disk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from crosslevel.data.annotations.shapes import Colour, Shape
from crosslevel.errors import DataError, InputError

ALPHABETICAL = "alphabetical"


@dataclass(frozen=True, slots=True)
class Listed:
    """One image, as an annotation file lists it.

    Attributes:
        name: Its name, with folders as the file has them.
        size: Height and width, None where the file does not say them.
        shapes: In the order in which they are painted: the last one is on top.
        is_done: Without a shape it is healthy for sure, not perhaps still to be annotated.
        has_others: It has marks that are not masks, such as boxes.
        part: "train", "val" or "test", where the file says it.
    """

    name: str
    size: tuple[int, int] | None
    shapes: tuple[Shape, ...]
    is_done: bool = False
    has_others: bool = False
    part: str | None = None


@dataclass(slots=True)
class Found:
    """What one annotation file, or one folder of them, holds.

    Attributes:
        file: The file.
        tool: What wrote it, as people call it.
        images: Those it lists.
        labels: Names of the classes in their order, with their colours where the tool has them.
        order: What that order is, in words.
        others: Marks that are not masks, by their kind.
        warnings: What else a person should know.
    """

    file: Path
    tool: str
    images: list[Listed] = field(default_factory=list)
    labels: dict[str, Colour | None] = field(default_factory=dict)
    order: str = ALPHABETICAL
    others: Counter[str] = field(default_factory=Counter)
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Tool:
    """How the files of a tool are recognised, read and written.

    Attributes:
        name: As people call it.
        read: A file → what it holds.
        fits: Whether the parsed content of a file (of JSON, XML or the header of a CSV) is the
            tool's.
        write: Images with shapes, the colour of each class and the folder to be written → names
            and texts of files in it. None for tools that are only read.
    """

    name: str
    read: Callable[[Path], Found]
    fits: Callable[[Any], bool]
    write: Callable[[Sequence[Drawing], Mapping[str, Colour], Path], Iterator[tuple[str, str]]] | (
        None
    ) = None


@dataclass(frozen=True, slots=True)
class Drawing:
    """One image with shapes to be written.

    Attributes:
        name: Its name, with folders, for the tool.
        image: Where it lies.
        size: Height and width.
        shapes: In the order in which they are painted.
        is_suggested: By a segmenter, for a person to correct.
    """

    name: str
    image: Path
    size: tuple[int, int]
    shapes: tuple[Shape, ...]
    is_suggested: bool = False


@contextmanager
def reading_entry(where: str) -> Iterator[None]:
    """Name the entry of a file in whatever is wrong with it.

    Raises:
        DataError: That line.
    """
    try:
        yield
    except DataError:
        raise
    except InputError as error:
        raise DataError([f"{where}: {error}"]) from error
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        line = f"{where}: is not as the tool writes it ({type(error).__name__}: {error})."
        raise DataError([f"{line} Export it again."]) from error


def alphabetical(names: Sequence[str]) -> dict[str, Colour | None]:
    """Return classes of no other order, without colours."""
    return dict.fromkeys(sorted(set(names), key=lambda name: (name.casefold(), name)))


def size_of(height: object, width: object) -> tuple[int, int] | None:
    """Return a size if both numbers are there and above 0."""
    if isinstance(height, int | float | str) and isinstance(width, int | float | str):
        size = int(float(height or 0)), int(float(width or 0))
        return size if min(size) > 0 else None
    return None
