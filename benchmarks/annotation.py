"""Is the order of `annotate` worth anything, and how much work do its suggestions leave?

`python -m benchmarks.annotation order DATA OUT` labels images of a data set round by round, by luck
and by our order, from the same first masks; `… effort DATA OUT RUN` lets a simulated annotator mend
what a run suggests. Both go on where they were when they are repeated.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from crosslevel.annotate.looking import Looker
from crosslevel.annotate.options import RankingName, RankOptions
from crosslevel.annotate.rank import look_at, place
from crosslevel.config.files import config_path, from_yaml
from crosslevel.config.train import TrainConfig
from crosslevel.data.cases import index_cases
from crosslevel.data.datamodule import steps_per_epoch
from crosslevel.data.reading import read_case_mask
from crosslevel.evaluation.evaluate import evaluate
from crosslevel.images.preprocess import resize_mask
from crosslevel.runs.folder import RunFolder
from crosslevel.system.console import Reporter
from crosslevel.training.train import train
from crosslevel.types import Case, Classes

Mask = NDArray[np.bool_]
FIRST, STEP, LAST = 10, 10, 60
"""Masks at the start, more in each round, and at the end unless it is said."""
TEST_SHARE = 0.2
VAL_EVERY = 5
"""Of the masks so far, every fifth chooses epoch and threshold."""
GOOD_ENOUGH = 0.95
"""Dice at which the simulated annotator accepts a mask."""
LEVELS = np.linspace(0.05, 0.95, 19)


@dataclass(frozen=True)
class Plan:
    """What is simulated.

    Attributes:
        rankings: Orders that are compared.
        starts: Choices of the first masks.
        last: Masks at the end.
        config: Of each training.
        steps: Of each training, however many masks it has; 0 for the epochs of `config`.
    """

    rankings: Sequence[RankingName]
    starts: int
    last: int
    config: TrainConfig
    steps: int = 0

    def training(self, start: int, num_masks: int) -> TrainConfig:
        """Return the configuration of one training."""
        if not self.steps:
            return replace(self.config, seed=start)
        learned_from = num_masks - num_masks // VAL_EVERY
        epochs = round(self.steps / steps_per_epoch(learned_from, self.config.batch_labelled))
        return replace(self.config, seed=start, epochs=epochs, check_every=epochs)


def order(data: Path, out: Path, plan: Plan) -> None:
    """Write `order.csv`: Dice ×100 on the same test images after each round."""
    cases = [case for case in index_cases(data) if case.mask]
    shuffled = [cases[i] for i in np.random.default_rng(0).permutation(len(cases))]
    fixed = [case for case in shuffled if case.part == "test"]
    test = fixed or shuffled[: round(TEST_SHARE * len(shuffled))]
    pool = [case for case in shuffled if case not in test]
    rows = [
        {"ranking": ranking, "start": start, "masks": masks, "dice": f"{dice:.2f}"}
        for start in range(plan.starts)
        for ranking in plan.rankings
        for masks, dice in rounds((pool, test), out, ranking, start, plan)
    ]
    _write(out / "order.csv", rows)


def rounds(
    images: tuple[Sequence[Case], Sequence[Case]],
    out: Path,
    ranking: RankingName,
    start: int,
    plan: Plan,
) -> Iterator[tuple[int, float]]:
    """Yield the number of masks and the Dice of one simulated person."""
    pool, test = images
    rng = np.random.default_rng(start)
    labelled = [pool[i] for i in rng.permutation(len(pool))[:FIRST]]
    while True:
        made_by = ranking if len(labelled) > FIRST else "first"  # the first network is shared
        run = out / f"{made_by}-start{start}-{len(labelled)}-masks"
        table = write_table(run.with_suffix(".csv"), pool, test, labelled)
        if not RunFolder(run).summary_file.is_file():
            train(table, run, plan.training(start, len(labelled)), reporter=Reporter())
            evaluate(run, table)
        yield len(labelled), RunFolder(run).summary().mean["dice"]
        if len(labelled) + STEP > min(plan.last, len(pool)):
            return
        labelled += chosen(run, pool, labelled, RankOptions(num=STEP, ranking=ranking, seed=start))


def chosen(
    run: Path, pool: Sequence[Case], labelled: Sequence[Case], options: RankOptions
) -> list[Case]:
    """Return the next images to label, as `rank` would name them."""
    known = {case.id for case in labelled}
    asked = [case if case.id in known else replace(case, mask=None) for case in pool]
    looker = Looker(run)
    looks = {c.id: look for c, look in look_at(looker, asked, looker.card.reading, Reporter())}
    by_id = {case.id: case for case in pool}
    return [by_id[placed.case.id] for placed in place(asked, looks, options)]


def write_table(
    file: Path, pool: Sequence[Case], test: Sequence[Case], labelled: Sequence[Case]
) -> Path:
    """Write what `train` may see: masks of the labelled images, every fifth to validate."""
    part = {
        case.id: "val" if i % VAL_EVERY == VAL_EVERY - 1 else "train"
        for i, case in enumerate(labelled)
    }
    rows = [
        {
            "image": case.image.resolve(),
            "mask": case.mask_files[0].resolve() if case.id in part else "",
            "part": part.get(case.id, "train"),
        }
        for case in pool
    ]
    rows += [
        {"image": c.image.resolve(), "mask": c.mask_files[0].resolve(), "part": "test"}
        for c in test
    ]
    _write(file, rows)
    return file


def effort(data: Path, out: Path, run: Path, num: int) -> None:
    """Write `effort.csv`: what a simulated annotator does, from a suggestion and from scratch."""
    trained = {i for ids in _learned_from(run) for i in ids}
    cases = [case for case in index_cases(data) if case.mask and case.id not in trained][:num]
    looker = Looker(run)
    rows = []
    for case, look in look_at(looker, cases, looker.card.reading, Reporter()):
        truth = read_case_mask(case, Classes()) > 0
        side = looker.card.size
        small = resize_mask(truth.astype(np.uint8), side) > 0
        levels = (look.levels[0].astype(np.float32) - 128) / 16
        probability = 1 / (1 + np.exp(-levels))
        rows.append({"image": case.id, **mended(small, probability, looker.card.threshold)})
    _write(out / "effort.csv", rows)


def mended(truth: Mask, probability: NDArray[np.float32], threshold: float) -> dict[str, object]:
    """Return the work of a simulated annotator on one image, at the size of the network.

    They accept a mask of Dice 0.95. Else they drag its level to where Dice is best, if that helps.
    Else they redraw the wrong regions, the largest first, one stroke each. From scratch, they draw
    around each region, one stroke each. A stroke is as long as the outline of its region.
    """
    mask = probability >= threshold
    suggested, strokes, length = dice(mask, truth), 0, 0
    if suggested < GOOD_ENOUGH:
        best = max((probability >= level for level in LEVELS), key=lambda m: dice(m, truth))
        if dice(best, truth) > suggested:
            mask, strokes = best, 1
    for region in by_size(mask ^ truth):
        if dice(mask, truth) >= GOOD_ENOUGH:
            break
        mask = mask ^ region
        strokes, length = strokes + 1, length + outline(region)
    whole = list(by_size(truth))
    return {
        "dice_suggested": f"{suggested:.4f}",
        "dice_accepted": f"{dice(mask, truth):.4f}",
        "strokes": strokes,
        "outline_px": length,
        "pixels_changed": int((mask ^ (probability >= threshold)).sum()),
        "strokes_from_scratch": len(whole),
        "outline_px_from_scratch": sum(map(outline, whole)),
        "pixels_from_scratch": int(truth.sum()),
    }


def by_size(mask: Mask) -> Iterator[Mask]:
    """Yield the connected regions of a mask, the largest first."""
    labels, num = ndimage.label(mask)
    sizes = np.bincount(labels.ravel(), minlength=num + 1)[1:]
    yield from (labels == index + 1 for index in np.argsort(-sizes, kind="stable"))


def outline(region: Mask) -> int:
    """Return how many pixels of a region lie on its rim."""
    return int((region & ~ndimage.binary_erosion(region)).sum())


def dice(first: Mask, second: Mask) -> float:
    """Return the Dice of two masks in [0, 1]; two empty ones are equal."""
    total = int(first.sum() + second.sum())
    return 2 * int((first & second).sum()) / total if total else 1.0


def _learned_from(run: Path) -> Iterator[Sequence[str]]:
    from crosslevel.runs.finished import read_split

    split = read_split(RunFolder(run).split_file)
    if split is not None:
        yield from (split.train_labelled, split.val)


def _write(file: Path, rows: Sequence[Mapping[str, object]]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", newline="") as out:
        table = csv.DictWriter(out, list(rows[0]))
        table.writeheader()
        table.writerows(rows)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["order", "effort"])
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("run", type=Path, nargs="?", help="of effort: a run of few masks")
    parser.add_argument("--config", help="YAML file or preset of each training")
    parser.add_argument("--starts", type=int, default=3)
    parser.add_argument("--last", type=int, default=LAST, help="masks at the end")
    parser.add_argument("--steps", type=int, default=0, help="of each training, at any masks")
    parser.add_argument("--rankings", nargs="+", default=["random", "both"])
    parser.add_argument("--num", type=int, default=200, help="images of effort")
    words = parser.parse_args()
    if words.what == "effort":
        effort(words.data, words.out, words.run, words.num)
        return
    config = from_yaml(config_path(words.config)) if words.config else TrainConfig()
    plan = Plan(words.rankings, words.starts, words.last, config, words.steps)
    order(words.data, words.out, plan)


if __name__ == "__main__":
    main()
