"""Train, score and use a segmenter from Python: five lines for your own folder.

Run it as it is to see it work on generated images, or `python examples/own_data.py MY_FOLDER OUT`.
"""

from __future__ import annotations

import sys
from pathlib import Path

import crosslevel
from crosslevel.data.synthetic import write_synthetic


def main(data: Path, out: Path, config: crosslevel.TrainConfig) -> float:
    """Train on `data`, print the test Dice, write masks for all its images."""
    run = crosslevel.train(data, out, config)
    result = crosslevel.evaluate(run.path)
    segmenter = crosslevel.Segmenter.load(run.path)
    mask = segmenter.predict(crosslevel.index_cases(data)[0].image)
    crosslevel.predict(run.path, [data / "images"], out / "masks")
    dice = result.summary.mean["dice"]
    sys.stdout.write(f"test Dice {dice:.1f}; the first mask is {mask.shape} {mask.dtype}\n")
    return dice


if __name__ == "__main__":
    if len(sys.argv) == 3:
        main(Path(sys.argv[1]), Path(sys.argv[2]), crosslevel.TrainConfig())
    else:
        small = crosslevel.TrainConfig(size=64, epochs=4, labelled=8, check_every=2)
        main(write_synthetic(Path("own_data"), 40, size=64), Path("own_run"), small)
