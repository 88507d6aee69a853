"""The list of the masks that `predict` wrote: what to look at first stands above."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from crosslevel.inference.written import WrittenFiles
from crosslevel.system.files import write_text

CONFIDENCE_FILE = "confidence.csv"


@dataclass(frozen=True, slots=True, order=True)
class Said:
    """What is said of a mask; ordered by what to look at first.

    Attributes:
        expected: Its expected Dice, None where that cannot be told.
        confidence: Of the network.
    """

    expected: float | None
    confidence: float


@contextmanager
def listed(
    file: Path, said: Mapping[Path, Said], masks: Mapping[Path, Path], written: WrittenFiles
) -> Iterator[None]:
    """Lists, however the block ends, the masks that are done; images by their absolute paths."""
    file.unlink(missing_ok=True)
    try:
        yield
    finally:
        if said:
            text = io.StringIO(newline="")
            table = csv.writer(text)
            table.writerow(["image", "mask", "confidence", "expected_dice"])
            for image, one in in_order(said):
                numbers = ("" if n is None else f"{n:.4f}" for n in (one.confidence, one.expected))
                table.writerow([image.absolute(), masks[image].relative_to(file.parent), *numbers])
            write_text(file, text.getvalue().encode(errors="backslashreplace").decode())
            written.add(file)


def in_order(said: Mapping[Path, Said]) -> list[tuple[Path, Said]]:
    """Return images with what is said of their masks, what to look at first above."""
    return sorted(said.items(), key=lambda item: item[1])
