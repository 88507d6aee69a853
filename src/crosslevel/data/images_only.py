"""What happens to a folder before a pretraining: index, split, check; no mask is ever opened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from crosslevel.config.train import TrainConfig
from crosslevel.data.cases import find_cases, usable_cases
from crosslevel.data.decide import ChooseFolds, Deciding
from crosslevel.data.prepare import Prepared
from crosslevel.data.quality.depths import depths_of
from crosslevel.data.quality.findings import Findings, examine_images
from crosslevel.data.quality.fingerprints import image_hashes
from crosslevel.data.quality.naming import limited
from crosslevel.data.split import Split, resolve_split
from crosslevel.errors import DataError, one_line
from crosslevel.system.console import Reporter
from crosslevel.types import Case

SEEN = ("train_labelled", "train_unlabelled", "val")
FEWEST = 2


def prepare_images(
    folder: Path,
    config: TrainConfig,
    reporter: Reporter,
    *,
    with_test: bool,
    choose_folds: ChooseFolds = lambda masks, has_val: 0,
    resumed_split: Path | None = None,
) -> Prepared:
    """Index, split and check the images of a folder.

    The split is the one that a training with the same `split`, or `split_seed` and `folds`, has.

    Args:
        folder: The data.
        config: What is said of the data and the split.
        reporter: Who tells the user.
        with_test: Test images are seen, too.
        choose_folds: Decides about folds as the training does, which then has no test of its own.
        resumed_split: The split of the pretraining that goes on.

    Returns:
        The images that are seen as the part "train_unlabelled"; of the other parts only "test", if
        it is not seen, has cases.

    Raises:
        DataError: All problems at once.
    """
    if resumed_split:
        split = Split.load(resumed_split)
        cases = usable_cases(
            folder, skip_bad=config.skip_bad, reading=config.reading, layout=config.layout
        )
        cases = [case for case in cases if case.id in split.case_ids]
        prepared = Prepared(split, resolve_split(split, cases, image_hashes(cases)))
    else:
        prepared = _split_and_check(folder, config, reporter, choose_folds)
    parts = prepared.parts
    names = (*SEEN, "test") if with_test else SEEN
    seen = [replace(case, mask=None) for name in names for case in parts[name]]
    if len(seen) < FEWEST:
        raise DataError([f"{folder}: {len(seen)} images to learn from; at least {FEWEST} must be."])
    left_out = [] if with_test else parts["test"]
    why = _why(prepared.split, len(left_out), with_test=with_test)
    reporter.say(f"{folder}: {len(seen)} images to learn from, {why}. Masks are not opened.")
    return replace(
        prepared,
        parts={"train_labelled": [], "train_unlabelled": seen, "val": [], "test": left_out},
    )


def _why(split: Split, num_left_out: int, *, with_test: bool) -> str:
    """Return how many images are left out, and why."""
    if num_left_out:
        return f"{num_left_out} left out, on which `train` of this folder with these options tests"
    if with_test and split.test:
        return "none left out, test images neither, as asked for"
    if split.folds:
        return (
            "none left out: `train` of this folder holds its few masks out in turn and has no test "
            "part. For a training with --folds 0 or a --method, pretrain with --folds 0"
        )
    return "none left out: there are no test images"


def _split_and_check(
    folder: Path, config: TrainConfig, reporter: Reporter, choose_folds: ChooseFolds
) -> Prepared:
    found = find_cases(folder, config.reading, config.layout)
    with reporter.task("Checking images", len(found.cases)) as advance:
        findings = examine_images(found.cases, advance, config.reading)
    bad_files = [*found.bad_files, *findings.bad_files]
    if found.faults or (bad_files and not config.skip_bad):
        remedy = "" if found.faults else "Repair them, or do without them with --skip_bad."
        raise DataError([*(bad.problem for bad in bad_files), *found.faults], remedy)
    depths = depths_of(found.cases, findings, config.reading)
    warnings = [*found.warnings, *depths.warnings]
    for line in [f"warning: {one_line(warning)}" for warning in warnings]:
        reporter.say(line)
    for line in limited(bad.problem for bad in bad_files):
        reporter.say(f"set aside: {one_line(line)}")
    split = _split(found.cases, config, findings, choose_folds)
    lost = {bad.case_id for bad in bad_files if bad.case_id}
    parts = resolve_split(split.without(lost), _others(found.cases, lost, split), findings.hashes)
    return Prepared(split.without(lost), parts, tuple(bad_files), depths.window)


def _split(
    cases: Sequence[Case], config: TrainConfig, findings: Findings, choose_folds: ChooseFolds
) -> Split:
    """Return the split that a training draws; with too few masks for one, all images are seen."""
    if config.split:
        given = Split.load(config.split)
        return replace(given, hashes={**findings.hashes, **given.hashes})
    masked = [case for case in cases if case.mask]
    if not masked or (len(masked) == 1 and not masked[0].part):
        everything = tuple(case.id for case in cases)
        return Split((), everything, (), (), config.split_seed, 0, findings.hashes)
    deciding = Deciding(choose_folds, None)
    return deciding.split(None, cases, config, findings, findings.look_alikes())


def _others(cases: Sequence[Case], lost: set[str], split: Split) -> list[Case]:
    return [case for case in cases if case.id not in lost and case.id in split.case_ids]
