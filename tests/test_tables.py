"""Tables of results are those of the published runs, and these are what their protocol says."""

import re

import pandas as pd
import pytest

from crosslevel.data.split import Split
from docs.tables import __main__ as tables
from docs.tables import cells
from docs.tables.published import PUBLISHED, TRIES, protocol

INTERVAL = re.compile(r"\[[+-]\d+\.\d+(, | to )[+-]\d|\d ± \d")
KEYS = [str(file.parent.relative_to(PUBLISHED)) for file in PUBLISHED.rglob("protocol.yaml")]
MARKED = re.compile(r"<!-- table: .*?<!-- end -->", re.DOTALL)


def test_tables__are_those_of_the_published_runs():
    assert list(tables.drifted()) == [], "run `make tables`"


def test_main__writes_what_has_drifted(tmp_path, monkeypatch, capsys):
    page = tmp_path / "page.md"
    page.write_text("<!-- table: weights -->\nold\n<!-- end -->\n")
    monkeypatch.setattr(tables, "ROOT", tmp_path)
    monkeypatch.setattr(tables, "INDEX", tmp_path / "index.csv")
    monkeypatch.setattr(tables, "CURVE", tmp_path / "curve.svg")
    monkeypatch.setattr(tables, "pages", lambda: [page])
    assert tables.main() == 0
    assert capsys.readouterr().out == "index.csv\ncurve.svg\npage.md\n"
    assert "| supervised U-Net | 68.4 |" in page.read_text()
    assert list(tables.drifted()) == []


def test_filled__an_unknown_table_is_named(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("<!-- table: nothing -->\n<!-- end -->\n")
    with pytest.raises(ValueError, match=r"page\.md: no table 'nothing'\. Choose from readme"):
        tables.filled(page)


@pytest.mark.parametrize("page", tables.pages(), ids=lambda page: f"{page.parent.name}/{page.name}")
def test_pages__quote_intervals_in_generated_tables_alone(page):
    assert not INTERVAL.search(MARKED.sub("", page.read_text()))


@pytest.mark.parametrize("key", KEYS)
def test_protocol__says_what_its_runs_say(key):
    of = protocol(key)
    needed = {"title", "data", "masks", "split", "commit", "command", "machine", "precision"}
    assert needed | {"particular"} <= set(of.facts)
    for run in (run for runs in of.rows.values() for run in runs):
        split = Split.load(of.split_file(run.config.draw))
        assert set(run.per_image.index) == set(split.test)
        assert run.summary.environment.commit in of.facts["commit"]
        assert run.config.precision in of.facts["precision"]
        assert of.facts["masks"] == len(split.train_labelled)


def test_results__hold_no_code_and_nothing_that_shows_an_image():
    files = [file for file in PUBLISHED.parent.rglob("*") if file.is_file()]
    assert {file.suffix for file in files} <= {".csv", ".json", ".md", ".yaml"}
    assert not list(TRIES.rglob("*.json"))


def test_index__names_every_run_once():
    listed = pd.read_csv(tables.INDEX)
    names = {
        f"{line.dataset}/{line.protocol}/{line.row}-draw{line.draw}-seed{line.seed}"
        for line in listed.itertuples()
    }
    folders = {str(file.parent.relative_to(PUBLISHED)) for file in PUBLISHED.rglob("summary.json")}
    assert names == folders
    assert len(listed) == len(folders)


def test_gain__of_one_run_each_is_no_verdict_on_the_methods():
    one = protocol("kvasir-seg-800/320px")
    shown, verdict = cells.gain(one.rows["clcc"], one.reference)
    assert shown.startswith("+4.3 [")
    assert verdict == "one run each"


def test_gain__of_a_row_against_itself_is_empty():
    one = protocol("kvasir-seg-800/320px")
    assert cells.gain(one.rows["supervised"], one.reference) == ("", "")


def test_gain__compares_rows_of_one_name():
    ours = protocol("kvasir-seg-800/160px-apart").rows["supervised"]
    theirs = protocol("kvasir-seg-800/160px-one-batch").rows["supervised"]
    assert cells.gain(ours, theirs)[0].startswith("-2.4 [")


def test_spread__is_mean_and_standard_deviation_over_draws():
    runs = protocol("kvasir-seg-800/256px-96-masks").rows["fixmatch"]  # 87.16, 86.40, 86.50
    assert cells.spread(runs) == "86.7 ± 0.4"
    assert cells.spread(runs[:1], digits=2) == "87.16"


def test_protocol__a_folder_of_another_name_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("docs.tables.published.PUBLISHED", tmp_path)
    (tmp_path / "set" / "protocol" / "clcc").mkdir(parents=True)
    (tmp_path / "set" / "protocol" / "protocol.yaml").write_text("reference: clcc\n")
    with pytest.raises(ValueError, match=r"clcc: expected the name ROW-drawD-seedS"):
        protocol("set/protocol")
