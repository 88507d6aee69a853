from dataclasses import replace

from crosslevel.report.settings import environment_section, settings_section
from crosslevel.runs.collect import collect


def test_settings__table_holds_what_differs_and_no_more(bench):
    first, second = collect([bench]).representatives
    section = settings_section([first, second])
    assert section.table is not None
    assert list(section.table.columns) == ["Row", "Method", "Arguments of the method"]
    assert section.table["Row"].tolist() == ["supervised", "mean_teacher"]
    wider = replace(first, name="wider", config=replace(first.config, size=64))
    table = settings_section([first, wider]).table
    assert table is not None
    assert table.to_numpy().tolist() == [["supervised", "32"], ["wider", "64"]]
    assert settings_section([first, first]).table is None


def test_environment__equal_facts_once_and_different_ones_side_by_side(bench):
    runs = collect([bench]).runs
    runs = [
        replace(run, environment=replace(run.environment, commit="def" if number else "abc"))
        for number, run in enumerate(runs)
    ]
    section = environment_section(runs)
    assert section.table is not None
    facts = section.table.set_index("Fact")["Value"].to_dict()
    assert facts["Commit"] == "abc | def"
    assert facts["Python"].count("|") == 0
    assert len(section.details) == 3  # commands, and two environments
