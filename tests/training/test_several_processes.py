"""Two processes learn what one learns, end together, and one goes on where two were."""

import time
from pathlib import Path

import pandas as pd
import pytest
import torch

from crosslevel.errors import InputError
from crosslevel.evaluation.evaluate import evaluate
from crosslevel.runs.folder import RunFolder
from crosslevel.system.devices import Place
from crosslevel.system.files import write_text
from crosslevel.training.train import train
from support.tiny import tiny_config
from support.two_processes import CASES, learned, together

PATIENCE = 600


@pytest.fixture(scope="module")
def both(lesions, tmp_path_factory):
    out = tmp_path_factory.mktemp("both")
    processes = together("-m", "support.two_processes", str(lesions), str(out))
    said = [process.communicate(timeout=PATIENCE) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
    return out


@pytest.fixture(scope="module")
def found(both):
    return [torch.load(both / f"found-{rank}.pt", weights_only=False) for rank in range(2)]


@pytest.mark.parametrize("case", CASES)
def test_learned__losses_and_weights_are_those_of_one_process(found, case):
    losses, state = learned(case)
    for of_two, of_one in zip(found[0][case][0], losses, strict=True):
        assert of_two == pytest.approx(of_one, rel=1e-5, abs=1e-8)
    for name, value in state.items():
        torch.testing.assert_close(found[0][case][1][name], value, rtol=1e-5, atol=1e-5, msg=name)


@pytest.mark.parametrize("case", CASES)
def test_learned__both_processes_have_the_same(found, case):
    (losses, state), (losses_1, state_1) = (of_rank[case] for of_rank in found)
    assert losses == losses_1
    assert all(torch.equal(state[name], state_1[name]) for name in state)


def test_train_and_evaluate__leave_what_one_process_leaves(both, lesions, tmp_path):
    one = train(lesions, tmp_path / "run", tiny_config())
    evaluate(one.path, subset="all", allow_overlap=True)
    two = RunFolder(both / "run")
    files = [
        sorted(str(p.relative_to(run.path)) for p in run.path.rglob("*") if p.is_file())
        for run in (one, two)
    ]
    plain = [[f for f in names if not f.startswith("tensorboard/")] for names in files]
    assert plain[0] == plain[1]
    logs = [pd.read_csv(run.log_file).drop(columns="seconds") for run in (one, two)]
    pd.testing.assert_frame_equal(logs[0], logs[1], rtol=1e-3)
    tables = [run.path / "scores-all-original" / "per_image.csv" for run in (one, two)]
    scores = [pd.read_csv(table) for table in tables]
    assert scores[0]["id"].tolist() == scores[1]["id"].tolist()
    pd.testing.assert_frame_equal(scores[0], scores[1], atol=0.02)


def test_train__one_killed_all_end_with_one_message_and_one_process_goes_on(lesions, tmp_path):
    out = tmp_path / "run"
    words = ["-m", "crosslevel", "train", "--data", lesions, "--out", out, "--epochs", 100_000]
    words += ["--method", "supervised", "--size", 32, "--labelled", 4, "--check_every", 1]
    words += ["--precision", "fp32", "--model.name", "unet", "--model.widths", "[4,8]"]
    first, second = together(*map(str, words))
    wait_for(out / "checkpoints" / "last.before.ckpt")
    second.kill()
    _, said = first.communicate(timeout=PATIENCE)
    assert first.returncode == 1, said
    message = "crosslevel: Another process of this command has ended, so all of them stop."
    assert said.count("crosslevel: ") == 1
    assert message in said
    assert "Traceback" not in said
    second.communicate()
    run = RunFolder(out)
    stop = run.num_epochs_done + 3
    text = run.config_file.read_text()
    write_text(run.config_file, text.replace("epochs: 100000", f"epochs: {stop}"))
    assert train(lesions, out, run.config()).num_epochs_done == stop


def wait_for(file: Path) -> None:
    end = time.monotonic() + PATIENCE
    while not file.is_file():
        assert time.monotonic() < end, f"{file} was not written"
        time.sleep(0.05)


def test_train__a_budget_of_several_processes_is_refused(lesions, tmp_path):
    place = Place(torch.device("cpu"), rank=0, world=2)
    with pytest.raises(InputError, match="leave --budget out and give --epochs"):
        train(lesions, tmp_path / "run", budget=60, place=place)
