import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from crosslevel.bench.grid import ABLATIONS, Grid, configure_cell, expand, fitting
from crosslevel.bench.run import run_grid, write_results
from crosslevel.cli import main
from crosslevel.config.files import preset, to_yaml
from crosslevel.config.model import ModelConfig
from crosslevel.methods import METHODS
from crosslevel.methods.build import build_method
from crosslevel.report.bench import bench_notes
from crosslevel.runs.collect import collect
from crosslevel.system.console import Reporter
from support.tiny import tiny_config

BASE = tiny_config(
    "clcc", epochs=1, model=ModelConfig(widths=(4, 4, 4, 4, 4)), size=32, check_every=1
)
ROWS = ("supervised", "mean_teacher", "uamt", "urpc", *ABLATIONS, "clcc")


@pytest.fixture
def one_thread(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def stamps(out):
    return {p: p.stat().st_mtime_ns for p in out.rglob("summary.json")}


def test_cells__every_row_of_one_draw_before_the_next(tmp_path):
    cells = Grid(("a", "b"), range(2)).cells(tmp_path)
    assert [(c.row, c.draw) for c in cells] == [("a", 0), ("b", 0), ("a", 1), ("b", 1)]


def test_expand__all_are_all_once_and_what_is_compared_with_comes_first():
    rows = expand(["all", "supervised@enc"])
    assert len(set(rows)) == len(rows)
    assert {*METHODS, *ABLATIONS, "supervised_ema", "supervised@enc"} == set(rows)
    assert rows[0] == "supervised"
    assert expand(["clcc", "clcc"]) == ("clcc", "clcc")  # which is refused later
    assert expand([]) == ()


def test_fitting__what_cannot_be_trained_is_left_out_with_the_reason():
    said: list[str] = []
    base = replace(BASE, method="supervised", size=48, args={})  # fixmatch_clcc has 4×4 tiles
    assert fitting(["supervised", "fixmatch_clcc"], base, said.append) == ("supervised",)
    assert len(said) == 1
    assert said[0].startswith("warning: fixmatch_clcc is left out: A size of 48 px cannot be used")


def test_configure__methods_with_tiles_have_those_of_the_base(tmp_path):
    small = preset("small")  # 160 px, and the 5×5 tiles that `clcc` has if nothing is said
    cells = Grid(("fixmatch_clcc", "supervised", "fixmatch")).cells(tmp_path)
    for base, tiles in ((small, 5), (replace(small, size=96, args={"tiles": 3}), 3)):
        configs = [configure_cell(base, cell) for cell in cells]
        assert [config.args for config in configs] == [{"tiles": tiles}, {}, {}]
        build_method(configs[0])  # which refuses tiles that do not suit the size


def test_configure__a_row_with_weights_starts_from_them(tmp_path):
    [cell] = Grid(("clcc@deep/moco",)).cells(tmp_path)
    assert cell.folder.name == "clcc@moco-draw0-seed0"
    config = configure_cell(BASE, cell)
    assert (config.method, config.model.weights) == ("clcc", "deep/moco")
    assert config.args == BASE.args
    assert BASE.model.weights == "default"


def test_configure__an_ablation_leaves_one_term_of_equation_3_out(tmp_path):
    cells = Grid((*ABLATIONS, "supervised"), (2,)).cells(tmp_path)
    configs = [configure_cell(BASE, cell) for cell in cells]
    assert [c.method for c in configs] == ["clcc", "clcc", "supervised"]
    assert all(stage["beta"] == 0 for stage in configs[0].args["stages"])
    assert all(stage["alpha"] == 0 for stage in configs[1].args["stages"])
    assert configs[0].args["tiles"] == BASE.args["tiles"]
    assert configs[2].args == {}
    assert all(c.draw == 2 for c in configs)


def test_benchmark__seven_rows_and_two_draws_then_nothing_is_left_to_do(
    lesions, tmp_path, one_thread
):
    base = replace(BASE, size=32, args={"tiles": 1})
    grid = Grid(ROWS, range(2))
    assert len(ROWS) == 7
    assert run_grid(grid, lesions, tmp_path, base, jobs=2) == []
    before = stamps(tmp_path)
    assert len(before) == 14
    assert run_grid(grid, lesions, tmp_path, base) == []
    assert stamps(tmp_path) == before
    table = write_results(grid, tmp_path, "kvasir-seg").set_index("Method").astype(str)
    assert list(table.index) == list(ROWS)
    dice = [
        100 * pd.read_csv(f / "per_image.csv")["dice"].mean()
        for f in (tmp_path / "runs").glob("clcc-draw*-seed0")
        if f.is_dir()
    ]
    expected = f"{np.mean(dice):.2f}±{np.std(dice, ddof=1):.2f}"
    row = table.loc["clcc"].to_dict()
    assert row["Dice"] == expected
    assert row["Paper: Dice / mIoU / MAE (mask)"].startswith("73.63±0.25")
    assert row["Dice against clcc"] == ""
    assert "[" in row["Dice against supervised"]
    assert "another protocol" in (tmp_path / "table.md").read_text()


def test_benchmark__one_failing_cell_does_not_stop_the_rest(lesions, tmp_path, one_thread):
    grid = Grid(("supervised", "mean_teacher"))
    blocked = tmp_path / "runs" / "supervised-draw0-seed0"
    blocked.mkdir(parents=True)
    (blocked / "other.txt").touch()
    [failure] = run_grid(grid, lesions, tmp_path, replace(BASE, args={}, method="supervised"))
    log = tmp_path / "runs" / "supervised-draw0-seed0.log"
    assert failure == (
        f"supervised, draw 0, seed 0: {blocked} exists and is not a run folder: choose another "
        f"--out. (exit code 2, see {log})"
    )
    assert list(write_results(grid, tmp_path)["Method"]) == ["mean_teacher"]


def test_benchmark__a_wrong_row_is_refused_before_any_run(lesions, tmp_path):
    with pytest.raises(ValueError, match="Did you mean 'uamt'"):
        run_grid(Grid(("supervised", "uam")), lesions, tmp_path, BASE)
    assert not list(tmp_path.rglob("log.csv"))


def test_benchmark__leaves_memory_out_where_the_system_does_not_tell(
    lesions, tmp_path, one_thread, monkeypatch, capsys
):
    monkeypatch.delattr(os, "wait4")  # as on Windows
    grid, base = Grid(("supervised",)), replace(BASE, args={}, method="supervised")
    assert run_grid(grid, lesions, tmp_path, base, reporter=Reporter()) == []
    assert "Peak memory is left out: this system" in capsys.readouterr().err
    assert list(tmp_path.rglob("*.memory")) == []
    assert "Memory (GB)" not in write_results(grid, tmp_path)


@pytest.mark.parametrize(
    ("allowed", "num_gpus", "seen"),
    [(None, 0, {None}), (None, 1, {"0"}), (None, 8, {"0", "1"}), ("3,GPU-5", 2, {"3", "GPU-5"})],
)
def test_benchmark__jobs_side_by_side_have_a_gpu_each(
    lesions, tmp_path, monkeypatch, allowed, num_gpus, seen
):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if allowed:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", allowed)
    monkeypatch.setattr("torch.cuda.device_count", lambda: num_gpus)
    start, given = subprocess.Popen, []

    def note(words, env, **others):
        given.append(env.get("CUDA_VISIBLE_DEVICES"))
        return start([sys.executable, "-c", "import time; time.sleep(0.5)"], env=env, **others)

    monkeypatch.setattr(subprocess, "Popen", note)
    run_grid(Grid(("supervised",), range(4)), lesions, tmp_path, BASE, jobs=2)
    assert len(given) == 4
    assert set(given) == seen


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGKILL], ids=lambda s: s.name)
def test_benchmark__killed_and_repeated_recomputes_nothing_finished(
    lesions, tmp_path, one_thread, kind
):
    config = tmp_path / "config.yaml"
    config.write_text(to_yaml(replace(BASE, args={}, method="supervised", epochs=20)))
    out = tmp_path / "bench"
    words = ["benchmark", "--data", str(lesions), "--out", str(out), "--config", str(config)]
    words += ["--methods", "supervised", "mean_teacher", "--draws", "1"]
    process = subprocess.Popen(
        [sys.executable, "-m", "crosslevel", *words],
        preexec_fn=ignore_sigint,  # as a background job of a script starts
    )
    log = out / "runs" / "mean_teacher-draw0-seed0" / "log.csv"
    while not log.is_file():
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(kind)
    assert process.wait(timeout=60) == (130 if kind == signal.SIGINT else -kind)
    before = stamps(out)
    assert [p.parent.name for p in before] == ["supervised-draw0-seed0"]
    wait_until_nobody_trains(out)
    done = subprocess.run([sys.executable, "-m", "crosslevel", *words], check=False)
    assert done.returncode == 0
    assert {p: t for p, t in stamps(out).items() if p in before} == before
    assert len(stamps(out)) == 2


