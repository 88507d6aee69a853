"""Every row of `docs/reference/bad-input.md` about a training, as a user meets it."""

import json
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest

from crosslevel.cli import main
from support.bad_folders import REFUSED, SKIPPABLE, USED, WARNED, train
from support.rights import rights_of_an_owner

FEW_MASKS = {
    "no mask at all",
    "masks for two images only",
    "the only mask is damaged",
    "the only image with a mask is damaged",
    "every mask is damaged",
}
"""Of these a training alone says that masks are missing."""
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "bad-input.md"


def rows(title):
    """The cells of a table of the page by their first, and `code` as a list of what is said."""
    section = PAGE.read_text().partition(f"## {title}\n")[2].partition("\n## ")[0]
    table = [line.strip("| ").split(" | ") for line in section.splitlines() if line[:1] == "|"]
    return {row[0]: row[1:] for row in table[2:]}


def fragments(cell):
    return [one or two for two, one in re.findall(r"``(.+?)``|`(.+?)`", cell)]


def trained_cases(run):
    split = json.loads((run / "split.json").read_text())
    names = ("train_labelled", "train_unlabelled", "val", "test", "left_out")
    return {case_id for name in names for case_id in split[name]}


@pytest.fixture(autouse=True)
def _as_an_ordinary_user():
    with rights_of_an_owner():
        yield


@pytest.fixture
def data(lesions, tmp_path):
    return shutil.copytree(lesions, tmp_path / "data")


@pytest.mark.parametrize(
    ("title", "damages"),
    [
        ("Refused, or set aside", SKIPPABLE),
        ("Refused", REFUSED),
        ("Used, with a warning", WARNED),
        ("Used as it is", USED),
    ],
)
def test_page__names_what_is_tested(title, damages):
    assert list(rows(title)) == list(damages)


@pytest.mark.parametrize("name", [*SKIPPABLE, *REFUSED])
def test_refused__before_training_with_file_and_remedy(data, tmp_path, capsys, monkeypatch, name):
    said, code, *_ = {**rows("Refused, or set aside"), **rows("Refused")}[name]
    damaged = (SKIPPABLE | REFUSED)[name](data, monkeypatch) or data
    assert train(damaged, tmp_path / "run") == int(code)
    error = capsys.readouterr().err
    assert str(tmp_path) in error
    assert all(fragment in error for fragment in fragments(said)), error
    assert ("--skip_bad" in error) == (name in SKIPPABLE)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", SKIPPABLE)
def test_skip_bad__loses_only_what_is_bad(data, tmp_path, capsys, monkeypatch, name):
    said, _, lost = rows("Refused, or set aside")[name]
    damaged = SKIPPABLE[name](data, monkeypatch) or data
    run = tmp_path / "run"
    assert train(damaged, run, "--skip_bad") == 0
    capsys.readouterr()
    lines = (run / "set_aside.txt").read_text().splitlines()
    assert len(lines) == 1
    path, reason = lines[0].split("\t")
    assert path.startswith(str(data))
    assert all(fragment in reason for fragment in fragments(said))
    assert len(trained_cases(run)) == 24 - int(lost)
    monkeypatch.undo()
    assert train(damaged, run, "--skip_bad") == 0  # resumed
    assert str(run / "set_aside.txt") in capsys.readouterr().err


@pytest.mark.parametrize("name", REFUSED)
def test_skip_bad__cannot_help_where_no_file_is_to_blame(data, tmp_path, capsys, monkeypatch, name):
    damaged = REFUSED[name](data, monkeypatch) or data
    assert train(damaged, tmp_path / "run", "--skip_bad") == 2
    error = capsys.readouterr().err
    assert all(fragment in error for fragment in fragments(rows("Refused")[name][0])), error


@pytest.mark.parametrize("name", [*WARNED, *USED])
def test_used__and_nothing_is_lost(data, tmp_path, capsys, monkeypatch, name):
    said, code = {**rows("Used, with a warning"), **rows("Used as it is")}[name]
    damaged = (WARNED | USED)[name](data, monkeypatch) or data
    labelled = ["--labelled", "1"] if "--labelled 1" in name else []
    assert train(damaged, tmp_path / "run", *labelled) == int(code)
    error = capsys.readouterr().err
    if name != "a name with spaces, line breaks and letters of any script":
        assert all(fragment in error for fragment in fragments(said)), error
    assert ("warning: " in error) == (name in WARNED)
    assert len(trained_cases(tmp_path / "run")) == 24 + (name.startswith("one image twice"))


@pytest.mark.parametrize("name", [*SKIPPABLE, *sorted(REFUSED.keys() - FEW_MASKS), *WARNED])
def test_data_check__says_the_same(data, capsys, monkeypatch, name):
    tables = ("Refused, or set aside", "Refused", "Used, with a warning")
    [said, code, *_] = {row: cells for title in tables for row, cells in rows(title).items()}[name]
    damaged = (SKIPPABLE | REFUSED | WARNED)[name](data, monkeypatch) or data
    assert main(["data", "check", str(damaged)]) == int(code)
    shown = "".join(capsys.readouterr())
    assert all(fragment in shown for fragment in fragments(said)), shown


@pytest.mark.parametrize(
    ("kept", "said"),
    [
        (0, "none of the images has a mask: `crosslevel train` needs 2 or more; "),
        (1, "the masks are of one image or group: `crosslevel train` needs 2 or more; "),
        (2, ""),
    ],
)
def test_data_check__warns_where_masks_suffice_for_no_run(data, capsys, kept, said):
    for mask in sorted((data / "masks").iterdir())[kept:]:
        mask.unlink()
    if not kept:
        (data / "masks").rmdir()
    assert main(["data", "check", str(data)]) == 0
    shown = capsys.readouterr().out
    assert ("needs 2 or more" in shown) == bool(said)
    assert said in shown


def test_train__all_problems_in_one_list(data, tmp_path, capsys, monkeypatch):
    chosen = ["an empty image", "a mask without an image"]
    for name in chosen:
        SKIPPABLE[name](data, monkeypatch)
    (data / "masks" / "lesion_0005.png").write_text("no mask")
    assert train(data, tmp_path / "run", "--labelled", "500") == 2
    assert train(data, tmp_path / "run") == 2
    error = capsys.readouterr().err
    assert all(name in error for name in ("lesion_0003.jpg", "stray.png", "lesion_0005.png"))
    assert "labelled is 500" in error


def test_scores__of_an_odd_name_are_one_row(data, tmp_path, monkeypatch, capsys):
    USED["a name with spaces, line breaks and letters of any script"](data, monkeypatch)
    run = tmp_path / "run"
    assert train(data, run) == 0
    words = ["--subset", "all", "--allow_overlap", "--data", str(data)]
    assert main(["evaluate", str(run), *words]) == 0
    scores = pd.read_csv(run / "scores-all-original" / "per_image.csv")
    assert len(scores) == 24
    assert "ein Bild\nmit Umbruch – 内視鏡 é" in set(scores["id"])


def test_messages__show_a_line_break_as_its_escape(data, tmp_path, capsys):
    (data / "images" / "a\nb.jpg").write_text("no image")
    assert train(data, tmp_path / "run") == 2
    assert "a\\nb.jpg: not an image" in capsys.readouterr().err
