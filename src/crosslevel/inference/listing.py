"""What a `predict` did, and the list of its masks: what to look at first stands above."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
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


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a call of `predict` did.

    Attributes:
        confidence: That of the mask of each image, in [0, 1] (see `MaskConfidence`); the images a
            person should look at first come first.
        problems: One line for each image that could not be read.
        expected_dice: That of the mask of each image, in [0, 1], in the same order; empty where the
            model has no calibration for such masks.
        num_computed: Masks that this call computed; others were done already.
        seconds: What their computing took, without loading the model.
        busy: Share of the cores it kept busy meanwhile; None where a GPU computes.
    """

    confidence: dict[Path, float]
    problems: list[str]
    expected_dice: dict[Path, float] = field(default_factory=dict)
    num_computed: int = 0
    seconds: float = 0.0
    busy: float | None = None

    @property
    def num_written(self) -> int:
        """Masks written."""
        return len(self.confidence)

    @classmethod
    def of(
        cls,
        said: Mapping[Path, Said],
        problems: Sequence[tuple[Path, str]],
        num_computed: int,
        seconds: float,
        busy: float | None,
    ) -> Prediction:
        """Put together what there is to say of each mask, and of each image not read."""
        ordered = in_order(said)
        return cls(
            {image: one.confidence for image, one in ordered},
            list(dict.fromkeys(problem for _, problem in problems)),
            {image: one.expected for image, one in ordered if one.expected is not None},
            *(num_computed, seconds, busy),
        )


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
