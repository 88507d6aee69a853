"""Prediction as a plain loop: one image at a time, from file to mask.

`python -m benchmarks.plain.predict RUN IMAGES OUT`
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from PIL import Image

from benchmarks.plain.data import PlainDataset
from benchmarks.plain.unet import PlainNet


def predict_plain(run: Path, images: Path, out: Path) -> None:
    """Write a mask (0 and 255) of each image in a folder, at its own size.

    Args:
        run: A run folder of a U-Net of the paper's widths, or of a network that only Crosslevel
            can build; for a binary task.
        images: Folder of images.
        out: Folder for `<name>.png`.
    """
    import json

    from safetensors.torch import load_file

    card = json.loads((run / "model" / "model.json").read_text())
    if card["model"]["name"] == "unet":
        net: torch.nn.Module = PlainNet()
        net.load_state_dict(load_file(next((run / "model").glob("*.safetensors"))))
    else:
        from crosslevel.models.folder import load_model

        net = load_model(run / "model")[0]
    net.eval()
    out.mkdir(parents=True, exist_ok=True)
    paths = sorted(images.iterdir())
    dataset = PlainDataset(paths, None, card["size"], is_turned=False)
    with torch.no_grad():
        for index, path in enumerate(paths):
            pixels, _ = dataset[index]
            probability = torch.sigmoid(net(pixels[None]))
            width, height = Image.open(path).size
            whole = F.interpolate(probability, size=(height, width), mode="bilinear")
            mask = (whole[0, 0].numpy() >= card["threshold"]).astype(np.uint8) * 255
            Image.fromarray(mask).save(out / f"{path.stem}.png")


if __name__ == "__main__":
    torch.set_num_threads(1)
    predict_plain(*map(Path, sys.argv[1:4]))
