"""`crosslevel rank`: the images of a folder in an order by what a network says of them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from crosslevel.annotate.looking import BATCH, Look, Looker
from crosslevel.annotate.options import BY_DOUBT, RankingName, RankOptions
from crosslevel.annotate.rankings import RANKINGS, Candidates
from crosslevel.data.cases import find_cases
from crosslevel.data.quality.bad_files import without_bad
from crosslevel.data.reading import read_case
from crosslevel.errors import DataError, InputError
from crosslevel.runs.records import Next
from crosslevel.system.console import Reporter
from crosslevel.system.files import write_text
from crosslevel.types import Case, Layout, Reading


@dataclass(frozen=True, slots=True)
class Placed:
    """An image in the order.

    Attributes:
        case: The image.
        look: What the network says of it.
        distance: From the nearest image that has a mask or comes before it; 0 if not looked at.
    """

    case: Case
    look: Look
    distance: float


def rank(
    run: Path,
    images: Path,
    options: RankOptions | None = None,
    *,
    layout: Layout | None = None,
    reporter: Reporter | None = None,
) -> list[Placed]:
    """Return the images without masks to annotate next, the first one first.

    Args:
        run: A run folder, or a model folder.
        images: A folder that `train` takes; its masks say which images are known already.
        options: How many, and by what.
        layout: Which folder holds the masks, where several could.
        reporter: Who tells the user; silent if left out.

    Raises:
        InputError: If there is no model, or no image without a mask.
        DataError: If the folder is not a data set, or an image cannot be read.
    """
    reporter, options = reporter or Reporter(quiet=True), options or RankOptions()
    looker = Looker(run)
    cases = _usable(images, looker.card.reading, layout or Layout(), reporter)
    with reporter.task("Looking at images", len(cases)) as advance:
        looks = {}
        for case, look in look_at(looker, cases, looker.card.reading, reporter):
            looks[case.id] = look
            advance()
    return place(cases, looks, options)


def place(cases: Sequence[Case], looks: dict[str, Look], options: RankOptions) -> list[Placed]:
    """Return the images without masks in order.

    Args:
        cases: Of one data set.
        looks: By id, what the network said; images without one are left out.
        options: How many, and by what.
    """
    free = [case for case in cases if case.mask is None and case.id in looks]
    known = [case for case in cases if case.mask is not None and case.id in looks]
    candidates = Candidates(
        np.array([looks[case.id].uncertainty for case in free], np.float64),
        _features(free, looks),
        _features(known, looks),
    )
    order = RANKINGS[options.ranking](candidates, options.num, np.random.default_rng(options.seed))
    return [Placed(free[i], looks[free[i].id], far) for i, far in order]


def look_at(
    looker: Looker, cases: Iterable[Case], reading: Reading, reporter: Reporter
) -> Iterator[tuple[Case, Look]]:
    """Yield what the network says of each image; one that cannot be read is named and left out."""
    remaining = iter(cases)
    while batch := list(islice(remaining, BATCH)):
        pictures = {}
        for case in batch:
            try:
                pictures[case] = read_case(case, reading)
            except DataError as error:
                reporter.say(f"skipped: {error}")
        if pictures:
            yield from zip(pictures, looker.look([*pictures.values()]), strict=True)


def write_order(out: Path, order: Sequence[Placed], ranking: RankingName) -> None:
    """Write the order as CSV, images by their absolute paths.

    Args:
        out: The file.
        order: As `rank` returns it.
        ranking: By which it was made; what its doubt was taken from is written beside each image.
    """
    text = io.StringIO(newline="")
    table = csv.writer(text)
    table.writerow(Next.COLUMNS)
    for number, placed in enumerate(order, start=1):
        look = placed.look
        said = ("" if n is None else f"{n:.4f}" for n in (look.confidence, look.expected_dice))
        doubt = look.doubt_from if ranking in BY_DOUBT else ""
        image = placed.case.image.absolute()
        table.writerow([number, image, *said, f"{placed.distance:.4f}", doubt])
    write_text(out, text.getvalue().encode(errors="backslashreplace").decode())


def _features(cases: Sequence[Case], looks: dict[str, Look]) -> np.ndarray:
    width = next(iter(looks.values())).features.size if looks else 0
    return np.array([looks[case.id].features for case in cases], np.float64).reshape(-1, width)


def _usable(images: Path, reading: Reading, layout: Layout, reporter: Reporter) -> list[Case]:
    found = find_cases(images, reading, layout)
    if found.faults:
        raise DataError(found.faults)
    for bad in found.bad_files:
        reporter.say(f"skipped: {bad.problem}")
    cases = without_bad(found.cases, found.bad_files)
    if all(case.mask for case in cases):
        raise InputError(f"{images}: every image has a mask, so none is to be annotated next.")
    return cases
