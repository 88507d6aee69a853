"""What happens to a folder before a training: index, split, check; every problem in one report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from crosslevel.config.train import TrainConfig
from crosslevel.data.cases import find_cases, usable_cases
from crosslevel.data.decide import ChooseFolds, Deciding, given_split
from crosslevel.data.layouts import Found
from crosslevel.data.quality.about_masks import about_labelled
from crosslevel.data.quality.bad_files import BadFile, without_bad
from crosslevel.data.quality.depths import Depths, depths_of
from crosslevel.data.quality.findings import Findings, examine_images, examine_masks
from crosslevel.data.quality.fingerprints import changed_masks, image_hashes, mask_hashes
from crosslevel.data.quality.naming import limited
from crosslevel.data.quality.report import CheckReport, report
from crosslevel.data.sheet import DataSheet, data_sheet
from crosslevel.data.split import MASKED_PARTS, Split, resolve_split
from crosslevel.errors import DataError, InputError, one_line
from crosslevel.system.console import Reporter
from crosslevel.types import Case, Window

SKIPPED = "each with the image or mask that belongs to it"


@dataclass(frozen=True, slots=True)
class Prepared:
    """Cases in their parts, ready for a `DataModule`.

    Attributes:
        split: Which case is where, with content hashes.
        parts: "train_labelled", "train_unlabelled", "val" and "test" cases.
        set_aside: What is done without (with `skip_bad`).
        window: What is black and white in images deeper than 8 bits; of a run that goes on, its
            configuration says it.
        num_masks: Masks that there are, also those of images the split has not.
        sheet: What the data are like; None of a run that goes on, which has it already.
    """

    split: Split
    parts: dict[str, list[Case]]
    set_aside: tuple[BadFile, ...] = ()
    window: Window = ()
    num_masks: int = 0
    sheet: DataSheet | None = None


def prepare(
    folder: Path,
    config: TrainConfig,
    reporter: Reporter,
    resumed_split: Path | None = None,
    choose_folds: ChooseFolds = lambda masks, has_val: 0,
    before: Split | None = None,
) -> Prepared:
    """Index, split and check a folder; of unlabelled cases no mask is opened.

    Args:
        folder: The data.
        config: Labelled share, draw, seeds and classes; whether bad files are set aside.
        reporter: Who tells the user.
        resumed_split: The split of the run that goes on; its hashes prove that no file changed
            that it trains on, so the check is not repeated.
        choose_folds: Decides about folds, once the masks are counted.
        before: Split of the run whose weights are the start.

    Raises:
        DataError: All problems at once.
        InputError: If there is no labelled image to train on, or none to validate.
    """
    if resumed_split:
        split = Split.load(resumed_split)
        usable = usable_cases(
            folder, skip_bad=config.skip_bad, reading=config.reading, layout=config.layout
        )
        cases = _in_split(split, usable)
        prepared = _resolve(split, cases, image_hashes(cases))
        prepared = replace(prepared, num_masks=_num_masked(usable))
        _refuse_changed_masks(prepared)
    else:
        prepared = _with_mask_hashes(
            _split_and_check(folder, config, reporter, Deciding(choose_folds, before))
        )
    reporter.say(f"{folder}: {_counted(prepared)}")
    return prepared


def _counted(prepared: Prepared) -> str:
    counts = {name: len(cases) for name, cases in prepared.parts.items()}
    split, rest = prepared.split, [f"{counts['val']} to validate", f"{counts['test']} to test"]
    if split.folds:
        num_masks = sum(i in split.folds for i in split.train_labelled)
        rest[0] = f"{num_masks} masks held out in turn in {len(split.fold_names)} folds"
        rest = rest if split.test else rest[:1]
    return ", ".join(
        [
            f"{counts['train_labelled']} labelled and {counts['train_unlabelled']} unlabelled "
            "images to train on",
            *rest,
        ]
    )


def _refuse_changed_masks(prepared: Prepared) -> None:
    """Examine masks but those of test images, which the evaluation reads first."""
    parts = prepared.parts
    cases = [*parts["train_labelled"], *parts["val"]]
    changed = changed_masks(prepared.split.mask_hashes, cases)
    if changed:
        lines = limited(
            f"{path}: not the same mask as at the start of the run." for path in changed
        )
        raise DataError(lines, "Restore the masks, or train anew with another --out.")


def _with_mask_hashes(prepared: Prepared) -> Prepared:
    masked = [case for name in MASKED_PARTS for case in prepared.parts[name]]
    return replace(prepared, split=replace(prepared.split, mask_hashes=mask_hashes(masked)))


def _find(folder: Path, config: TrainConfig) -> Found:
    found = find_cases(folder, config.reading, config.layout)
    if not found.cases:
        raise DataError(found.problems)
    if not any(case.mask for case in found.cases):
        line = (
            f"{folder}: none of the {len(found.cases)} images has a mask. Put masks for some "
            "of them in a folder masks/ beside images/, under the names of their images."
        )
        raise DataError([*found.problems, line])
    return found


def _split_and_check(
    folder: Path, config: TrainConfig, reporter: Reporter, deciding: Deciding
) -> Prepared:
    """Read each image once: that decides the split, and the split which masks to open.

    Bad images are part of the draw, so the others are where they will be once those are repaired.
    """
    found = _find(folder, config)
    given = given_split(config, reporter)
    cases = _in_split(given, found.cases) if given else found.cases
    if left_over := len(found.cases) - len(cases):
        line = f"not in {config.split}, and not used: {left_over} of {len(found.cases)} images."
        reporter.say(f"warning: {line}")
    with reporter.task("Checking images", len(cases)) as advance:
        findings = examine_images(cases, advance, config.reading)
    depths = depths_of(cases, findings, config.reading)
    if depths.window:
        reporter.say(f"Values: {depths.text}")
    alike = findings.look_alikes()
    try:
        split = deciding.split(given, cases, config, findings, alike)
        prepared = _resolve(split, cases, findings.hashes)
    except InputError as error:
        if isinstance(error, DataError):  # masks are too few, and those there are may be broken
            findings = _with_masks(cases, config, findings)
        raise _together(error, folder, [*found.problems, *findings.problems]) from error
    masked = [case for name in MASKED_PARTS for case in prepared.parts[name]]
    findings = _with_masks(masked, config, findings)
    checked = _check(prepared, config, findings, alike, depths)
    for warning in [*found.warnings, *checked.warnings]:
        reporter.say(f"warning: {one_line(warning)}")
    if left_out := prepared.split.left_out:
        reporter.say(
            f"warning: {len(left_out)} images (the first is {left_out[0]}) share a group or a "
            "folder with images that are validated or tested on: they are left out."
        )
    bad_files = [*found.bad_files, *checked.bad_files]
    faults = [*found.faults, *checked.faults]
    left = prepared.split.without({bad.case_id for bad in bad_files if bad.case_id})
    missing = _missing(prepared.split, left)
    if faults or missing or (bad_files and not config.skip_bad):
        remedy = "" if faults else f"Repair them, or do without them with --skip_bad ({SKIPPED})."
        raise DataError([*(bad.problem for bad in bad_files), *faults], missing or remedy)
    for line in limited(bad.problem for bad in bad_files):
        reporter.say(f"set aside: {one_line(line)}")
    if bad_files:
        prepared = replace(_resolve(left, cases, findings.hashes), set_aside=tuple(bad_files))
    num_masks = _num_masked(without_bad(found.cases, found.bad_files))
    sheet = data_sheet(found.cases, findings, config.mask_classes, prepared.split, bad_files)
    return replace(prepared, window=depths.window, num_masks=num_masks, sheet=sheet)


def _missing(split: Split, left: Split) -> str:
    """Return what to do where bad files leave a part of the split without any mask."""
    parts = {
        "to train on": (split.train_labelled, left.train_labelled),
        "to validate": (split.val, left.val),
    }
    empty = [what for what, (before, after) in parts.items() if before and not after]
    if not empty:
        return ""
    return (
        f"Without these files no image with a mask is left {' or '.join(empty)}: repair them, or "
        "add masks."
    )


def _num_masked(cases: Sequence[Case]) -> int:
    return sum(case.mask is not None for case in cases)


def _together(error: InputError, folder: Path, problems: Sequence[str]) -> InputError:
    """Return one error of what is wrong with the files and with the split."""
    if isinstance(error, DataError):
        return DataError([*problems, *(f"{folder}: {line}" for line in error.problems)])
    return DataError([*problems, str(error)]) if problems else InputError(str(error))


def _in_split(split: Split, cases: Sequence[Case]) -> list[Case]:
    known = split.case_ids
    return [case for case in cases if case.id in known]


def _with_masks(cases: Sequence[Case], config: TrainConfig, findings: Findings) -> Findings:
    """Open the masks of these cases."""
    return examine_masks(findings, cases, config.mask_classes, axis=config.axis, size=config.size)


def _check(
    prepared: Prepared,
    config: TrainConfig,
    findings: Findings,
    alike: Sequence[Sequence[str]],
    depths: Depths,
) -> CheckReport:
    """Compare the sides of the split, and look at the masks that were opened."""
    parts = prepared.parts
    cases = [case for part in parts.values() for case in part]
    side_of = {case.id: name.partition("_")[0] for name in parts for case in parts[name]}
    classes = config.mask_classes
    checked = report(cases, classes, findings, side_of, alike, depths, config.size)
    learned = [case.id for case in parts["train_labelled"] if case.id in findings.masks]
    missing = about_labelled([findings.masks[case_id] for case_id in learned], classes)
    return replace(checked, warnings=[*checked.warnings, *missing])


def _resolve(split: Split, cases: Sequence[Case], hashes: Mapping[str, str]) -> Prepared:
    """Fill in hashes, which a split written by hand may lack."""
    split = replace(split, hashes={**hashes, **split.hashes})
    parts = resolve_split(split, cases, hashes)
    if not parts["val"] and not split.folds:
        raise InputError(
            "The split has no validation images, which choose the best epoch: give some masked "
            "images the part val, leave --folds out, or let the split be drawn."
        )
    if len(split.fold_names) == 1:
        raise InputError(
            "Of the masks that can be used, all are in one fold, so none can be held out in turn: "
            "repair the others, or add masks."
        )
    if not parts["train_labelled"]:
        raise InputError("No training image is labelled: add masks, or raise --labelled.")
    return Prepared(split, parts)
