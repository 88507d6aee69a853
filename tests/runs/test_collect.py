import shutil

import pytest

from crosslevel.errors import InputError
from crosslevel.runs.collect import collect


def test_collect__a_bench_is_rows_of_draws(bench):
    found = collect([bench])
    assert list(found.rows) == ["supervised", "mean_teacher"]
    assert [run.config.draw for run in found.rows["supervised"]] == [0, 1]
    assert found.missing == []


def test_collect__a_bench_of_folders_alone(bench, tmp_path):
    shutil.copytree(bench, tmp_path / "bench", ignore=shutil.ignore_patterns("*draw?-seed0.yaml"))
    assert len(collect([tmp_path / "bench"]).runs) == 4


def test_collect__run_folders_are_rows_of_their_own(published):
    assert list(collect(published).rows) == ["small-supervised", "small-mean_teacher"]


def test_representatives__are_of_the_first_draw_all_rows_have(bench, tmp_path):
    copy = tmp_path / "bench"
    shutil.copytree(bench, copy)
    assert [run.config.draw for run in collect([copy]).representatives] == [0, 0]
    (copy / "runs" / "supervised-draw0-seed0" / "summary.json").unlink()
    found = collect([copy])
    assert [run.config.draw for run in found.representatives] == [1, 1]
    (copy / "runs" / "mean_teacher-draw1-seed0" / "summary.json").unlink()
    assert [run.config.draw for run in collect([copy]).representatives] == [1, 0]


def test_collect__of_no_finished_run_is_an_error(bench, tmp_path):
    (tmp_path / "runs").mkdir()
    file = "supervised-draw0-seed0.yaml"
    shutil.copy(bench / "runs" / file, tmp_path / "runs" / file)
    with pytest.raises(InputError, match="is trained and evaluated yet: run `crosslevel evaluate"):
        collect([tmp_path])


def test_collect__two_runs_of_one_name_are_refused(bench, published):
    with pytest.raises(InputError, match="Two runs are called small-supervised"):
        collect([*published, published[0]])
    with pytest.raises(InputError, match="give each once"):
        collect([bench, bench])


@pytest.mark.parametrize("file", ["summary.json", "per_image.csv", "log.csv"])
def test_collect__a_damaged_file_is_named(published, file):
    (published[0] / file).write_text("")
    with pytest.raises(InputError, match=r"of .*small-supervised is damaged .*crosslevel evaluate"):
        collect(published)
