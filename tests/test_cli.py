"""The commands as a user types them, in processes of their own where it matters."""

import signal
import subprocess
import sys
import time

import pandas as pd
import pytest
import torch
import yaml

from crosslevel.cli import COMMANDS, main
from crosslevel.config.files import from_yaml
from crosslevel.data.public.sources import find_source
from crosslevel.data.synthetic import write_synthetic
from crosslevel.training.loop import Trainer
from support.rights import rights_of_an_owner

TINY = [
    *("--size", "32", "--labelled", "4", "--batch_labelled", "2", "--batch_unlabelled", "2"),
    *("--method", "clcc", "--args.tiles", "2", "--model.name", "unet", "--model.widths", "[4,8]"),
    *("--precision", "fp32", "--threads", "1"),
]


def train_words(data, out, *more):
    return ["train", "--data", str(data), "--out", str(out), *TINY, *more]


def start(words):
    return subprocess.Popen(
        [sys.executable, "-m", "crosslevel", *words], stderr=subprocess.PIPE, text=True
    )


def wait_for_epochs(run, count, process):
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        if (run / "log.csv").is_file() and len(pd.read_csv(run / "log.csv")) >= count:
            return
        time.sleep(0.05)
    raise AssertionError(f"no {count} epochs: {process.communicate(timeout=5)}")


def test_train_evaluate_predict__as_a_user_calls_them(lesions, tmp_path, capsys):
    run, masks = tmp_path / "run", tmp_path / "masks"
    assert main(train_words(lesions, run, "--epochs", "3")) == 0
    assert f"Done: {run}" in capsys.readouterr().err
    assert main(["evaluate", str(run)]) == 0
    assert "Dice" in capsys.readouterr().out
    assert main(["predict", str(run), str(lesions / "images"), "--out", str(masks)]) == 0
    assert f"Done: 24 masks in {masks}" in capsys.readouterr().err
    assert len(list(masks.glob("*.png"))) == 24


@pytest.mark.parametrize("kind", [signal.SIGKILL, signal.SIGINT], ids=lambda s: s.name)
def test_train__killed_and_repeated_ends_like_one_that_was_not(lesions, tmp_path, kind):
    words = ["--epochs", "100", "--check_every", "5"]
    assert main(train_words(lesions, tmp_path / "whole", *words)) == 0
    run = tmp_path / "run"
    process = start(train_words(lesions, run, *words))
    wait_for_epochs(run, 6, process)
    process.send_signal(kind)
    said = process.communicate(timeout=60)[1]
    if kind == signal.SIGINT:
        assert process.returncode == 130
        assert "Repeat the same command to go on" in said
    assert len(pd.read_csv(run / "log.csv")) < 100
    assert main(train_words(lesions, run, *words)) == 0
    model = "model/model.safetensors"
    assert (run / model).read_bytes() == (tmp_path / "whole" / model).read_bytes()
    there, here = (
        pd.read_csv(f / "log.csv").drop(columns="seconds") for f in (run, tmp_path / "whole")
    )
    pd.testing.assert_frame_equal(there, here)


def test_help__lists_every_command(capsys):
    assert main([]) == 0
    assert all(name in capsys.readouterr().out or name for name in COMMANDS)


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out[0].isdigit()


@pytest.mark.parametrize("config", [["--config", "small"], ["--config=small"]])
def test_options__win_over_files_wherever_the_two_stand(lesions, tmp_path, capsys, config):
    words = ["train", "--data", str(lesions), "--out", str(tmp_path / "run"), "--size", "96"]
    with pytest.raises(SystemExit):
        main([*words, "--method", "supervised", *config, "--print_config"])
    shown = yaml.safe_load(capsys.readouterr().out)
    assert (shown["method"], shown["size"], shown["epochs"]) == ("supervised", 96, 100)


def test_print_config__is_a_configuration(tmp_path, lesions, capsys):
    with pytest.raises(SystemExit, match="0"):
        main([*train_words(lesions, tmp_path / "run"), "--print_config"])
    assert "labelled: 4" in capsys.readouterr().out


