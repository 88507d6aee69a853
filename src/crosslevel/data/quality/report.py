"""Decode every image and mask once and say, in one report, what a training would stumble over.

Nothing is raised for what a file holds: the caller decides what a problem stops.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from crosslevel.data.ours import about_predicted
from crosslevel.data.quality.about_images import (
    about_copies,
    about_like_masks,
    about_small,
    about_turned,
    too_small,
)
from crosslevel.data.quality.about_masks import about_masks, describe_reading, unclear_masks
from crosslevel.data.quality.bad_files import BadFile
from crosslevel.data.quality.depths import Depths, depths_of
from crosslevel.data.quality.findings import DEFAULT_SIZE, Findings, examine_images, examine_masks
from crosslevel.data.quality.naming import limited_alike
from crosslevel.data.quality.objects import hint_of_size
from crosslevel.data.quality.overlap import find_overlap
from crosslevel.errors import one_line
from crosslevel.types import Case, Classes, Reading

_BINARY = Classes()
_BY_ITSELF = Reading()
_NAMED_GROUPS = 3
_MOST_ALIKE = 5  # lines that say the same of different files


@dataclass(frozen=True, slots=True)
class Spread:
    """Smallest, middle, average and largest of some numbers."""

    min: float
    median: float
    mean: float
    max: float

    @classmethod
    def of(cls, numbers: Sequence[float]) -> Spread | None:
        """Summarise; None for no numbers."""
        if not numbers:
            return None
        middle, average = statistics.median(numbers), statistics.fmean(numbers)
        return cls(min(numbers), middle, average, max(numbers))


@dataclass(frozen=True, kw_only=True)
class CheckReport:
    """What a data set is made of, and what is wrong with it.

    Attributes:
        num_cases: All cases.
        num_labelled: Cases with a mask, opened or not.
        num_masks_read: Masks that were opened and could be read.
        groups: The same in words.
        num_groups: Distinct groups (patients, sequences); 0 if none are given.
        parts: Number of cases in each part the folders fix ("train", "val", "test").
        height: Of the readable images, in pixels; None if there are none.
        width: Likewise.
        values: What the values of the pixels are, and which become black and white.
        num_sizes: Number of distinct image sizes.
        layout: How the folders were understood.
        masks: How their values were understood.
        size: Side in pixels to which a training would resize images.
        foreground: By class, the share (0…1) of a mask's pixels that it covers.
        hashes: By case id, SHA-256 of the image file (readable images only).
        bad_files: Files that stop a training unless they are set aside.
        faults: What stops a training and no single file is to blame for.
        warnings: What only deserves a look.
    """

    num_cases: int
    num_labelled: int
    num_masks_read: int = 0
    num_groups: int = 0
    groups: str = ""
    parts: dict[str, int] = field(default_factory=dict)
    height: Spread | None = None
    width: Spread | None = None
    values: str = ""
    num_sizes: int = 0
    layout: str = ""
    masks: list[str] = field(default_factory=list)
    size: int = DEFAULT_SIZE
    foreground: dict[str, Spread] = field(default_factory=dict)
    hashes: dict[str, str] = field(default_factory=dict)
    bad_files: list[BadFile] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def num_unlabelled(self) -> int:
        """Cases without a mask."""
        return self.num_cases - self.num_labelled

    @property
    def problems(self) -> list[str]:
        """Everything that stops a training, one line each with the file and the remedy."""
        return [*(bad.problem for bad in self.bad_files), *self.faults]

    def to_text(self) -> str:
        """Return the report as plain text, as `crosslevel data check` prints it."""
        rows = [
            *(("Layout", line) for line in [self.layout] if line),
            ("Images", f"{self.num_cases} ({self.num_labelled} with a mask, "
                       f"{self.num_unlabelled} without)"),
            *(self._rows_about_files() if self.num_cases else ()),
        ]  # fmt: skip
        width = max(len(name) for name, _ in rows) + 2
        lines = [f"{name:<{width}}{value}" for name, value in rows]
        if self.warnings or not self.problems:
            lines += _listed("Warnings", self.warnings)
        return "\n".join([*lines, *_listed("Problems", self.problems)])

    def _rows_about_files(self) -> list[tuple[str, str]]:
        return [
            ("Parts", ", ".join(f"{n} {part}" for part, n in self.parts.items())
                      or "not fixed by the folders"),
            ("Groups", self.groups or "none given"),
            ("Height", _pixels(self.height)),
            ("Width", _pixels(self.width)),
            ("Sizes", f"{self.num_sizes} different"),
            ("Values", self.values or "no readable image"),
            ("Pack", _pack(self.num_cases, self.size)),
            *(("Masks", line) for line in self.masks),
            *((f"Share of {name}", _percent(share)) for name, share in self.foreground.items()),
        ]  # fmt: skip


def check_cases(
    cases: Sequence[Case],
    classes: Classes = _BINARY,
    *,
    progress: Callable[[], object] | None = None,
    read_masks_of: Collection[str] | None = None,
    reading: Reading = _BY_ITSELF,
    size: int = DEFAULT_SIZE,
) -> CheckReport:
    """Decode every image and mask and report on them.

    Args:
        cases: The data set.
        classes: How masks are read.
        progress: Called after each image.
        read_masks_of: Ids of the cases whose masks may be opened; None for all of them.
        reading: How images are read.
        size: Side in pixels to which the training resizes images.

    Returns:
        The report; nothing is raised for what a file holds.
    """
    found = examine_images(cases, progress, reading)
    found = examine_masks(found, cases, classes, read_masks_of, reading.axis, size)
    side_of = {case.id: case.part for case in cases if case.part}
    depths = depths_of(cases, found, reading)
    return report(cases, classes, found, side_of, found.look_alikes(), depths, size)


def report(
    cases: Sequence[Case],
    classes: Classes,
    found: Findings,
    side_of: Mapping[str, str],
    alike: Sequence[Sequence[str]],
    depths: Depths,
    size: int = DEFAULT_SIZE,
) -> CheckReport:
    """Return what findings mean for a data set.

    Args:
        cases: The data set.
        classes: How masks were read.
        found: In its files.
        side_of: By case id, "train", "val" or "test" where that is decided.
        alike: Sets of ids whose images show the same picture.
        depths: Of the images.
        size: Side in pixels to which the training resizes images.
    """
    overlap = find_overlap(cases, side_of, found, alike)
    faults, mask_warnings = about_masks(list(found.masks.values()), classes)
    odd, unclear = unclear_masks(found)
    columns = list(zip(*(mask.shares for mask in found.masks.values()), strict=True))[1:]
    sizes = [image.size for image in found.images.values()]
    return CheckReport(
        num_cases=len(cases),
        num_labelled=sum(case.mask is not None for case in cases),
        num_masks_read=len(found.masks),
        num_groups=len({case.group for case in cases if case.group}),
        groups=_groups(cases),
        masks=describe_reading(list(found.masks.values()), classes),
        size=size,
        parts=dict(Counter(case.part for case in cases if case.part)),
        height=Spread.of([height for height, _ in sizes]),
        width=Spread.of([width for _, width in sizes]),
        num_sizes=len(set(sizes)),
        values=depths.text if found.images else "",
        foreground={
            name: spread
            for name, column in zip(classes.names, columns, strict=False)
            if (spread := Spread.of(column))
        },
        hashes=found.hashes,
        bad_files=[*found.bad_files, *too_small(cases, found), *odd, *overlap.bad_files],
        faults=[*unclear, *faults, *overlap.faults],
        warnings=[
            *_about_parts(cases),
            *depths.warnings,
            *about_small(cases, found, size),
            *about_like_masks(cases, found),
            *about_turned(cases, found),
            *about_copies(cases, found, alike),
            *overlap.warnings,
            *about_predicted(mask.path for mask in found.masks.values()),
            *mask_warnings,
            *hint_of_size((mask.objects for mask in found.masks.values()), size),
        ],
    )


def _pixels(spread: Spread | None) -> str:
    if spread is None:
        return "no readable image"
    if spread.min == spread.max:
        return f"{spread.min:.0f} px"
    return f"{spread.min:.0f} to {spread.max:.0f} px, median {spread.median:.0f}"


def _pack(num_images: int, size: int) -> str:
    """Return how much the images take once they are resized."""
    megabytes = num_images * size**2 * 3 / 1e6
    return f"8-bit RGB, {megabytes:.1f} MB at {size} px"


def _about_parts(cases: Sequence[Case]) -> list[str]:
    """Return a line on each part that can be neither trained on nor scored."""
    without = Counter(case.part for case in cases if case.part in ("val", "test") and not case.mask)
    return [
        f"{count} images of {part} have no mask: they are neither scored nor trained on. To train "
        f"on them, put them into a folder named unlabelled; `crosslevel predict` needs no masks."
        for part, count in without.items()
    ]


def _groups(cases: Sequence[Case]) -> str:
    """Return how many groups there are, and the first of them."""
    counts = Counter(case.group for case in cases if case.group)
    if not counts:
        return ""
    named = ", ".join(list(counts)[:_NAMED_GROUPS]) + (", …" if len(counts) > _NAMED_GROUPS else "")
    fewest, most = min(counts.values()), max(counts.values())
    each = f"{fewest} each" if fewest == most else f"{fewest} to {most} each"
    return f"{len(counts)} ({named}), {each}"


def _percent(spread: Spread) -> str:
    return f"{spread.mean:.1%} of a mask on average, {spread.min:.1%} to {spread.max:.1%}"


def _listed(title: str, lines: Sequence[str]) -> list[str]:
    """Return a heading and the lines, of very many that are alike only the first."""
    shown = limited_alike(map(one_line, lines), _MOST_ALIKE)
    return [f"{title}: {len(lines) or 'none'}", *(f"  {line}" for line in shown)]
