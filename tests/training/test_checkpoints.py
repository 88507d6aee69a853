import pytest
import torch
from torch import nn

from crosslevel.errors import InputError
from crosslevel.training.checkpoints import (
    DamagedCheckpointError,
    TrainingState,
    load_checkpoint,
    load_newest,
    predecessor,
    save_checkpoint,
)


class Saved:
    """A network, its optimiser, and a folder in which states of them are saved."""

    def __init__(self, folder):
        self.path = folder / "checkpoints" / "last.ckpt"
        self.net = nn.Linear(2, 1)
        self.optimizer = torch.optim.AdamW(self.net.parameters())

    def save(self, step):
        nn.init.constant_(self.net.weight, step)
        progress = TrainingState(step=step, rows=[{"epoch": 1}], best_dice=0.5)
        save_checkpoint(self.path, progress, self.net, self.optimizer, keep_predecessor=True)

    def load(self):
        return load_newest(self.path, self.net, self.optimizer)


@pytest.fixture
def saved(tmp_path):
    return Saved(tmp_path)


def flip_a_bit(path, place):
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def test_load_newest__gives_what_was_saved_last(saved):
    saved.save(1)
    saved.save(2)
    saved.net.weight.data.zero_()
    progress, damages = saved.load()
    assert progress == TrainingState(step=2, rows=[{"epoch": 1}], best_dice=0.5)
    assert saved.net.weight.tolist() == [[2, 2]]
    assert damages == []


@pytest.mark.parametrize("place", [0, 64, 65, 400, -1])
def test_load_newest__one_wrong_bit_anywhere_means_the_one_before(saved, place):
    saved.save(1)
    saved.save(2)
    flip_a_bit(saved.path, place)
    progress, (damage,) = saved.load()
    assert progress.step == 1
    assert saved.net.weight.tolist() == [[1, 1]]
    assert f"{saved.path} is damaged" in damage


def test_load_newest__a_missing_file_means_the_one_before(saved):
    saved.save(1)
    saved.save(2)
    saved.path.unlink()
    assert saved.load() == (TrainingState(step=1, rows=[{"epoch": 1}], best_dice=0.5), [])


def test_load_newest__nothing_saved_is_no_error(saved):
    assert saved.load() is None


def test_load_newest__both_damaged_are_both_named(saved):
    saved.save(1)
    saved.save(2)
    saved.path.write_bytes(b"")
    predecessor(saved.path).write_bytes(b"x" * 99)
    with pytest.raises(InputError, match=r"last\.ckpt is dam.*\n.*last\.before\.ckpt.*\nDelete"):
        saved.load()


def test_load_checkpoint__nothing_is_loaded_from_a_damaged_file(saved):
    saved.save(1)
    flip_a_bit(saved.path, 300)
    saved.net.weight.data.zero_()
    with pytest.raises(DamagedCheckpointError):
        load_checkpoint(saved.path, saved.net, saved.optimizer)
    assert saved.net.weight.tolist() == [[0, 0]]


def test_load_checkpoint__of_another_model(saved):
    saved.save(1)
    with pytest.raises(InputError, match="is of another model or version"):
        load_checkpoint(saved.path, nn.Linear(3, 1), saved.optimizer)


def test_save_checkpoint__a_full_disk_loses_neither_file(saved, monkeypatch):
    saved.save(1)
    saved.save(2)

    def full(_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        with pytest.raises(OSError, match="No space left"):
            saved.save(3)
    assert saved.load()[0].step == 2


def test_mean_losses__are_over_the_steps_that_had_them():
    progress = TrainingState()
    for losses in ({"supervised": 1.0}, {"supervised": 3.0, "contrast": 5.0}):
        for name, value in losses.items():
            progress.add_loss(name, value)
    assert progress.take_mean_losses() == {"supervised": 2.0, "contrast": 5.0}
    assert progress.take_mean_losses() == {}
