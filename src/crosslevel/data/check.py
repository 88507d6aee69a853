"""Decode every image and mask once and say, in one report, what a training would stumble over.

Nothing is raised for what a file holds: the caller decides what a problem stops.
"""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from crosslevel.data.reading import read_hashed_image, read_mask
from crosslevel.errors import DataError
from crosslevel.types import Case, Classes

_BINARY = Classes()
_MAX_EXAMPLES = 3  # files named in a line about many


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
        num_groups: Distinct groups (patients, sequences); 0 if none are given.
        parts: Number of cases in each part the folders fix ("train", "val", "test").
        height: Of the readable images, in pixels; None if there are none.
        width: Likewise.
        num_sizes: Number of distinct image sizes.
        foreground: By class, the share (0…1) of a mask's pixels that it covers.
        hashes: By case id, SHA-256 of the image file (readable images only).
        problems: What stops a training, one line each with the file and the remedy.
        warnings: What only deserves a look.
    """

    num_cases: int
    num_labelled: int
    num_masks_read: int = 0
    num_groups: int = 0
    parts: dict[str, int] = field(default_factory=dict)
    height: Spread | None = None
    width: Spread | None = None
    num_sizes: int = 0
    foreground: dict[str, Spread] = field(default_factory=dict)
    hashes: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def num_unlabelled(self) -> int:
        """Cases without a mask."""
        return self.num_cases - self.num_labelled

    def to_text(self) -> str:
        """The report as plain text, as `crosslevel data check` prints it."""
        rows = [
            ("Images", f"{self.num_cases} ({self.num_labelled} with a mask, "
                       f"{self.num_unlabelled} without)"),
            ("Parts", ", ".join(f"{n} {part}" for part, n in self.parts.items())
                      or "not fixed by the folders"),
            ("Groups", str(self.num_groups or "none given")),
            ("Height", _pixels(self.height)),
            ("Width", _pixels(self.width)),
            ("Sizes", f"{self.num_sizes} different"),
            *((f"Share of {name}", _percent(share)) for name, share in self.foreground.items()),
        ]  # fmt: skip
        width = max(len(name) for name, _ in rows) + 2
        lines = [f"{name:<{width}}{value}" for name, value in rows]
        return "\n".join(
            [*lines, *_listed("Warnings", self.warnings), *_listed("Problems", self.problems)]
        )


MasksOf = Collection[str] | Callable[[Mapping[str, str]], Collection[str]] | None


@dataclass(frozen=True, slots=True)
class _Finding:
    """What decoding one case gave; `shares` of background and each class, None without a mask."""

    case: Case
    digest: str = ""
    size: tuple[int, int] | None = None
    shares: tuple[float, ...] | None = None
    problems: tuple[str, ...] = ()


def check_cases(
    cases: Sequence[Case],
    classes: Classes = _BINARY,
    *,
    progress: Callable[[], object] | None = None,
    read_masks_of: MasksOf = None,
) -> CheckReport:
    """Decode every image and mask and report on them.

    Args:
        cases: The data set.
        classes: How masks are read.
        progress: Called after each image.
        read_masks_of: Ids of the cases whose masks may be opened, or who tells them from the
            content hashes of the images, by id; None for all of them.

    Returns:
        The report; nothing is raised for what a file holds.
    """
    images = []
    with ThreadPoolExecutor() as pool:
        for finding in pool.map(_examine_image, cases):
            images.append(finding)
            if progress:
                progress()
        if callable(read_masks_of):
            read_masks_of = read_masks_of({f.case.id: f.digest for f in images if f.digest})
        allowed = None if read_masks_of is None else frozenset(read_masks_of)

        def examine_mask(finding: _Finding) -> _Finding:
            may_open = allowed is None or finding.case.id in allowed
            return _examine_mask(finding, classes) if finding.case.mask and may_open else finding

        return _report(list(pool.map(examine_mask, images)), classes)


def _examine_image(case: Case) -> _Finding:
    try:
        image, digest = read_hashed_image(case.image)
    except DataError as error:
        return _Finding(case, problems=tuple(error.problems))
    return _Finding(case, digest, (image.shape[0], image.shape[1]))


def _examine_mask(finding: _Finding, classes: Classes) -> _Finding:
    case, size = finding.case, finding.size
    assert case.mask is not None, "only masks that exist are examined"
    try:
        mask = read_mask(case.mask, classes)
    except DataError as error:
        return replace(finding, problems=(*finding.problems, *error.problems))
    counts = np.bincount(mask.ravel(), minlength=len(classes.names) + 1)
    finding = replace(finding, shares=tuple((counts / mask.size).tolist()))
    if not size or mask.shape == size:
        return finding
    problem = _size_mismatch(case.image, size, case.mask, mask.shape)
    return replace(finding, problems=(*finding.problems, problem))


def _size_mismatch(image: Path, size: Sequence[int], mask: Path, mask_size: Sequence[int]) -> str:
    turned = tuple(size) == tuple(reversed(mask_size))
    remedy = "Turn the mask by 90 degrees" if turned else "Give the mask the size of its image"
    return (
        f"{mask}: {mask_size[0]} x {mask_size[1]} (height x width), but its image {image} is "
        f"{size[0]} x {size[1]}. {remedy}, or check that they belong together."
    )


def _report(findings: Sequence[_Finding], classes: Classes) -> CheckReport:
    cases = [finding.case for finding in findings]
    sizes = [finding.size for finding in findings if finding.size]
    shares = {f.case.mask: f.shares for f in findings if f.case.mask and f.shares}
    hashes = {finding.case.id: finding.digest for finding in findings if finding.digest}
    problems = [problem for finding in findings for problem in finding.problems]
    mask_problems, mask_warnings = _about_masks(shares, classes)
    columns = zip(classes.names, list(zip(*shares.values(), strict=True))[1:], strict=False)
    return CheckReport(
        num_cases=len(cases),
        num_labelled=sum(case.mask is not None for case in cases),
        num_masks_read=len(shares),
        num_groups=len({case.group for case in cases if case.group}),
        parts=dict(Counter(case.part for case in cases if case.part)),
        height=Spread.of([height for height, _ in sizes]),
        width=Spread.of([width for _, width in sizes]),
        num_sizes=len(set(sizes)),
        foreground={name: s for name, column in columns if (s := Spread.of(column))},
        hashes=hashes,
        problems=problems + mask_problems,
        warnings=_about_duplicates(findings) + mask_warnings,
    )


def _about_masks(
    shares: Mapping[Path, tuple[float, ...]], classes: Classes
) -> tuple[list[str], list[str]]:
    """Problems and warnings that show only over all the masks."""
    empty = [path for path, of_mask in shares.items() if of_mask[0] == 1]
    full = [path for path, of_mask in shares.items() if max(of_mask[1:]) == 1]
    if shares and len(empty) + len(full) == len(shares):
        line = (
            f"{_some(shares)}: every mask is all one class ({len(empty)} all background, "
            f"{len(full)} all foreground). Check that these are the masks; if they are drawn in "
            f"other values than 0/1 or 0/255, give `classes`."
        )
        return [line], []
    warnings = []
    for paths, what in ((empty, "background"), (full, "foreground")):
        if paths:
            number = "the mask is" if len(paths) == 1 else f"{len(paths)} masks are"
            warnings.append(f"{_some(paths)}: {number} all {what}. Check that this is meant.")
    for index, (name, value) in enumerate(classes.values.items(), start=1):
        if shares and not any(of_mask[index] for of_mask in shares.values()):
            warnings.append(f"class {name} ({value}): occurs in no mask. Check its value.")
    return [], warnings


def _about_duplicates(findings: Iterable[_Finding]) -> list[str]:
    same = defaultdict(list)
    for finding in findings:
        if finding.digest:
            same[finding.digest].append(finding.case.image)
    return [
        f"{_some(paths)}: {len(paths)} files with the same content. Keep one of them; until then "
        f"a random split keeps them together."
        for paths in same.values()
        if len(paths) > 1
    ]


def _some(paths: Collection[Path]) -> str:
    named = ", ".join(str(path) for path in list(paths)[:_MAX_EXAMPLES])
    return f"{named}, …" if len(paths) > _MAX_EXAMPLES else named


def _pixels(spread: Spread | None) -> str:
    if spread is None:
        return "no readable image"
    if spread.min == spread.max:
        return f"{spread.min:.0f} px"
    return f"{spread.min:.0f} to {spread.max:.0f} px, median {spread.median:.0f}"


def _percent(spread: Spread) -> str:
    return f"{spread.mean:.1%} of a mask on average, {spread.min:.1%} to {spread.max:.1%}"


def _listed(title: str, lines: Sequence[str]) -> list[str]:
    return [f"{title}: {len(lines) or 'none'}", *(f"  {line}" for line in lines)]
