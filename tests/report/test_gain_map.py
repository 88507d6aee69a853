"""The map of methods: every row at its gain and its cost."""

from dataclasses import replace

import pytest

from crosslevel.report.gain_map import _apart, gain_map
from crosslevel.runs.collect import collect
from crosslevel.runs.compare import against


@pytest.fixture
def rows(bench):
    """Three rows with times of their own: those of runs this short are rounded to 0 s."""
    found = collect([bench]).rows
    return {
        "supervised": taking(1.0, found["supervised"]),
        "mean_teacher": taking(2.0, found["mean_teacher"]),
        "slow": [replace(run, name="slow") for run in taking(4.0, found["mean_teacher"])],
    }


def taking(seconds, runs):
    return [replace(run, log=run.log.assign(seconds=seconds)) for run in runs]


def test_gain_map__tells_gain_and_cost_of_each_row(rows):
    chart = gain_map(rows)
    assert chart is not None
    gain = against(rows["slow"], rows["supervised"])
    assert gain is not None
    assert f"slow {gain.mean:+.1f} at 4.0 times the time" in chart.description
    assert ">slow</text>" in chart.svg
    assert "supervised +" not in chart.description
    assert "#0102" not in chart.svg


def test_gain_map__of_two_rows_is_not_drawn(rows):
    del rows["slow"]
    assert gain_map(rows) is None


def test_apart__keeps_order_and_distance():
    assert _apart([3.0, 1.0, 1.2, 0.9], 0.5) == [3.0, 1.4, 1.9, 0.9]
