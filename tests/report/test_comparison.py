"""The report page of real runs."""

import re
import shutil
from dataclasses import replace

import pandas as pd
import pytest

from crosslevel.cli import main
from crosslevel.data.split import Split
from crosslevel.errors import InputError
from crosslevel.report.bench import bench_notes, bench_table
from crosslevel.report.comparison import verdict, write_report
from crosslevel.report.figures import most_disputed, typical_cases
from crosslevel.runs.collect import Collection, collect
from crosslevel.runs.records import Healthy

SECTIONS = (
    *("Scores", "Learning curves", "Per image", "Hard cases", "Worst and best", "Settings"),
    "Environment",
)


def test_page__has_every_section_and_row_and_loads_nothing(page):
    text = page.read_text()
    for section in SECTIONS:
        assert f">{section}</h2>" in text
    for row in ("supervised", "mean_teacher"):
        assert f"{row.replace('_', '_<wbr>')}</th>" in text
        assert f"All settings of {row}" in text
    assert not re.findall(r'(?:src|href)="(?!data:|#)', text)
    assert not re.findall(r"@import|url\((?!#)", text)
    assert text.count('role="img"') == 3 + 2  # curves, two of single images, losses of each row
    assert "#0102" not in text  # every placeholder has become a colour of the page


def test_verdict__names_the_reference_and_claims_no_more_than_the_interval(bench):
    text = verdict(collect([bench]))
    assert text.startswith("4 runs in 2 rows, 5 test images. Dice against supervised")
    found = re.search(r"([a-z ]+): mean_teacher \(\S+ \[(\S+), (\S+)\]\)", text)
    assert found is not None
    low, high = float(found[2]), float(found[3])
    expected = "better" if low > 0 else "worse" if high < 0 else "not distinguishable"
    assert found[1].strip() == expected
    assert "one run each" not in text


def test_verdict__counts_the_images_that_dice_is_of(bench):
    found = collect([bench])
    for run in found.runs:
        run.per_image["foreground_share"] = [0.0, *[0.1] * 4]
    assert "2 rows, 4 test images." in verdict(found)


def test_table__says_all_numbers_of_steps_of_a_row(bench):
    runs = collect([bench]).rows["supervised"]
    longer = replace(runs[0], log=runs[0].log.assign(step=7))
    assert bench_table([longer, runs[1]])["Steps"].tolist() == [f"7 | {runs[1].num_steps}"]


def test_verdict__of_one_run_each_does_not_speak_of_methods(published):
    text = verdict(collect(published))
    assert "Dice against small-supervised" in text
    assert ": one run each: small-mean_teacher (" in text
    assert text.endswith("an interval is over images alone and says nothing of the methods.")


def test_verdict__of_one_pair_of_trainings_says_so_whatever_other_runs_there_are(bench, tmp_path):
    copy = tmp_path / "bench"
    shutil.copytree(bench, copy)
    shutil.rmtree(copy / "runs" / "supervised-draw1-seed0")
    assert verdict(collect([copy])).endswith("alone and says nothing of the methods.")
    notes = bench_notes(collect([copy]).runs, paper=None)
    assert (
        "1 of the runs of mean_teacher have no partner in the difference between mean_teacher and "
        "supervised."
    ) in notes


def test_table__rows_of_other_images_are_not_compared_and_it_says_so(published):
    file = published[1] / "per_image.csv"
    pd.read_csv(file).iloc[1:].to_csv(file, index=False)
    runs = collect(published).runs
    assert not any("Dice against" in str(column) for column in bench_table(runs))
    said = (
        "small-mean_teacher is not compared with small-supervised: not scored on the same images."
    )
    assert [n for n in bench_notes(runs, paper=None) if "not compared" in n] == [said]


def test_notes__say_of_how_many_images_the_means_are(published):
    runs = collect(published).runs
    count = runs[0].summary.num_cases
    healthy = Healthy(num_images=2, num_with_alarm=0, alarms_per_image=0.0)
    some = [replace(run, summary=replace(run.summary, healthy=healthy)) for run in runs]
    assert f", {count} test images, scored at their" in bench_notes(runs, paper=None)[1]
    said = f", {count} test images (scores of the {count - 2} with foreground), scored at their"
    assert said in bench_notes(some, paper=None)[1]


@pytest.mark.parametrize("column", ["dice", "id"])
def test_table__a_missing_or_second_score_is_no_verdict(published, column):
    file = published[1] / "per_image.csv"
    table = pd.read_csv(file)
    table.loc[0, column] = {"dice": None, "id": table["id"][1]}[column]
    table.to_csv(file, index=False)
    notes = bench_notes(collect(published).runs, paper=None)
    assert any("an image has no score, or two" in note for note in notes)


