import math
import os
import shutil
import signal
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from crosslevel.data.split import Split
from crosslevel.errors import InputError, Interrupted, RunError
from crosslevel.methods import METHODS
from crosslevel.runs.folder import RunFolder, lock
from crosslevel.system.console import Reporter
from crosslevel.training.checkpoints import save_checkpoint
from crosslevel.training.loop import Trainer, requested_stop
from crosslevel.training.train import train
from support.equal_runs import assert_equal_runs, stop_at, weights
from support.tiny import tiny_config

RUN_FILES = {
    ".lock",
    "checkpoints/best.ckpt",
    "checkpoints/last.before.ckpt",
    "checkpoints/last.ckpt",
    "config.yaml",
    "data.json",
    "environment.json",
    "log.csv",
    "model/calibration.json",
    "model/model.json",
    "model/model.safetensors",
    "split.json",
}


@pytest.mark.parametrize("method", sorted(METHODS))
def test_train__leaves_exactly_these_files(lesions, tmp_path, method):
    run = train(lesions, tmp_path / "run", tiny_config(method))
    files = {str(p.relative_to(run.path)) for p in run.path.rglob("*") if p.is_file()}
    assert {f for f in files if not f.startswith("tensorboard/")} == RUN_FILES
    log = pd.read_csv(run.log_file)
    assert log["epoch"].tolist() == [1, 2, 3]
    assert log["step"].tolist() == [2, 4, 6]
    assert log[["val/dice", "val/iou", "val/mae", "loss/supervised"]].notna().all().all()


def test_train__clcc_runs_both_stages(lesions, tmp_path):
    log = pd.read_csv(train(lesions, tmp_path / "run", tiny_config()).log_file)
    for name in ("loss/contrast", "loss/consistency"):
        assert log[name].notna().tolist() == [False, True, True]


def test_train__same_seed_same_run_other_seed_another(lesions, tmp_path):
    first, second, other = (
        train(lesions, tmp_path / name, tiny_config(seed=seed))
        for name, seed in (("a", 0), ("b", 0), ("c", 1))
    )
    assert_equal_runs(first, second)
    assert not torch.equal(weights(first)["net.h.weight"], weights(other)["net.h.weight"])


@pytest.mark.parametrize("method", sorted(METHODS))
@pytest.mark.parametrize("step", [1, 2, 5])
def test_train__killed_and_repeated_equals_uninterrupted(
    lesions, tmp_path, monkeypatch, method, step
):
    whole = train(lesions, tmp_path / "whole", tiny_config(method))
    with monkeypatch.context() as patch:
        stop_at(patch, step)
        with pytest.raises(KeyboardInterrupt):
            train(lesions, tmp_path / "killed", tiny_config(method))
    assert_equal_runs(whole, train(lesions, tmp_path / "killed", tiny_config(method)))


@pytest.mark.parametrize("num_steps", [1, 2, 3, 4, 5])
def test_train__stopped_after_any_step_equals_uninterrupted(
    lesions, tmp_path, monkeypatch, num_steps
):
    config = tiny_config(check_every=3)  # no check, and so no checkpoint, before the end
    whole = train(lesions, tmp_path / "whole", config)
    original, done = Trainer._losses, []

    def count(self, step):
        done.append(step)
        return original(self, step)

    @contextmanager
    def stop_after_steps():
        yield lambda: len(done) >= num_steps

    monkeypatch.setattr(Trainer, "_losses", count)
    with monkeypatch.context() as patch:
        patch.setattr("crosslevel.training.loop.requested_stop", stop_after_steps)
        message = rf"Stopped after step {num_steps} of 6;.*Repeat the same command"
        with pytest.raises(Interrupted, match=message):
            train(lesions, tmp_path / "stopped", config)
    assert_equal_runs(whole, train(lesions, tmp_path / "stopped", config))
    assert done == list(range(6))  # none was lost


