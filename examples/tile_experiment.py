"""Is the contrast of CLCC a task? Find a tile's place among 25 by its mean colour alone.

Where a tile shows the same pixels as its place in the image, the mean colour finds the place nearly
always, so a network has nothing to learn from Eq. 1. Where tiles are of another view, it does not.

    python examples/tile_experiment.py             # on generated images
    python examples/tile_experiment.py MY_FOLDER   # on yours

It prints a table, and draws it into tile_experiment.png with one tile in every view.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import get_args

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

import crosslevel
from crosslevel.data.reading import read_image
from crosslevel.data.synthetic import write_synthetic
from crosslevel.images.preprocess import denormalise, normalise, resize_image
from crosslevel.methods.parts.other_views import View, other_view
from crosslevel.models.projector import Projector
from crosslevel.models.unet import UNet
from crosslevel.tiles import from_tiles, to_tiles

SIZE, N, MOST = 160, 5, 100
VIEWS: tuple[View, ...] = get_args(View)


def found(places: Tensor, tiles: Tensor) -> float:
    """Return the share of tiles whose own place is the most like them, in their image.

    Args:
        places: (B, D, n, n), one vector a place.
        tiles: (B, D, n, n), one vector a tile.
    """
    places, tiles = (x.flatten(2).transpose(1, 2) for x in (places, tiles))
    nearest = torch.cdist(tiles, places).argmin(dim=-1)  # (B, n²)
    return float((nearest == torch.arange(nearest.shape[1])).float().mean())


def mean_colours(images: Tensor) -> Tensor:
    """Return the mean colour of every tile, (B, 3, n, n)."""
    return from_tiles(to_tiles(images, N).mean(dim=(2, 3), keepdim=True), N)


@torch.no_grad()
def measure(images: Tensor) -> dict[str, tuple[float, float]]:
    """Return for each view what mean colour finds, and what an untrained network finds."""
    torch.manual_seed(0)
    net = torch.nn.Sequential(UNet(), Projector(16, SIZE // N))
    unit = torch.nn.functional.normalize
    results: dict[str, tuple[float, float]] = {}
    for view in VIEWS:
        seen = other_view(images, view)
        pairs = list(zip(images.split(8), seen.split(8), strict=True))
        places = torch.cat([unit(net(part)) for part, _ in pairs])
        tiles = torch.cat([unit(from_tiles(net(to_tiles(part, N)), N)) for _, part in pairs])
        by_colour = found(mean_colours(images), mean_colours(seen))
        results[view] = (by_colour, found(places, tiles))
    return results


def draw(results: dict[str, tuple[float, float]], image: Tensor, file: Path) -> None:
    """Draw one tile in every view, and below it how often its place is found."""
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    drawings = figure.subplot_mosaic([list(VIEWS), ["bars"] * len(VIEWS)])
    bars = drawings["bars"]
    for view in VIEWS:
        tile = to_tiles(denormalise(other_view(image[None], view)), N)[N * N // 2]
        drawings[view].imshow(tile.permute(1, 2, 0).numpy())
        drawings[view].set_axis_off()
        drawings[view].set_title(view)
    for offset, index, label in ((-0.2, 0, "mean colour"), (0.2, 1, "untrained network")):
        shares = [100 * values[index] for values in results.values()]
        bars.bar_label(
            bars.bar(np.arange(len(VIEWS)) + offset, shares, 0.4, label=label), fmt="%.0f"
        )
    bars.axhline(100 / N**2, color="black", linestyle="--", label="chance")
    bars.set_xticks(range(len(VIEWS)), list(VIEWS))
    bars.set_ylim(0, 115)
    bars.set_ylabel(f"place found among {N**2}, %")
    bars.legend()
    figure.savefig(file, dpi=120)


def main(folder: Path, file: Path) -> dict[str, tuple[float, float]]:
    """Measure up to 100 images of a folder, print the table and draw it."""
    cases = crosslevel.index_cases(folder)[:MOST]
    pixels = np.stack([resize_image(read_image(case.image), SIZE) for case in cases])
    images = normalise(torch.from_numpy(pixels)).contiguous()
    results = measure(images)
    sys.stdout.write(f"{'view':8}{'mean colour':>14}{'untrained network':>20}\n")
    for view, (colour, network) in results.items():
        sys.stdout.write(f"{view:8}{colour:14.1%}{network:20.1%}\n")
    sys.stdout.write(f"{'chance':8}{1 / N**2:14.1%}{1 / N**2:20.1%}\n")
    draw(results, images[0], file)
    return results


if __name__ == "__main__":
    out = Path("tile_experiment.png")
    if len(sys.argv) == 2:
        main(Path(sys.argv[1]), out)
    else:
        with tempfile.TemporaryDirectory() as scratch:
            main(write_synthetic(Path(scratch) / "lesions", 16), out)
