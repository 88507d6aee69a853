"""The page of a model on a hub says of which masks its scores are."""

import shutil
from dataclasses import replace

import pytest

from crosslevel.errors import InputError
from crosslevel.evaluation.means import what_rows_say
from crosslevel.models.folder import load_card
from crosslevel.report.model_card import model_card
from crosslevel.runs.collect import collect
from crosslevel.runs.finished import read_run
from crosslevel.types import Reading


def page_of(run, card):
    return model_card(run, card, address="hf:clinic/polyps", licence="mit")


def test_model_card__of_folds_counts_the_masks_that_they_held_out(bench):
    folder = bench / "runs" / "supervised-draw0-seed0"
    run, card = read_run(folder, "first"), load_card(folder / "model")
    assert run.split is not None
    labelled, others = run.split.train_labelled, run.split.train_unlabelled
    folds = {i: str(1 + place % 3) for place, i in enumerate(labelled)} | {others[0]: "1"}
    run = replace(
        run,
        split=replace(run.split, folds=folds),
        summary=replace(run.summary, subset="out-of-fold", num_cases=len(labelled)),
    )
    text, count = page_of(run, card), len(labelled)
    assert f"| masks | {count} to learn from, {count} of them held out in turn in 3 folds |" in text
    assert f"Out-of-fold (3 folds): each of {count} images with masks was scored by a" in text
    assert "so it has no score of its own" in text
    assert "part `" not in text


def test_read_run__of_an_adapted_one_says_why_not(bench, tmp_path):
    run = shutil.copytree(bench / "runs" / "supervised-draw0-seed0", tmp_path / "theirs")
    (run / "adaptation.json").write_text("{}")
    with pytest.raises(InputError, match="theirs was adapted, not trained"):
        read_run(run, "theirs")
    with pytest.raises(InputError, match="theirs was adapted, not trained"):
        collect([run])


def test_model_card__scores_are_those_of_the_summary_where_images_are_healthy(bench):
    folder = bench / "runs" / "supervised-draw0-seed0"
    run, card = read_run(folder, "first"), load_card(folder / "model")
    first = run.per_image.index[0]
    table = run.per_image.assign(false_alarms=float("nan"))
    table.loc[first, ["dice", "foreground_share", "false_alarms"]] = 0.0, 0.0, 2.0
    run = replace(run, per_image=table, summary=replace(run.summary, **what_rows_say(table)))
    text, mean = page_of(run, card), run.summary.mean["dice"]
    assert f"{100 * table['dice'].mean():.1f}" != f"{mean:.1f}"
    assert f"| Dice | {mean:.1f} |" in text
    assert "1 images without foreground: 2.00 false alarms in one on average" in text


def test_model_card__names_a_window_where_there_is_one(bench):
    folder = bench / "runs" / "supervised-draw0-seed0"
    run, card = read_run(folder, "first"), load_card(folder / "model")
    assert "window" not in page_of(run, replace(card, reading=Reading(window=())))
    assert "the window (0.0, 9.0)" in page_of(
        run, replace(card, reading=Reading(window=(0.0, 9.0)))
    )


@pytest.mark.parametrize(
    ("row", "lead", "line"),
    [
        ("supervised", "on 4 images with masks.", "| images without a mask | not used |"),
        (
            "mean_teacher",
            "on 4 images with masks and 10 without.",
            "| images without a mask | 10 |",
        ),
    ],
)
def test_model_card__speaks_of_images_without_masks_where_they_were_used(bench, row, lead, line):
    folder = bench / "runs" / f"{row}-draw0-seed0"
    text = page_of(read_run(folder, "first"), load_card(folder / "model"))
    assert lead in text
    assert line in text
