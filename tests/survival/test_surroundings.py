"""What fails around a training is one line that names it, and the run goes on afterwards."""

import errno
import itertools
import os

import pandas as pd
import pytest

from crosslevel.bench.grid import Grid
from crosslevel.bench.run import run_grid
from crosslevel.cli import main
from crosslevel.runs.folder import RunFolder
from support.bad_folders import train
from support.equal_runs import assert_equal_runs
from support.rights import rights_of_an_owner
from support.tiny import tiny_config

THREE = ("--epochs", "3")


@pytest.fixture(scope="module")
def whole(lesions, tmp_path_factory):
    run = tmp_path_factory.mktemp("runs") / "whole"
    assert train(lesions, run, *THREE) == 0
    return RunFolder(run)


def goes_on(lesions, run, whole):
    assert train(lesions, run, *THREE) == 0
    assert_equal_runs(whole, RunFolder(run))


def test_train__a_folder_that_may_not_be_written(lesions, tmp_path, whole, capsys):
    run = tmp_path / "run"
    run.mkdir(0o500)
    with rights_of_an_owner():
        assert train(lesions, run, *THREE) == 2
    said = capsys.readouterr().err
    assert f"crosslevel: {run}" in said
    assert "Permission denied. Check the path, its permissions and the free space" in said
    run.chmod(0o700)
    goes_on(lesions, run, whole)


@pytest.mark.parametrize("file", ["split.json", "log.csv", "last.ckpt", "model.safetensors"])
def test_train__a_full_disk_names_the_file(lesions, tmp_path, whole, capsys, monkeypatch, file):
    run, original = tmp_path / "run", os.fsync

    def fsync(descriptor):
        if f"/.{file}." in os.readlink(f"/proc/self/fd/{descriptor}"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        original(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", fsync)
        assert train(lesions, run, *THREE) == 1
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith(f"crosslevel: {run}")
    assert f"{file}: No space left on device. Check" in said
    goes_on(lesions, run, whole)


def test_train__a_clock_that_runs_backwards_changes_nothing(lesions, tmp_path, whole, monkeypatch):
    hours = itertools.count(2_000_000_000, -3600)
    with monkeypatch.context() as patch:
        patch.setattr("time.time", lambda: float(next(hours)))
        assert train(lesions, tmp_path / "run", *THREE) == 0
    run = RunFolder(tmp_path / "run")
    assert_equal_runs(whole, run)
    seconds = pd.read_csv(run.log_file)["seconds"]
    assert seconds.is_monotonic_increasing
    assert seconds.between(0, 3600).all()


def test_evaluate__a_full_disk_leaves_the_scores_before(lesions, tmp_path, capsys, monkeypatch):
    run = RunFolder(tmp_path / "run")
    assert train(lesions, run.path, "--evaluate") == 0
    before = run.summary_file.read_bytes(), run.per_image_file.read_bytes()

    def fsync(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("os.fsync", fsync)
    assert main(["evaluate", str(run.path)]) == 1
    assert f"{run.path}" in capsys.readouterr().err.splitlines()[-1]
    assert (run.summary_file.read_bytes(), run.per_image_file.read_bytes()) == before


FRAGILE = """
import os, signal
from pathlib import Path
from crosslevel.methods.supervised import Supervised

class Fragile(Supervised):
    '''Killed once, at its first step.'''

    def training_step(self, *arguments):
        if not Path({marker!r}).exists():
            Path({marker!r}).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().training_step(*arguments)
"""


def test_benchmark__a_killed_worker_costs_its_cell_until_it_is_repeated(
    lesions, tmp_path, monkeypatch
):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    (tmp_path / "fragile.py").write_text(FRAGILE.format(marker=str(tmp_path / "was killed")))
    grid = Grid((f"{tmp_path / 'fragile.py'}:Fragile", "supervised"))
    base, out = tiny_config("supervised", epochs=1), tmp_path / "bench"
    [failure] = run_grid(grid, lesions, out, base)
    assert "Fragile, draw 0, seed 0: killed by SIGKILL (exit code -9, see " in failure
    assert len(list(out.rglob("summary.json"))) == 1
    assert run_grid(grid, lesions, out, base) == []
    assert len(list(out.rglob("summary.json"))) == 2