def ignore_sigint():
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def wait_until_nobody_trains(out):
    """The trainer of a killed bench gets SIGINT from the system, saves, and ends."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        commands = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                commands.append(Path(f"/proc/{pid}/cmdline").read_text())
            except OSError:
                continue
        if not any(str(out) in command and "train" in command for command in commands):
            return
        time.sleep(0.1)
    raise AssertionError("a trainer outlived its bench")


def test_benchmark__a_cell_of_another_configuration_is_refused(lesions, tmp_path, one_thread):
    base = replace(BASE, args={}, method="supervised")
    assert run_grid(Grid(("supervised",)), lesions, tmp_path, base) == []
    with pytest.raises(ValueError, match="another configuration:\n  epochs: 1 → 2"):
        run_grid(Grid(("supervised",)), lesions, tmp_path, replace(base, epochs=2))


@pytest.mark.parametrize(
    ("grid", "changes", "message"),
    [
        (Grid(("supervised", "supervised")), {}, "give each row once"),
        (Grid(("supervised",), range(2)), {"split": Path("s.json")}, "A given split.*--draws 1"),
        (Grid(("supervised",), range(2)), {"labelled": 1.0}, "All masks are used.*--draws 1"),
        (Grid(()), {}, "at least one row"),
        (Grid(("supervised",)), {"draw": 1, "seed": 2}, "draw is 1 and seed 2.*use --draws"),
    ],
)
def test_benchmark__a_grid_that_makes_no_sense_is_refused(
    lesions, tmp_path, grid, changes, message
):
    base = replace(BASE, args={}, method="supervised", **changes)
    with pytest.raises(ValueError, match=message):
        run_grid(grid, lesions, tmp_path, base)


def test_benchmark__other_images_than_those_of_runs_already_begun_are_refused(
    lesions, tmp_path, one_thread
):
    data, out = tmp_path / "data", tmp_path / "bench"
    shutil.copytree(lesions, data)
    base = replace(BASE, args={}, method="supervised")
    assert run_grid(Grid(("supervised",)), data, out, base) == []
    extra = next((data / "images").iterdir())
    shutil.copy(extra, extra.with_stem("another"))
    with pytest.raises(ValueError, match=r"supervised-draw0-seed0 .*other images \(1 are new, 0"):
        run_grid(Grid(("urpc",)), data, out, base)
    assert not (out / "runs" / "urpc-draw0-seed0").exists()


def test_benchmark__says_when_the_file_of_a_method_changed(lesions, tmp_path, one_thread, capsys):
    file = tmp_path / "mine.py"
    file.write_text((Path(__file__).parents[2] / "examples" / "add_a_method.py").read_text())
    row, out = f"{file}:Mine", tmp_path / "bench"
    base = replace(BASE, args={}, method="supervised")
    assert run_grid(Grid((row,)), lesions, out, base) == []
    with file.open("a") as source:
        source.write("\nX = 1\n")
    assert run_grid(Grid((row,), range(2)), lesions, out, base, reporter=Reporter()) == []
    assert f"the file of {row} has changed since" in capsys.readouterr().err
    assert "The file of Mine changed between its runs" in " ".join(
        bench_notes(collect([out]).runs, paper=None)
    )


@pytest.mark.parametrize(
    ("words", "folders"),
    [
        (["--labelled", "1.0"], ["draw0-seed0", "draw0-seed1", "draw0-seed2"]),
        (["--labelled", "1.0", "--seeds", "2"], ["draw0-seed0", "draw0-seed1"]),
        (["--labelled", "4"], ["draw0-seed0", "draw1-seed0", "draw2-seed0"]),
        (["--labelled", "4", "--draws", "1"], ["draw0-seed0"]),
    ],
)
def test_benchmark__left_to_itself_plans_runs_that_differ(
    lesions, tmp_path, monkeypatch, words, folders
):
    """Draws of all masks are one run several times, and would be counted as several."""
    config = tmp_path / "config.yaml"
    config.write_text(to_yaml(replace(BASE, args={}, method="supervised")))
    monkeypatch.setattr("crosslevel.bench.workers.ProcessWorkers._run_cell", lambda *_: "no")
    places = ["--data", str(lesions), "--out", str(tmp_path / "bench"), "--config", str(config)]
    assert main(["benchmark", *places, "--methods", "supervised", *words]) == 1
    planned = sorted(path.stem for path in (tmp_path / "bench" / "runs").glob("*.yaml"))
    assert planned == [f"supervised-{folder}" for folder in folders]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--methods", "supervised", "fixmatch", "--args.tiles", "4"], "args tiles belong to clcc"),
        (
            ["--methods", "clcc", "fixmatch", "--method", "fixmatch", "--args.threshold", "0.8"],
            "would leave out the args that --config has for the row clcc",
        ),
    ],
)
def test_benchmark__options_that_no_row_would_get_are_refused(
    lesions, tmp_path, capsys, words, message
):
    places = ["--data", str(lesions), "--out", str(tmp_path / "bench"), "--config", "kvasir"]
    assert main(["benchmark", *places, *words]) == 2
    assert message in capsys.readouterr().err


def test_benchmark__of_failed_runs_alone_says_so(lesions, tmp_path, one_thread, capsys):
    (tmp_path / "runs" / "supervised-draw0-seed0").mkdir(parents=True)
    (tmp_path / "runs" / "supervised-draw0-seed0" / "other.txt").touch()
    words = ["benchmark", "--data", str(lesions), "--out", str(tmp_path), "--config", "small"]
    assert main([*words, "--methods", "supervised", "--draws", "1"]) == 1
    assert (
        "None of these runs was finished, so no table was written: 1 failed"
        in capsys.readouterr().err
    )