def test_train__saves_at_checks_and_by_the_clock_not_every_short_epoch(
    lesions, tmp_path, monkeypatch
):
    saved, save = [], save_checkpoint

    def note(path, progress, *args, **options):
        saved.append((path.name, progress.step))
        save(path, progress, *args, **options)

    monkeypatch.setattr("crosslevel.training.writing.save_checkpoint", note)
    train(lesions, tmp_path / "rare", tiny_config(epochs=6, check_every=4))
    assert [step for name, step in saved if name == "last.ckpt"] == [8, 12]
    monkeypatch.setattr("crosslevel.training.loop.SAVE_EVERY", 0.0)
    for share, expected in ((math.inf, [2, 4, 6, 8, 10, 12]), (0.0, [2, 12])):
        saved.clear()
        monkeypatch.setattr("crosslevel.training.writing.SAVE_SHARE", share)
        train(lesions, tmp_path / str(share), tiny_config(epochs=6, check_every=4))
        assert [step for name, step in saved if name == "last.ckpt"] == expected


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM], ids=lambda s: s.name)
def test_requested_stop__hears_a_signal_once(kind):
    before = signal.getsignal(kind)
    with requested_stop() as is_requested:
        assert not is_requested()
        os.kill(os.getpid(), kind)
        assert is_requested()
        assert signal.getsignal(kind) is before
    assert signal.getsignal(kind) is before


def test_train__finished_run_is_left_alone(lesions, tmp_path, monkeypatch):
    run = train(lesions, tmp_path / "run", tiny_config())
    before = run.last_checkpoint.stat().st_mtime_ns
    monkeypatch.setattr(Trainer, "_losses", lambda *_: pytest.fail("no step is left to do"))
    train(lesions, tmp_path / "run", tiny_config())
    assert run.last_checkpoint.stat().st_mtime_ns == before


def test_train__another_configuration_is_refused_with_the_difference(lesions, tmp_path):
    train(lesions, tmp_path / "run", tiny_config("supervised", epochs=1))
    with pytest.raises(ValueError, match="another configuration:\n  epochs: 1 → 2\n  seed: 0 → 1"):
        train(lesions, tmp_path / "run", tiny_config("supervised", epochs=2, seed=1))


def test_train__a_finished_run_goes_on_with_more_epochs(lesions, tmp_path, monkeypatch, capsys):
    run = train(lesions, tmp_path / "run", tiny_config("supervised", epochs=2))
    before = pd.read_csv(run.log_file)
    killed = RunFolder(shutil.copytree(run.path, tmp_path / "killed"))
    train(lesions, run.path, tiny_config("supervised", epochs=4), reporter=Reporter())
    assert "Going on from 2 to 4 epochs" in capsys.readouterr().err
    log = pd.read_csv(run.log_file)
    assert log["step"].tolist() == [2, 4, 6, 8]
    assert log["seconds"].is_monotonic_increasing
    pd.testing.assert_frame_equal(log[:2], before)
    assert run.config().epochs == 4
    with monkeypatch.context() as patch:
        stop_at(patch, 7)
        with pytest.raises(KeyboardInterrupt):
            train(lesions, killed.path, tiny_config("supervised", epochs=4))
    assert_equal_runs(run, train(lesions, killed.path, tiny_config("supervised", epochs=4)))


@pytest.mark.parametrize("step", [1, 3])
def test_train__a_run_under_way_keeps_its_length(lesions, tmp_path, monkeypatch, step):
    """Its learning rate would have been another one from the start."""
    with monkeypatch.context() as patch:
        stop_at(patch, step)
        with pytest.raises(KeyboardInterrupt):
            train(lesions, tmp_path / "run", tiny_config("supervised", epochs=2))
    with pytest.raises(ValueError, match="another configuration:\n  epochs: 2 → 3"):
        train(lesions, tmp_path / "run", tiny_config("supervised", epochs=3))


