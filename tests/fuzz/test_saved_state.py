"""A damaged checkpoint is an error of ours, or leaves the training as it is."""

import tempfile
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from crosslevel.training.checkpoints import TrainingState, load_newest, save_checkpoint
from support.mutated_bytes import answers, mutated


def parts():
    torch.manual_seed(0)
    net = torch.nn.Linear(2, 1)
    return net, torch.optim.AdamW(net.parameters())


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    path = tmp_path_factory.mktemp("checkpoint") / "last.ckpt"
    save_checkpoint(path, TrainingState(step=3), *parts(), keep_predecessor=False)
    return path.read_bytes()


@settings(deadline=None)
@given(data=st.data())
def test_load_newest(whole, data):
    content = data.draw(st.binary(max_size=60) | mutated([whole]))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "last.ckpt"
        path.write_bytes(content)
        found = answers(load_newest, path, *parts())
        assert found is None or content == whole or found[0].step in (0, 3)
