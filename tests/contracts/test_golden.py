"""What every method and model computed when this was written: a refactoring must not change it.

`python tests/contracts/test_golden.py` writes `golden.json` anew, after a change that is meant to.
"""

import json
import os
import sys
import tempfile
from pathlib import Path

import pandas as pd
import pytest
import torch

from crosslevel import train
from crosslevel.config.model import ModelConfig
from crosslevel.data.synthetic import write_synthetic
from crosslevel.methods import METHODS
from crosslevel.models.segmenter import build_segmentation_net
from support.tiny import tiny_config
from support.versions import newer_torch

FILE = Path(__file__).with_name("golden.json")
NUM_LOSSES = 10
RTOL = 1e-3
"""Other processors round otherwise, and ten steps amplify it."""
MODELS = {
    "unet": ModelConfig(widths=(4, 8, 16)),
    "efficientnet_lite0": ModelConfig(name="efficientnet_lite0"),
    "segformer": ModelConfig(name="segformer"),
}


def losses(method: str, lesions: Path, out: Path) -> list[dict[str, float]]:
    """The losses by name of the first ten steps of a run, each step an epoch."""
    settings = {"labelled": 2, "epochs": NUM_LOSSES, "check_every": NUM_LOSSES}
    config = tiny_config(method, **settings)
    log = pd.read_csv(train(lesions, out, config).log_file)
    rows = log.filter(like="loss/").to_dict("records")
    return [{str(k): float(v) for k, v in row.items() if v == v} for row in rows]


def logits(name: str) -> list[float]:
    """Some of the logits of a freshly built network in evaluation."""
    torch.manual_seed(0)
    net = build_segmentation_net(MODELS[name], num_channels=2).eval()
    images = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        found: torch.Tensor = net(images)
    return [float(x) for x in found.flatten()[:: found.numel() // 50]]


@newer_torch("rounds and warps otherwise")
@pytest.mark.parametrize("method", sorted(METHODS))
def test_first_ten_losses__are_as_they_were(method, lesions, tmp_path):
    golden = json.loads(FILE.read_text())["losses"][method]
    found = losses(method, lesions, tmp_path / "run")
    assert len(found) == NUM_LOSSES
    for step, (row, expected) in enumerate(zip(found, golden, strict=True)):
        assert row == pytest.approx(expected, rel=RTOL, abs=1e-6), f"step {step}"


@pytest.mark.parametrize("name", MODELS)
def test_logits__are_as_they_were(name):
    golden = json.loads(FILE.read_text())["logits"][name]
    assert logits(name) == pytest.approx(golden, rel=RTOL, abs=1e-5)


def write(file: Path) -> None:
    """What this version computes, as the file to compare later versions with."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["CROSSLEVEL_CACHE"] = scratch
        lesions = write_synthetic(Path(scratch) / "lesions", 24, size=32, seed=0)
        golden = {
            "losses": {m: losses(m, lesions, Path(scratch) / m) for m in sorted(METHODS)},
            "logits": {name: logits(name) for name in MODELS},
        }
    file.write_text(json.dumps(golden, indent=1) + "\n")


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else FILE)