def test_table__runs_of_another_split_are_not_compared(bench, tmp_path):
    copy = tmp_path / "bench"
    shutil.copytree(bench, copy)
    file = copy / "runs" / "mean_teacher-draw0-seed0" / "split.json"
    split = Split.load(file)
    moved, *kept = split.train_unlabelled
    changed = replace(
        split, train_unlabelled=tuple(kept), train_labelled=(*split.train_labelled, moved)
    )
    file.write_text(changed.to_json())
    notes = bench_notes(collect([copy]).runs, paper=None)
    assert (
        "mean_teacher is not compared with supervised: not of the same split of the data." in notes
    )


def test_verdict__of_one_run_that_gains_on_every_image_is_none(published):
    file = published[1] / "per_image.csv"
    table = pd.read_csv(file)
    table["dice"] = pd.read_csv(published[0] / "per_image.csv")["dice"] + 0.1
    table.to_csv(file, index=False)
    collection = collect(published)
    assert ": one run each: small-mean_teacher (+10.0 [+10.0, +10.0])." in verdict(collection)
    column = bench_table(collection.runs)["Dice against small-supervised"]
    assert column.tolist() == ["", "+10.00 [+10.00, +10.00] one run each"]


def test_verdict__of_runs_that_all_gain_on_every_image_is_better(bench, tmp_path):
    copy = shutil.copytree(bench, tmp_path / "bench")
    for draw in (0, 1):
        ours, theirs = (
            copy / "runs" / f"{row}-draw{draw}-seed0" / "per_image.csv"
            for row in ("mean_teacher", "supervised")
        )
        table = pd.read_csv(ours)
        table["dice"] = pd.read_csv(theirs)["dice"] + 0.1
        table.to_csv(ours, index=False)
    collection = collect([copy])
    assert ": better: mean_teacher (+10.0 [+10.0, +10.0])." in verdict(collection)
    column = bench_table(collection.runs)["Dice against supervised"]
    assert column.tolist() == ["", "+10.00 [+10.00, +10.00] 2/2"]


def test_report__published_folders_show_all_but_pictures(published, tmp_path):
    write_report(tmp_path / "page.html", collect(published))
    text = (tmp_path / "page.html").read_text()
    assert "5 of the 5 scored images are not at the place the runs recorded" in text
    assert "data:image/jpeg" not in text
    assert "small-supervised</th>" in text
    assert text.count('role="img"') == 3 + 2


def test_report__old_files_without_sizes_environment_or_validation(published, tmp_path):
    for folder in published:
        scores = pd.read_csv(folder / "per_image.csv")
        scores.drop(columns="foreground_share").to_csv(folder / "per_image.csv", index=False)
        log = pd.read_csv(folder / "log.csv")
        log.drop(columns="val/dice").to_csv(folder / "log.csv", index=False)
        summary = (folder / "summary.json").read_text()
        (folder / "summary.json").write_text(summary.replace('"environment"', '"unknown"'))
    write_report(tmp_path / "page.html", collect(published))
    text = (tmp_path / "page.html").read_text()
    assert "The runs recorded no sizes of lesions" in text
    assert "The runs recorded no environment" in text


def test_report__one_run_alone(bench, tmp_path):
    run = bench / "runs" / "supervised-draw1-seed0"
    write_report(tmp_path / "page.html", collect([run]))
    text = (tmp_path / "page.html").read_text()
    assert "was trained by supervised on 4 images with masks." in text
    assert "All settings are below" in text


def test_report__lists_runs_that_are_not_finished(bench, tmp_path):
    copy = tmp_path / "bench"
    shutil.copytree(bench, copy)
    (copy / "runs" / "supervised-draw1-seed0" / "summary.json").unlink()
    write_report(tmp_path / "page.html", collect([copy]))
    text = (tmp_path / "page.html").read_text()
    assert "Not finished, and not counted: supervised-draw1-seed0." in text


def test_cases__are_those_that_every_run_was_scored_on(bench):
    first, second = collect([bench]).runs[:2]
    few = replace(second, per_image=second.per_image.iloc[:2])
    common = {str(name) for name in few.per_image.index}
    assert set(typical_cases([first, few])) <= common
    assert set(most_disputed([first, few], 5)) <= common


def test_report__of_runs_without_an_image_in_common_is_refused(bench, tmp_path):
    runs = collect([bench]).runs[:2]
    others = runs[1].per_image.rename(index=lambda name: f"other_{name}")
    apart = {"a": [runs[0]], "b": [replace(runs[1], per_image=others)]}
    with pytest.raises(InputError, match="2 runs without one image that all of them"):
        write_report(tmp_path / "page.html", Collection(apart, []))
    assert not (tmp_path / "page.html").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["FOLDER"], "neither a run folder (with config.yaml) nor a bench"),
        (["BENCH", "--paper", "polyps"], "isic2018"),
        (["BENCH", "--data", "nowhere"], "nowhere: no such folder"),
    ],
)
def test_report__wrong_input_is_one_line_and_exit_code_2(bench, tmp_path, capsys, words, message):
    places = {"FOLDER": str(tmp_path), "BENCH": str(bench)}
    out = ["--out", str(tmp_path / "page.html")]
    assert main(["report", *(places.get(word, word) for word in words), *out]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert "Traceback" not in said
    assert not (tmp_path / "page.html").exists()
