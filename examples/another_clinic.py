"""Make another clinic of images that a run held out, and measure what `crosslevel adapt` is worth.

The validation images lend their look alone, the test images are scored; both get the colours and
the vignette of another camera. `python examples/another_clinic.py RUN OUT`
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import crosslevel
from crosslevel.data.reading import read_as_trained, read_case_mask
from crosslevel.data.split import Split
from crosslevel.runs.compare import paired_difference
from crosslevel.runs.folder import RunFolder
from crosslevel.training.adapt import adapt
from crosslevel.training.adapt_options import AdaptOptions
from crosslevel.types import Case

Look = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""(H, W, 3) in [0, 1] → the same of another camera."""
STEPS = {
    "BatchNorm": AdaptOptions(),
    "BatchNorm, threshold": AdaptOptions(threshold=True),
    "BatchNorm, 40 steps of self-training": AdaptOptions(self_training=40),
}


def colours(image: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return it darker, bluish and flat."""
    return np.asarray(0.85 * image**1.3 * np.array([0.75, 1.0, 1.15]) + 0.08)


def vignette(image: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return it bright in the middle, dark in the corners."""
    rows, columns = (np.linspace(-1, 1, side) ** 2 for side in image.shape[:2])
    fall = np.clip(1.15 - 0.6 * (rows[:, None] + columns), 0.15, 1)
    return image * fall[..., None]


LOOKS: dict[str, Look] = {
    "as it is": lambda image: image,
    "colours": colours,
    "vignette": vignette,
    "colours and vignette": lambda image: vignette(colours(image)),
}


def main(run: Path, out: Path, looks: Iterable[str] = LOOKS, most: int | None = None) -> None:
    """Print the Dice on each clinic as trained, and what adapting to it changes.

    Args:
        run: Trained; its data must be where it was.
        out: Folder for the images, made anew at each call, and for the adapted runs.
        looks: Names among `LOOKS`.
        most: Images of each part, to be quick.
    """
    parts = Split.load(RunFolder(run).split_file).parts()
    cases = {case.id: case for case in crosslevel.index_cases(RunFolder(run).data())}
    for look in looks:
        folder = out / look.replace(" ", "-")
        for part in ("val", "test"):
            chosen = [cases[name] for name in parts[part][:most]]
            write_clinic(run, chosen, LOOKS[look], folder / part)
        before = dice_of(run, folder)
        sys.stdout.write(f"{look}: Dice {100 * before.mean():.1f} as trained\n")
        for name, options in STEPS.items():
            adapted = folder / name.replace(" ", "-")
            adapt(run, folder / "val" / "images", adapted, options=options)
            after = dice_of(adapted, folder)
            gain = paired_difference(after, before)
            sys.stdout.write(f"  {name}: {gain.mean:+.1f} [{gain.low:+.1f}, {gain.high:+.1f}]\n")
            sys.stdout.flush()


def write_clinic(run: Path, cases: Iterable[Case], look: Look, folder: Path) -> None:
    """Write images of another look, with their masks as class indices."""
    config = RunFolder(run).config()
    for kind in ("images", "masks"):
        (folder / kind).mkdir(parents=True, exist_ok=True)
    for case in cases:
        image, _ = read_as_trained(case.image, config.reading, case.frame)
        changed = (look(image / 255).clip(0, 1) * 255).round().astype(np.uint8)
        Image.fromarray(changed).save(folder / "images" / f"{case.id}.png")
        mask = read_case_mask(case, config.mask_classes, config.reading)
        grey = np.uint8(255 if config.mask_classes.num_channels == 1 else 1)
        Image.fromarray(mask * grey).save(folder / "masks" / f"{case.id}.png")


def dice_of(run: Path, folder: Path) -> NDArray[np.float64]:
    """Return the Dice of each test image of a clinic, in one order for all runs."""
    scores = crosslevel.evaluate(
        run,
        folder / "test",
        subset="all",
        metric_size="input",
        out=folder / f"scores-{run.name}",
    )
    return scores.per_image.sort_values("id")["dice"].to_numpy()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