def test_config__a_preset_and_an_override(lesions, tmp_path):
    config = ["--config", "demo", "--epochs", "1"]
    words = ["train", "--data", str(lesions), "--out", str(tmp_path / "r"), *config, *TINY]
    assert main(words) == 0
    text = (tmp_path / "r" / "config.yaml").read_text()
    assert "size: 32" in text
    assert "warmup: 0.1" in text


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--size", "34"], "divisible by 4"),
        (["--budget", "soon"], "15min"),
        (["--budget", "1.2.3h"], "15min"),
        (["--budget", ".h"], "15min"),
        (["--classes.background", "0", "--classes.polyp", "1"], "leave it out"),
        (["--budget", "1min", "--epochs", "3"], "leave --epochs out"),
        (["--labelled", "500"], "500"),
        (["--method", "clc"], "Did you mean 'clcc'"),
        (["--config", "kvasr"], "Did you mean 'kvasir'"),
        (["--args.tile", "3"], "Did you mean 'tiles'"),
        (["--size", "big"], "size"),
        (["--sise", "32"], "--sise"),
    ],
)
def test_train__wrong_options_say_what_to_do(lesions, tmp_path, capsys, words, expected):
    assert main(train_words(lesions, tmp_path / "run", *words)) == 2
    said = capsys.readouterr().err
    assert expected in said
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((), {"tiles": 3, "detach_local": False}),
        (("--args.tiles", "2"), {"tiles": 2}),
        (("--method", "supervised"), {"decay": 0}),
        (("--method", "mean_teacher", "--args.decay", "0.9"), {"decay": 0.9}),
    ],
)
def test_train__args_of_a_preset_do_not_follow_to_another_method(
    lesions, tmp_path, words, expected
):
    preset = ["--config", "demo", "--epochs", "1", "--labelled", "4", "--model.widths", "[4,8]"]
    words = ["train", "--data", str(lesions), "--out", str(tmp_path / "run"), *preset, *words]
    assert main(words) == 0
    args = from_yaml(tmp_path / "run/config.yaml").args
    assert args | expected == args


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["train", "--data", "nowhere", "--out", "run", *TINY], "nowhere"),
        (["train", "--data", "nowhere"], "arguments are required: --out\n"),
        (["evaluate", "nowhere"], "not a run folder"),
        (["predict", "nowhere", "x.png", "--out", "y"], "nowhere: no such folder"),
        (["data", "check", "nowhere"], "nowhere"),
        (["data", "download", "kvasir", "--out", "x"], "kvasir-seg"),
        (["trian"], "no command 'trian'. Did you mean 'train'?"),
        (["data", "chek"], "Did you mean 'data check'?"),
        (["train", "--data", "x", "--out", "y", "--sizes=64"], "Did you mean '--size'?"),
        (["predict", "run", "x", "--out", "y", "--overlya"], "Did you mean '--overlay'?"),
        (["data"], "no command 'data'"),
    ],
)
def test_commands__wrong_input_exits_with_2(tmp_path, monkeypatch, capsys, words, expected):
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    said = capsys.readouterr().err
    assert expected in said
    assert "Traceback" not in said


def test_train__a_gpu_that_is_too_small_is_one_error(lesions, tmp_path, monkeypatch, capsys):
    def fail(*_):
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(Trainer, "_losses", fail)
    assert main(train_words(lesions, tmp_path / "run")) == 1
    said = capsys.readouterr().err
    assert "CUDA out of memory" in said
    assert "lower --size" in said


def test_benchmark__paper_is_checked_before_any_run(lesions, tmp_path, capsys):
    words = ["benchmark", "--data", str(lesions), "--out", str(tmp_path / "b"), "--paper", "kvasir"]
    assert main(words) == 2
    assert "kvasir-seg" in capsys.readouterr().err
    assert not (tmp_path / "b").exists()


def test_config__a_wrong_key_names_the_file_and_the_nearest_key(lesions, tmp_path, capsys):
    file = tmp_path / "my.yaml"
    file.write_text("sise: 32")
    assert main(train_words(lesions, tmp_path / "run", "--config", str(file))) == 2
    said = capsys.readouterr().err
    assert "my.yaml: unknown key 'sise'" in said
    assert "Did you mean 'size'" in said


