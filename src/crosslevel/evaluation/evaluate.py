"""Evaluation: a trained segmenter and cases with masks become one row of scores for each case."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Unpack

import pandas as pd

from crosslevel.data.quality.naming import limited
from crosslevel.data.split import Split
from crosslevel.errors import InputError, RunError, one_line
from crosslevel.evaluation.fitting import about_labels, classes_of, of_no_class, refuse_other_values
from crosslevel.evaluation.folds import FoldScoring
from crosslevel.evaluation.kept_masks import refuse_foreign_masks, remove_former_masks
from crosslevel.evaluation.means import what_rows_say
from crosslevel.evaluation.options import EvaluateKeywords, EvaluateOptions
from crosslevel.evaluation.scoring import Scoring
from crosslevel.evaluation.source import Source, about, source_of
from crosslevel.evaluation.subset import Chosen, choose
from crosslevel.images.writing import write_mask
from crosslevel.inference.runtimes import EXPORTED
from crosslevel.inference.segmenter import Segmenter
from crosslevel.runs.folder import RunFolder
from crosslevel.runs.records import (
    OUT_OF_FOLD,
    PHYSICAL_SCORES,
    SCORES,
    Environment,
    PerImage,
    Summary,
    class_dice,
    scored,
)
from crosslevel.system.console import Advance, Reporter
from crosslevel.system.devices import Place, this_place
from crosslevel.system.distributed import gathered
from crosslevel.system.files import write_text
from crosslevel.types import Case, Subset

THE_SCORE = "scores-test-original"
"""What lies in the run folder itself, unless nothing but folds was scored; other scores have a
folder of this kind of name in it."""
ALL_SCORES = SCORES | PHYSICAL_SCORES


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The scores of one model on one set of cases.

    Attributes:
        per_image: One row for each case: id, scores (in [0, 1], distances in pixels), sizes.
        summary: Means (×100 where the paper's tables are), and how they were made.
        per_image_file: Where the rows were written.
        classes: Names of the foreground classes, in order of their numbers in written masks.
    """

    per_image: pd.DataFrame
    summary: Summary
    per_image_file: Path
    classes: tuple[str, ...] = ()

    def to_text(self) -> str:
        """Return the summary as a small table for a person."""
        shown = {n: label for n, label in ALL_SCORES.items() if n in self.summary.mean}
        widths = [max(9, len(label)) for label in shown.values()]
        header = "  ".join(f"{label:>{w}}" for label, w in zip(shown.values(), widths, strict=True))
        values = "  ".join(
            f"{self.summary.mean[name]:{w}.2f}" for name, w in zip(shown, widths, strict=True)
        )
        healthy = self.summary.healthy
        num_scored = self.summary.num_cases - (healthy.num_images if healthy else 0)
        some = f", scores of the {num_scored} with foreground" if healthy and num_scored else ""
        title = f"{_subset_text(self.summary.subset)}, {self.summary.num_cases} images{some}"
        lines = [title, header, values]
        if interval := self.summary.dice_interval:
            low, high = interval
            lines.append(f"95 % interval of Dice over the images: {low:.2f} to {high:.2f}")
        lines += [str(healthy)] if healthy else []
        lines += _of_classes(scored(self.per_image), self.classes)
        if found := self.summary.confidence:
            lowest = f"{found.num_lowest} masks" if found.num_lowest > 1 else "mask"
            lines.append(
                f"The {lowest} of lowest confidence: Dice "
                f"{found.dice_lowest:.2f}, all others: {found.dice_others:.2f}"
            )
        if self.summary.expected_dice:
            lines.append(str(self.summary.expected_dice))
        return "\n".join(lines)


