"""The report page of real runs, opened in a real browser where there is one."""

import re
import shutil
import subprocess
from dataclasses import replace

import pytest

from crosslevel.benchmark import Grid, run_grid, write_results
from crosslevel.cli import main
from crosslevel.errors import InputError
from crosslevel.evaluation import evaluate
from crosslevel.report.collect import collect
from crosslevel.report.comparison import verdict, write_report
from crosslevel.training import train
from tiny import tiny_config

BROWSER = next(filter(None, map(shutil.which, ("chromium", "google-chrome", "chrome"))), None)
QUIET = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
SECTIONS = ("Scores", "Learning curves", "Per image", "Cases", "Settings", "Environment")


@pytest.fixture(scope="module")
def bench(lesions, tmp_path_factory):
    """Two rows, two draws, trained in this process and laid out as the bench does."""
    out = tmp_path_factory.mktemp("bench")
    for cell in Grid(("supervised", "mean_teacher"), range(2)).cells(out):
        run = train(lesions, cell.folder, tiny_config(cell.row, draw=cell.draw))
        evaluate(run.path)
        cell.config_file.write_text(run.config_file.read_text())
    return out


@pytest.fixture(scope="module")
def page(bench):
    assert main(["report", str(bench)]) == 0
    return bench / "report.html"


def test_page__has_every_section_and_row_and_loads_nothing(page):
    text = page.read_text()
    for section in SECTIONS:
        assert f">{section}</h2>" in text
    for row in ("supervised", "mean_teacher"):
        assert row in text
    assert not re.findall(r'(?:src|href)="(?!data:|#)', text)
    assert text.count("data:image/jpeg") == 5 * 3 + 2 * 5  # 5 test images, of which 5 are extreme
    assert text.count("<svg") == 4


@pytest.mark.skipif(BROWSER is None, reason="needs Chromium or Chrome")
@pytest.mark.parametrize("width", [390, 1280])
def test_page__in_a_browser_loads_all_pictures_and_never_scrolls_sideways(page, tmp_path, width):
    frame = tmp_path / "frame.html"
    content = page.read_text() + (
        "<script>onload = () => { const pictures = [...document.images];"
        "document.title = ['seen', document.documentElement.scrollWidth <= innerWidth,"
        "pictures.length, pictures.every(p => p.complete && p.naturalWidth > 0)].join(' ') }"
        "</script>"
    )
    frame.write_text(content)
    # A headless window is at least 500 px wide: a frame is as narrow as a phone.
    outer = tmp_path / "outer.html"
    outer.write_text(
        f'<iframe src="frame.html" width="{width}" height="800"></iframe><script>'
        "onload = () => setTimeout(() => document.body.append("
        "document.querySelector('iframe').contentDocument.title), 300)</script>"
    )
    command = [
        str(BROWSER),
        *QUIET,
        f"--user-data-dir={tmp_path / 'profile'}",
        "--allow-file-access-from-files",
        "--virtual-time-budget=5000",
        "--dump-dom",
        outer.as_uri(),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert "seen true 25 true" in done.stdout


def test_verdict__names_the_reference_and_claims_no_more_than_the_interval(bench):
    text = verdict(collect([bench]))
    assert text.startswith("4 runs in 2 rows, 5 test images. Mean Dice against supervised")
    found = re.search(r"mean_teacher is ([a-z ]+) \(\S+ \[(\S+), (\S+)\]\)", text)
    assert found is not None
    low, high = float(found[2]), float(found[3])
    expected = "better" if low > 0 else "worse" if high < 0 else "not told apart"
    assert found[1] == expected


def test_report__published_folders_without_masks_say_what_is_missing(bench, tmp_path):
    kept = ("config.yaml", "log.csv", "per_image.csv", "summary.json")
    folders = []
    for name in ("supervised-draw0-seed0", "mean_teacher-draw0-seed0"):
        folders.append(tmp_path / name)
        folders[-1].mkdir()
        for file in kept:
            shutil.copy(bench / "runs" / name / file, folders[-1] / file)
    write_report(tmp_path / "page.html", collect(folders))
    text = (tmp_path / "page.html").read_text()
    assert "name the images with --data" in text
    assert "data:image/jpeg" not in text
    assert "supervised-draw0-seed0" in text


def test_report__one_run_alone(bench, tmp_path):
    run = bench / "runs" / "supervised-draw1-seed0"
    write_report(tmp_path / "page.html", collect([run]))
    assert "All rows have the same settings" in (tmp_path / "page.html").read_text()


def test_report__lists_runs_that_are_not_finished(bench, tmp_path):
    copy = tmp_path / "bench"
    shutil.copytree(bench, copy)
    (copy / "runs" / "supervised-draw1-seed0" / "summary.json").unlink()
    write_report(tmp_path / "page.html", collect([copy]))
    text = (tmp_path / "page.html").read_text()
    assert "Not finished, and not counted: supervised-draw1-seed0." in text


def test_report__wrong_folders_are_named(bench, tmp_path, capsys):
    assert main(["report", str(tmp_path)]) == 2
    assert "neither a run folder (with config.yaml) nor a bench" in capsys.readouterr().err
    unscored = tmp_path / "unscored"
    shutil.copytree(bench / "runs" / "supervised-draw0-seed0", unscored)
    (unscored / "summary.json").unlink()
    assert main(["report", str(unscored)]) == 2
    assert "crosslevel evaluate RUN" in capsys.readouterr().err
    assert main(["report", str(bench), "--paper", "polyps"]) == 2
    assert "isic2018" in capsys.readouterr().err


def test_benchmark__a_users_own_method_from_its_file(lesions, tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    name = "examples/add_a_method.py:Mine"
    grid = Grid(("supervised", name))
    assert run_grid(grid, lesions, tmp_path, replace(tiny_config("supervised"), epochs=1)) == []
    table = write_results(grid, tmp_path)
    assert table["Method"].tolist() == ["supervised", "Mine"]
    assert (tmp_path / "report.html").is_file()


def test_collect__of_no_finished_run_is_an_error(tmp_path, bench):
    (tmp_path / "runs").mkdir()
    file = "supervised-draw0-seed0.yaml"
    shutil.copy(bench / "runs" / file, tmp_path / "runs" / file)
    with pytest.raises(InputError, match="No run in"):
        collect([tmp_path])