def test_output__that_cannot_be_written_is_one_line(tmp_path, capsys):
    (tmp_path / "file").touch()
    assert main(["demo", "--out", str(tmp_path / "file")]) == 2
    said = capsys.readouterr().err
    assert f"{tmp_path / 'file'}" in said
    assert "Check the path" in said
    assert "Traceback" not in said


def test_data_check__prints_counts(tmp_path, capsys):
    data = write_synthetic(tmp_path / "data", 6, size=32, masks=4, seed=0)
    assert main(["data", "check", str(data)]) == 0
    said = capsys.readouterr().out
    assert "6" in said
    assert "4 with a mask" in said


def test_demo__compares_two_methods_on_one_page(tmp_path, capsys):
    words = ["demo", "--out", str(tmp_path / "demo"), "--num_images", "60", "--epochs", "1"]
    assert main(words) == 0
    said = capsys.readouterr().out
    assert "Supervised U-Net" in said
    assert "CLCC" in said
    page = (tmp_path / "demo" / "report.html").read_text()
    assert page.count('role="img"') == 4 + 2
    assert page.count("data:image/jpeg") >= 5 * 4 + 2 * 8
    assert (tmp_path / "demo" / "figure.png").stat().st_size > 10_000


def test_data_check__counts_one_problem_as_one(tmp_path, capsys):
    assert main(["data", "generate", str(tmp_path / "d"), "--num", "4", "--size", "32"]) == 0
    (tmp_path / "d" / "masks" / "lesion_0001.png").write_bytes(b"not an image")
    assert main(["data", "check", str(tmp_path / "d")]) == 2
    assert "d: 1 problem, listed above" in capsys.readouterr().err


def test_data_generate__makes_what_data_check_finds(tmp_path, capsys):
    words = ["--num", "5", "--masks", "3", "--size", "32"]
    assert main(["data", "generate", str(tmp_path / "made"), *words]) == 0
    said = capsys.readouterr().err
    assert f"Done: {tmp_path / 'made'}" in said
    assert f"crosslevel train --data {tmp_path / 'made'} --out RUN" in said
    assert main(["data", "check", str(tmp_path / "made")]) == 0
    assert "3 with a mask" in capsys.readouterr().out


def test_data_download__says_the_terms_and_where_it_failed(tmp_path, capsys):
    words = ["kvasir-seg", "--out", str(tmp_path / "data"), "--mirror", tmp_path.as_uri()]
    assert main(["data", "download", *words]) == 1
    said = capsys.readouterr().err
    assert find_source("kvasir-seg").notice in said
    assert f"{tmp_path.as_uri()}/" in said.splitlines()[-1]
    assert "Traceback" not in said


def test_data_check__a_folder_without_permission_is_named(tmp_path, capsys):
    data = write_synthetic(tmp_path / "data", 3, size=32, seed=0)
    (data / "masks").chmod(0)
    with rights_of_an_owner():
        assert main(["data", "check", str(data)]) == 2
    (data / "masks").chmod(0o700)
    said = capsys.readouterr().err
    assert f"{data / 'masks'}: cannot be listed (Permission denied). Change" in said


@pytest.mark.parametrize("word", ["-h", "--help"])
def test_data_help__lists_its_commands(word, capsys):
    assert main(["data", word]) == 0
    said = capsys.readouterr().out
    assert "data check" in said
    assert "predict" not in said


def test_main__a_command_for_one_process_is_refused_in_several(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert main(["data", "generate", str(tmp_path / "new")]) == 2
    assert "`crosslevel data generate` works in one process" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_predict__of_a_run_that_is_not_there_names_it(lesions, tmp_path, capsys):
    words = ["predict", str(tmp_path / "firts"), str(lesions), "--out", str(tmp_path / "masks")]
    assert main(words) == 2
    assert f"{tmp_path / 'firts'}: no such folder. Check the path." in capsys.readouterr().err
