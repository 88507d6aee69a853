"""A bench on a real Ray cluster of two nodes on this machine, one of which is lost under way."""

import time
from dataclasses import replace
from pathlib import Path
from threading import Thread

import pytest

from crosslevel.bench.grid import Grid, configure_cell
from crosslevel.bench.run import run_grid
from crosslevel.cli import main
from crosslevel.config.files import to_yaml
from crosslevel.data.prepare import prepare
from crosslevel.errors import InputError
from crosslevel.evaluation.evaluate import evaluate
from crosslevel.runs.folder import RunFolder, lock
from crosslevel.system.console import Reporter
from crosslevel.system.files import write_text
from crosslevel.training.train import train
from support.tiny import tiny_config

pytest.importorskip("ray", reason="the extra `cluster` is not installed")

from ray.cluster_utils import Cluster

from crosslevel.bench.cluster import RayWorkers, complete

PATIENCE = 400
CONFIG = tiny_config("supervised", epochs=400, check_every=20)
GRID = Grid(("supervised",), seeds=(0, 1, 2))


@pytest.fixture
def cluster(monkeypatch):
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    bytes_kept = 80_000_000
    head = {"num_cpus": 0, "object_store_memory": bytes_kept}
    made = Cluster(initialize_head=True, head_node_args=head)
    nodes = [made.add_node(num_cpus=1, object_store_memory=bytes_kept) for _ in range(2)]
    yield made, nodes
    made.shutdown()


def test_run_grid__a_lost_machine_costs_nothing_that_is_finished(cluster, lesions, tmp_path):
    made, (_, second) = cluster
    finished, *others = GRID.cells(tmp_path)
    run = train(lesions, finished.folder, configure_cell(CONFIG, finished))
    evaluate(run.path)
    before = run.summary_file.stat().st_mtime_ns

    def lose_one():
        for cell in others:
            wait_for(RunFolder(cell.folder).last_checkpoint)
        made.remove_node(second, allow_graceful=False)

    loss = Thread(target=lose_one)
    loss.start()
    workers = RayWorkers(1, made.address)
    assert run_grid(GRID, lesions, tmp_path, CONFIG, workers=workers) == []
    loss.join()
    assert all(cell.is_finished for cell in others)
    resumed = ["Resuming after step" in cell.log_file.read_text() for cell in others]
    assert sorted(resumed) == [False, True]
    assert run.summary_file.stat().st_mtime_ns == before
    assert (tmp_path / "table.md").is_file()  # also before all are done


def wait_for(file):
    end = time.monotonic() + PATIENCE
    while not file.is_file():
        assert time.monotonic() < end, f"{file} was not written"
        time.sleep(0.05)


def test_complete__a_finished_cell_is_left_alone(tmp_path, monkeypatch):
    [cell] = Grid(("supervised",)).cells(tmp_path)
    monkeypatch.setattr(type(cell), "is_finished", True)
    assert complete(cell, tmp_path, 1, tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def test_complete__a_folder_in_use_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("crosslevel.bench.cluster.PATIENCE", 0.01)
    [cell] = Grid(("supervised",)).cells(tmp_path)
    with lock(RunFolder(cell.folder)):
        assert "another process has been writing" in str(complete(cell, tmp_path, 1, tmp_path))


def test_complete__finds_files_relative_to_where_the_bench_was_begun(
    lesions, tmp_path, monkeypatch
):
    begun_in = tmp_path / "begun"
    begun_in.mkdir()
    split = prepare(lesions, CONFIG, Reporter(quiet=True)).split
    (begun_in / "split.json").write_text(split.to_json())
    [cell] = Grid(("supervised",)).cells(tmp_path / "bench")
    config = configure_cell(replace(CONFIG, split=Path("split.json"), epochs=1), cell)
    write_text(cell.config_file, to_yaml(config))
    monkeypatch.chdir(tmp_path)
    assert complete(cell, lesions, 1, begun_in) is None
    assert cell.is_finished


def test_command__an_address_without_ray_is_refused(lesions, tmp_path, capsys):
    words = ["benchmark", "--data", str(lesions), "--out", str(tmp_path), "--address", "auto"]
    assert main([*words, "--methods", "supervised"]) == 2
    assert "add --engine ray" in capsys.readouterr().err


def test_workers__a_cluster_that_is_not_there_is_named():
    with pytest.raises(InputError, match=r"No Ray cluster answers at 127\.0\.0\.1:1 .*ray start"):
        RayWorkers(1, "127.0.0.1:1").__enter__()