def test_train__a_folder_of_other_things_is_refused(lesions, tmp_path):
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(ValueError, match="is not a run folder"):
        train(lesions, tmp_path, tiny_config())


def test_train__killed_while_it_started_starts_again(lesions, tmp_path):
    run = train(lesions, tmp_path / "run", tiny_config("supervised", epochs=1))
    begun = tmp_path / "begun"
    begun.mkdir()
    shutil.copy(run.split_file, begun)
    train(lesions, begun, tiny_config("supervised", epochs=1))


def test_train__one_labelled_image_is_not_all_of_them(lesions, tmp_path):
    config = tiny_config("supervised", epochs=1, labelled=1, batch_labelled=1, size=64)
    train(lesions, tmp_path / "run", config)
    with pytest.raises(ValueError, match=r"labelled: 1 → 1\.0"):
        train(lesions, tmp_path / "run", replace(config, labelled=1.0))


def test_train__a_split_without_validation_images_is_refused(lesions, tmp_path):
    run = train(lesions, tmp_path / "run", tiny_config("supervised", epochs=1))
    split = replace(Split.load(run.split_file), val=())
    (tmp_path / "split.json").write_text(split.to_json())
    with pytest.raises(ValueError, match="no validation images"):
        train(lesions, tmp_path / "other", tiny_config(split=tmp_path / "split.json"))


def test_train__a_run_to_be_scored_needs_test_images(lesions, tmp_path):
    run = train(lesions, tmp_path / "run", tiny_config("supervised", epochs=1))
    split = replace(Split.load(run.split_file), test=())
    (tmp_path / "split.json").write_text(split.to_json())
    config = tiny_config("supervised", epochs=1, split=tmp_path / "split.json")
    with pytest.raises(InputError, match="no test images to score"):
        train(lesions, tmp_path / "other", config, needs_test=True)
    assert not (tmp_path / "other").exists()
    train(lesions, tmp_path / "other", config)


def test_train__notices_that_the_file_of_a_method_is_another(lesions, tmp_path, capsys):
    file = tmp_path / "mine.py"
    file.write_text("from crosslevel.methods.supervised import Supervised as Mine\n")
    config = tiny_config(f"{file}:Mine", epochs=1)
    for _ in range(2):
        train(lesions, tmp_path / "run", config, reporter=Reporter())
    assert "is another" not in capsys.readouterr().err
    file.write_text(file.read_text() + "# changed\n")
    train(lesions, tmp_path / "run", config, reporter=Reporter())
    assert "mine.py:Mine is not the one this run was started with" in capsys.readouterr().err


