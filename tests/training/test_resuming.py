"""A run that goes on says what is not as it was; what cannot work to the end never starts."""

import json
import shutil
import sys
from dataclasses import replace

import pytest
import torch

from crosslevel.cli import main
from crosslevel.config.model import ModelConfig
from crosslevel.models import footprint
from crosslevel.runs.records import Environment
from crosslevel.system import memory
from crosslevel.system.console import Reporter
from crosslevel.training.resuming import about_resuming
from crosslevel.training.train import train
from support.tiny import tiny_auto, tiny_config


def test_train__counts_the_masks_that_came_after_the_start(lesions, tmp_path, capsys):
    data = shutil.copytree(lesions, tmp_path / "data")
    later = sorted((data / "masks").iterdir())[:5]
    kept = {mask: mask.read_bytes() for mask in later}
    for mask in later:
        mask.unlink()
    run = train(data, tmp_path / "run", tiny_config("supervised"))
    for mask, content in kept.items():
        mask.write_bytes(content)
    train(data, run.path, tiny_config("supervised"), reporter=Reporter())
    assert "5 new masks: the data has 24 now, and 19 when this run" in capsys.readouterr().err


def test_about_resuming__threads():
    begun = Environment(threads=2)
    [line] = about_resuming("clcc", begun, replace(begun, threads=1))
    assert "started with 2 threads and goes on with 1" in line
    assert "--threads 2" in line
    assert not list(about_resuming("clcc", begun, begun))
    assert not list(about_resuming("clcc", Environment(), begun))


def test_train__the_same_split_by_another_path_is_the_same(lesions, tmp_path, monkeypatch):
    first = train(lesions, tmp_path / "first", tiny_config("supervised"))
    monkeypatch.chdir(first.path)
    relative = tiny_config("supervised", split=first.split_file.relative_to(first.path))
    run = train(lesions, tmp_path / "second", relative)
    train(lesions, run.path, tiny_config("supervised", split=first.split_file))
    split = json.loads(first.split_file.read_text())
    split["val"], split["test"] = split["test"], split["val"]
    first.split_file.write_text(json.dumps(split))
    with pytest.raises(ValueError, match=r"split: split\.json → .*split\.json"):
        train(lesions, run.path, tiny_config("supervised", split=first.split_file))
    with pytest.raises(ValueError, match="not the split any more"):
        train(lesions, run.path, relative)


OWN_BACKBONE = """
from crosslevel.methods.supervised import Supervised
from crosslevel.models.segmenter import SegmentationNet
from crosslevel.models.unet import UNet

class Deeper(UNet):
    def __init__(self):
        super().__init__((4, 8))

class Mine(Supervised):
    def __init__(self, args, task):
        super().__init__(args, task)
        self.net = SegmentationNet(Deeper(), task.num_channels)
"""


def test_train__a_network_that_predict_could_not_build_is_refused(lesions, tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(OWN_BACKBONE)
    with pytest.raises(ValueError, match="predict` could not build it again"):
        train(lesions, tmp_path / "run", tiny_config(f"{file}:Mine"))
    assert not (tmp_path / "run").exists()


def test_least_bytes__of_a_convolution():
    """Its largest layer, 4 channels to 4 at full size, takes two maps of 64 × 64 floats each."""
    config = ModelConfig(widths=(4, 8))
    assert footprint.least_bytes(config, 1, 64) >= 2 * 4 * 64 * 64 * 4
    assert footprint.least_bytes(config, 1, 128) == 4 * footprint.least_bytes(config, 1, 64)


def test_predict__a_card_of_images_too_large_is_refused_early(
    lesions, tmp_path, monkeypatch, capsys
):
    run = train(lesions, tmp_path / "run", tiny_config("supervised"))
    card = run.model_folder / "model.json"
    card.write_text(json.dumps(json.loads(card.read_text()) | {"size": 16384}))
    monkeypatch.setattr(footprint, "available_bytes", lambda: 4 * 10**9)
    words = [str(run.path), str(lesions / "images"), "--out", str(tmp_path / "out")]
    assert main(["predict", *words]) == 2
    said = capsys.readouterr().err
    assert "size is 16384 px" in said
    assert "4 GB are free here" in said
    with pytest.raises(ValueError, match="size is 16384 px"):
        train(lesions, tmp_path / "large", tiny_config("supervised", size=16384))
    card.write_text(json.dumps(json.loads(card.read_text()) | {"size": 33}))
    assert main(["predict", *words]) == 2
    assert "must be divisible by" in capsys.readouterr().err


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="read from /proc")
def test_available_bytes__is_no_more_than_a_container_may_take(tmp_path, monkeypatch):
    free = memory.available_bytes()
    assert free is not None
    assert 0 < free < 2**50
    monkeypatch.setattr(memory, "CGROUP", tmp_path)
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "memory.current").write_text("1000\n")
    assert (memory.available_bytes() or 0) > 10**7
    (tmp_path / "memory.max").write_text("5000\n")
    assert memory.available_bytes() == 4000


def test_main__memory_that_runs_out_is_one_line(monkeypatch, capsys, tmp_path):
    def run_out(*_):
        torch.empty(2**60)

    monkeypatch.setattr("crosslevel.commands.data_check.run", run_out)
    assert main(["data", "check", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert "This machine has too little memory" in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"batch_unlabelled": 3}, "--batch_unlabelled has no effect: supervised uses no unlabel"),
        (
            {"batchnorm": "apart"},
            "--batchnorm has no effect: supervised uses no unlabel",
        ),
        ({"encoder_rate": 0.1}, "--encoder_rate has no effect: unet has no pretrained encoder"),
        ({"draw": 1, "labelled": 1.0}, "--draw has no effect: all masks are used."),
    ],
)
def test_train__names_options_that_change_nothing(lesions, tmp_path, capsys, changes, said):
    settings = {"batch_unlabelled": 4, "epochs": 1, "warmup": 0.0}
    config = tiny_config("supervised", **{**settings, **changes})
    train(lesions, tmp_path / "run", config, reporter=Reporter())
    heard = capsys.readouterr().err
    assert said in heard
    assert heard.count("has no effect") == 1


def test_train__names_a_length_of_folds_where_there_are_none(lesions, tmp_path, capsys):
    config = tiny_auto(method="fixmatch", epochs=1, fold_epochs=2)
    for said in ("--fold_epochs has no effect: there are no folds.", ""):  # once, not when resumed
        train(lesions, tmp_path / "run", config, reporter=Reporter())
        heard = capsys.readouterr().err
        assert said in heard
        assert heard.count("has no effect") == bool(said)


def test_train__goes_on_where_a_method_has_had_an_option_only_since(lesions, tmp_path):
    run = train(lesions, tmp_path / "run", tiny_config("clcc", epochs=1))
    text = run.config_file.read_text()
    assert "  detail: 1\n" in text
    run.config_file.write_text(text.replace("  detail: 1\n", ""))
    train(lesions, run.path, tiny_config("clcc", epochs=1))
    later = tiny_config("clcc", epochs=1)
    changed = replace(later, args={**later.args, "detail": 2})
    with pytest.raises(ValueError, match=r"another configuration:\n  args\.detail: 1 → 2"):
        train(lesions, run.path, changed)
