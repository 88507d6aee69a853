"""A model folder may come from a stranger: whatever it holds, there is an answer or one error."""

import json
import math
import shutil

import pytest
import torch
from safetensors.torch import load, save

from crosslevel.inference.segmenter import Segmenter
from crosslevel.training.train import train
from support.tiny import tiny_config


@pytest.fixture(scope="module")
def run(lesions, tmp_path_factory):
    config = tiny_config("supervised", epochs=1)
    return train(lesions, tmp_path_factory.mktemp("runs") / "run", config)


def card_with(**changes):
    def change(folder):
        card = json.loads((folder / "model.json").read_text())
        (folder / "model.json").write_text(json.dumps(card | changes))

    return change


def weights_as(dtype):
    def change(folder):
        file = folder / "model.safetensors"
        weights = load(file.read_bytes())
        file.write_bytes(save({name: tensor.to(dtype) for name, tensor in weights.items()}))

    return change


def announce_a_huge_tensor(folder):
    header = {"h.bias": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}}
    text = json.dumps(header).encode()
    (folder / "model.safetensors").write_bytes(len(text).to_bytes(8, "little") + text)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: (f / "model.json").unlink(), r"model\.json is missing"),
        (lambda f: (f / "model.json").write_text("{"), "cannot be read"),
        (lambda f: (f / "model.json").write_text('{"run": 1}'), "unknown key 'run'"),
        (lambda f: (f / "model.safetensors").write_bytes(b"x" * 99), "cannot be read"),
        (lambda f: (f / "model.safetensors").unlink(), r"model\.safetensors is missing"),
        (card_with(format=2), "has format 2"),
        (card_with(size=0), "size is 0"),
        (card_with(size=10**9), "size is 1000000000"),
        (card_with(threshold=math.nan), "threshold is nan"),
        (card_with(num_channels=3), "num_channels is 3"),
        (card_with(classes=["x"] * 9, num_channels=10), "do not fit model.json: h.bias"),
        (card_with(model={"widths": [10**6, 10**7]}), "do not fit model.json: f"),
        (card_with(model={"widths": [10**12, 10**12]}), "describes no network"),
        (card_with(model={"name": "../../secret"}), "Unknown model"),
        (lambda f: (f / "model.json").write_text("[" * 50_000), "cannot be read"),
        (lambda f: (f / "model.json").write_text(" " * 10**6), "is not a model card"),
        (weights_as(torch.float16), r"float16\), expected .*float32"),
        (weights_as(torch.complex64), "do not fit|cannot be read"),
        (announce_a_huge_tensor, "cannot be read"),
        (lambda f: torch.save({}, f / "model.safetensors"), "cannot be read"),
    ],
)
def test_segmenter__a_damaged_model_is_named(run, tmp_path, damage, message):
    folder = tmp_path / "model"
    shutil.copytree(run.model_folder, folder)
    damage(folder)
    with pytest.raises(ValueError, match=message):
        Segmenter.load(tmp_path)