def test_train__a_damaged_checkpoint_costs_an_epoch_and_nothing_else(
    lesions, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr("crosslevel.training.writing.SAVE_SHARE", math.inf)
    whole = train(lesions, tmp_path / "whole", tiny_config())
    run = train(lesions, tmp_path / "run", tiny_config())
    run.last_checkpoint.write_bytes(run.last_checkpoint.read_bytes()[:-1])
    train(lesions, run.path, tiny_config(), reporter=Reporter())
    said = capsys.readouterr().err
    assert f"{run.last_checkpoint} is damaged (wrong checksum). Going on from the one" in said
    assert "Resuming after step 4 of 6" in said
    assert_equal_runs(whole, run)


def test_train__a_loss_that_is_not_finite_stops_and_its_images_are_kept(
    lesions, tmp_path, monkeypatch
):
    monkeypatch.setattr(
        "crosslevel.methods.parts.contrast.cross_level_contrastive_loss",
        lambda *_, **__: torch.tensor(math.nan, requires_grad=True),
    )
    with pytest.raises(RunError, match="step 2 the loss 'contrast' became nan") as failed:
        train(lesions, tmp_path / "run", tiny_config())
    folder = tmp_path / "run" / "not-finite" / "step-2"
    assert str(folder) in str(failed.value)
    assert "autocast" not in str(failed.value)
    kinds = [f"{kind}-{i}.png" for kind in ("labelled", "mask", "unlabelled") for i in range(2)]
    assert sorted(p.name for p in folder.iterdir()) == kinds
    assert Image.open(folder / "labelled-0.png").size == (32, 32)
    assert set(np.asarray(Image.open(folder / "mask-0.png")).flat) == {0, 255}


def test_train__refuses_a_run_folder_in_use(lesions, tmp_path):
    with lock(RunFolder(tmp_path / "run")):
        with pytest.raises(RunError, match=r"Another process trains in .*run just now"):
            train(lesions, tmp_path / "run", tiny_config())
        assert not (tmp_path / "run" / "config.yaml").exists()
    train(lesions, tmp_path / "run", tiny_config("supervised", epochs=1))


def test_train__refused_data_leave_no_folder(tmp_path):
    with pytest.raises(InputError):
        train(tmp_path / "nowhere", tmp_path / "run", tiny_config())
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("num_files", range(10))
def test_train__a_disk_that_fills_up_loses_no_run(lesions, tmp_path, monkeypatch, num_files):
    whole = train(lesions, tmp_path / "whole", tiny_config())
    with monkeypatch.context() as patch:
        fill_the_disk_after(patch, num_files)
        with pytest.raises(OSError, match="No space left"):
            train(lesions, tmp_path / "run", tiny_config())
    assert_equal_runs(whole, train(lesions, tmp_path / "run", tiny_config()))


def fill_the_disk_after(patch, num_files):
    written, original = [], os.fsync

    def fsync(descriptor):
        written.append(descriptor)
        if len(written) > num_files:
            raise OSError(28, "No space left on device")
        original(descriptor)

    patch.setattr("os.fsync", fsync)


def test_train__a_given_split_wins(lesions, tmp_path):
    first = train(lesions, tmp_path / "first", tiny_config("supervised", epochs=1, draw=3))
    config = tiny_config("supervised", epochs=1, split=first.split_file)
    second = train(lesions, tmp_path / "second", config)
    assert Split.load(second.split_file) == Split.load(first.split_file)


def test_train__masks_of_unlabelled_and_test_images_change_nothing(lesions, tmp_path):
    clean = train(lesions, tmp_path / "clean", tiny_config())
    poisoned = tmp_path / "poisoned"
    shutil.copytree(lesions, poisoned)
    split = Split.load(clean.split_file)
    some_mask = next((poisoned / "masks").iterdir()).read_bytes()
    for case in (*split.train_unlabelled, *split.test):
        (poisoned / "masks" / f"{case}.png").write_bytes(some_mask)
    assert_equal_runs(clean, train(poisoned, tmp_path / "run", tiny_config()))


def test_train__unlabelled_masks_may_even_be_broken(lesions, tmp_path):
    split = Split.load(train(lesions, tmp_path / "clean", tiny_config(epochs=1)).split_file)
    broken = tmp_path / "broken"
    shutil.copytree(lesions, broken)
    for case in split.train_unlabelled:
        (broken / "masks" / f"{case}.png").write_text("not a mask")
    train(broken, tmp_path / "run", tiny_config(epochs=1))


def test_train__checks_only_as_often_as_asked(lesions, tmp_path):
    config = tiny_config("supervised", check_every=2)
    log = pd.read_csv(train(lesions, tmp_path / "run", config).log_file)
    assert log["val/dice"].notna().tolist() == [False, True, True]


def test_train__several_classes(tmp_path, lesions):
    config = tiny_config(classes={"lesion": 255})
    run = train(lesions, tmp_path / "run", config)
    assert weights(run)["net.h.weight"].shape[0] == 2


def test_train__tells_what_it_does(lesions, tmp_path, capsys):
    train(lesions, tmp_path / "run", tiny_config(), reporter=Reporter())
    said = capsys.readouterr().err
    assert "4 labelled and 10 unlabelled images to train on, 5 to validate, 5 to test" in said
    assert "clcc (fp32)" in said
    assert "consistency" in said