def evaluate(
    run: Path | str,
    data: Path | str | None = None,
    *,
    out: Path | str | None = None,
    reporter: Reporter | None = None,
    place: Place | None = None,
    **options: Unpack[EvaluateKeywords],
) -> Evaluation:
    """Score the best model of a run, and keep its masks in `predictions/` beside the scores.

    Args:
        run: The run folder; or a model by itself, also "hf:owner/name@revision", of which `data`
            and `out` are named and the subset is "all".
        data: Folder or CSV of images; the one the run was trained on if left out.
        out: Folder for the files. If left out, the run folder for the test part at original size,
            else `scores-SUBSET-SIZE` in it, with `-flips` and the runtime if so.
        reporter: Who tells the user; silent if left out.
        place: Of this process, if several score the cases together.
        options: Fields of `EvaluateOptions`: `subset`, `metric_size`, `flips`, `runtime`,
            `allow_overlap`, and how masks are drawn that are not the run's.

    Returns:
        The scores, also written to `per_image.csv` and `summary.json`.

    Raises:
        InputError: If the run has no model, a case of the subset is missing or changed, or was
            trained on; or if `out` has a folder `predictions/` that is not of an evaluation, or the
            scores of other data would be replaced.
        RunError: If an image or mask cannot be read; the scores of the others are kept in
            `per_image_incomplete.csv`, since a mean without them would not be that of the subset.
    """
    asked = EvaluateOptions(**options)
    reporter = reporter or Reporter(quiet=True)
    if out:
        refuse_foreign_masks(RunFolder(Path(out)))
    source = source_of(run, asked.classes)
    asked = _of_folds_if_untested(asked, source.split)
    data, target = _places(source, data, out, asked)
    for warning in about(source):
        reporter.say(f"warning: {warning}")
    segmenter = Segmenter.load(run, flips=asked.flips, runtime=asked.runtime)
    chosen = _choose(data, source, asked)
    classes = classes_of(source.classes, asked)
    refuse_other_values(chosen.cases, classes, source.reading)
    if chosen.trained_on and not asked.allow_overlap:
        raise _misleading(chosen.trained_on, data)
    for warning in (*_warnings(chosen, data, asked.subset), *about_labels(chosen.cases, classes)):
        reporter.say(f"warning: {warning}")
    if source.run and asked.subset == OUT_OF_FOLD:
        scoring: Scoring | FoldScoring = FoldScoring(source.run, source.split, classes, asked)
    else:
        scoring = Scoring(segmenter, classes, asked.metric_size)
    place = place or this_place()
    with reporter.task(f"Evaluating {asked.subset}", len(chosen.cases)) as advance:
        per_image, notes = _score_and_keep_masks(chosen.cases, scoring, target, place, advance)
    for note in limited(notes):
        reporter.say(f"warning: {one_line(note)}")
    summary = Summary(
        subset=asked.subset,
        num_cases=len(chosen.cases),
        num_trained_on=len(chosen.trained_on),
        num_validated_on=len(chosen.validated_on),
        num_masks_changed=len(chosen.changed_masks),
        num_epochs_done=source.run.num_epochs_done if source.run else None,
        **what_rows_say(per_image),
        expected_dice=scoring.trust() if place.world == 1 else None,
        metric_size=asked.metric_size,
        threshold=segmenter.card.threshold,
        fold_thresholds=scoring.thresholds if isinstance(scoring, FoldScoring) else None,
        flips=asked.flips,
        runtime=segmenter.runtime.name,
        method=segmenter.card.method,
        model=source.name,
        data=str(data.resolve()),
        environment=Environment.here(),
    )
    names = tuple(segmenter.card.classes)
    evaluation = Evaluation(per_image, summary, target.per_image_file, names)
    if place.is_first:
        _write(evaluation, target)
    return evaluation


def _write(evaluation: Evaluation, target: RunFolder) -> None:
    remove_former_masks(target, evaluation.per_image[PerImage.ID])
    write_text(target.per_image_file, evaluation.per_image.to_csv(index=False))
    write_text(target.summary_file, evaluation.summary.to_json())
    target.incomplete_file.unlink(missing_ok=True)


def _places(
    source: Source, data: Path | str | None, out: Path | str | None, asked: EvaluateOptions
) -> tuple[Path, RunFolder]:
    """Return where the images are and where the scores go; of a model by itself both are asked."""
    if source.run is None:
        if not (data and out and asked.subset == "all"):
            raise InputError(
                f"{source.name} is a model without its run, whose split and images are not known: "
                "name images with masks, and a folder for the scores, as in `crosslevel evaluate "
                f"{source.name} --data DIR --subset all --out SCORES`."
            )
        return Path(data), RunFolder(Path(out))
    own = _beside(source.run, source.split, _scores_name(asked))
    images = Path(data) if data else source.run.data()
    if out is None and asked.subset == "all":
        _refuse_to_replace(own, images)
    return images, RunFolder(Path(out)) if out else own


def _refuse_to_replace(target: RunFolder, data: Path) -> None:
    """Refuse a folder that has the scores of other images, where nobody named it."""
    try:
        scored_data = Path(target.summary().data) if target.summary_file.is_file() else data
    except InputError:  # damaged, so there is nothing to keep
        return
    if scored_data.resolve() != data.resolve():
        raise InputError(
            f"{target.path} has the scores of {scored_data}, which those of {data} would replace: "
            "give a folder for them with --out, or remove that one if nobody needs it."
        )


def _choose(data: Path, source: Source, asked: EvaluateOptions) -> Chosen:
    return choose(
        data,
        source.split,
        asked.subset,
        skip_bad=source.skip_bad,
        reading=source.reading,
        layout=asked.layout(source.layout),
    )


def _subset_text(subset: str) -> str:
    is_folds = subset == OUT_OF_FOLD
    return "out-of-fold (each by a network that did not learn from it)" if is_folds else subset


def _of_folds_if_untested(asked: EvaluateOptions, split: Split) -> EvaluateOptions:
    """Return what is asked for, with the folds where a run has them instead of a test part.

    Raises:
        InputError: If exports are to be scored there, of which folds have none.
    """
    if asked.subset == "test" and split.folds and not split.test:
        asked = replace(asked, subset="out-of-fold")
    if asked.subset == OUT_OF_FOLD and asked.runtime in EXPORTED:
        raise InputError(
            "Out-of-fold scores are of the networks of the folds, which have no exports: leave "
            f"--runtime {asked.runtime} out. The export is of the network that learned from all "
            "masks: score it on others, with --data FOLDER --subset all."
        )
    return asked


def _of_classes(per_image: pd.DataFrame, names: Sequence[str]) -> Iterator[str]:
    """Yield a line on each of several classes."""
    columns = {name: per_image[class_dice(name)] for name in names if len(names) > 1}
    for number, (name, column) in enumerate(columns.items(), start=1):
        count = int(column.notna().sum())
        dice = f"{100 * column.mean():9.2f}" if count else "   absent"
        yield f"{dice}  Dice of class {number} {name}, in {count} images"


def _misleading(trained_on: Sequence[str], data: Path) -> InputError:
    return InputError(
        f"{len(trained_on)} images of {data} were trained on (the first is {trained_on[0]!r}), by "
        "the run or one it started from: a score on them would mislead. Use --subset test, give "
        "other images, or insist with --allow_overlap."
    )


def _warnings(chosen: Chosen, data: Path, subset: Subset) -> Iterator[str]:
    """Yield what to keep in mind about the scores of these cases."""
    if chosen.set_aside:
        yield (
            f"{len(chosen.set_aside)} files of {data} cannot be used, and are not scored: "
            f"{chosen.set_aside[0].problem}"
        )
    if chosen.validated_on and subset != "val":
        yield (
            f"{len(chosen.validated_on)} images (the first is {chosen.validated_on[0]}) are those "
            "by which the run, or one that it started from, chose its best epoch: their scores are "
            "somewhat too good. --subset test has none of them."
        )
    if chosen.changed_masks:
        yield (
            f"{len(chosen.changed_masks)} masks are not those of the training's start (the first "
            f"is {chosen.changed_masks[0]}): do not compare these scores with scores of the masks "
            "before."
        )


def _beside(folder: RunFolder, split: Split, name: str) -> RunFolder:
    """Return where scores of this name lie: those of the only part a run has in its own folder."""
    is_tested = split.test or not split.folds
    own = THE_SCORE if is_tested else f"scores-{OUT_OF_FOLD}-original"
    return folder if name == own else RunFolder(folder.path / name)


def _scores_name(asked: EvaluateOptions) -> str:
    """Return the name of these scores: that of their folder unless they are `THE_SCORE`."""
    name = f"scores-{asked.subset}-{asked.metric_size}" + ("-flips" if asked.flips else "")
    return name + ("" if asked.runtime == "torch" else f"-{asked.runtime}")


def _score_and_keep_masks(
    cases: Sequence[Case],
    scoring: Scoring | FoldScoring,
    target: RunFolder,
    place: Place,
    advance: Advance,
) -> tuple[pd.DataFrame, list[str]]:
    """Return one row for each case, of all processes, and what is to be known of some cases.

    Raises:
        RunError: If some cannot be read; the rows of the others are kept.
    """
    rows = []
    for case, mask, row in scoring.score_all(place.share(cases)):
        rows.append(row)
        write_mask(target.predictions_folder / f"{case.id}.png", mask, scoring.num_channels)
        advance(place.world)
    shares = gathered(place, (rows, scoring.problems, scoring.notes, scoring.unnamed))
    row_of = {row[PerImage.ID]: row for rows, *_ in shares for row in rows}
    per_image = pd.DataFrame([row_of[case.id] for case in cases if case.id in row_of])
    notes = [note for _, _, notes, _ in shares for note in notes]
    notes += of_no_class([mask for *_, unnamed in shares for mask in unnamed])
    if problems := [problem for _, problems, *_ in shares for problem in problems]:
        raise _incomplete(per_image, problems, target.incomplete_file)
    return per_image, notes


def _incomplete(per_image: pd.DataFrame, problems: Sequence[str], file: Path) -> RunError:
    """Keep the rows there are, and say what is missing."""
    write_text(file, per_image.to_csv(index=False))
    lines = "\n".join(problems)
    return RunError(
        f"{lines}\n{len(problems)} images could not be scored. The scores of the other "
        f"{len(per_image)} are in {file}; repair the files and repeat for means and tables."
    )
