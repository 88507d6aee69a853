"""Prediction: a trained segmenter and images become masks (and more) on disk, batch by batch."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from crosslevel.console import Reporter
from crosslevel.data.layouts import IMAGE_SUFFIXES
from crosslevel.data.reading import read_image
from crosslevel.errors import DataError, InputError
from crosslevel.files import atomic_file
from crosslevel.inference import Probabilities, Segmenter, write_mask
from crosslevel.metrics import to_classes
from crosslevel.overlay import draw_outlines

BATCH_SIZE = 8


@dataclass(frozen=True, slots=True)
class Outputs:
    """What is written besides the mask.

    Attributes:
        overlay: `<name>_overlay.jpg`, the image with the mask's outline.
        probabilities: `<name>_probability.png`, 16-bit grey, 65 535 = 1: the probability of
            foreground (of any class, if there are several).
    """

    overlay: bool = False
    probabilities: bool = False


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a call of `predict` did.

    Attributes:
        num_written: Masks written.
        problems: One line for each image that could not be read.
    """

    num_written: int
    problems: list[str]


def predict(
    run: Path | str,
    images: str | Path | Sequence[str | Path],
    out: Path | str,
    *,
    outputs: Outputs | None = None,
    flips: bool = False,
    reporter: Reporter | None = None,
) -> Prediction:
    """Write one mask for each image, as `<name>.png` at the image's own size.

    A folder's sub-folders are kept. Binary masks are 0 and 255, others class indices.

    Args:
        run: A run folder, or a model folder.
        images: Files, folders, or glob patterns.
        out: Folder to write into.
        outputs: What else to write.
        flips: Average each prediction over the image's mirror images.
        reporter: Who tells the user; silent if left out.

    Returns:
        How many were written and which images could not be read.

    Raises:
        InputError: If there is no model, no image, or two images would get one name.
    """
    reporter = reporter or Reporter(quiet=True)
    segmenter = Segmenter.load(run, flips=flips)
    named = [images] if isinstance(images, str | Path) else images
    targets = find_images(named, Path(out))
    problems: list[str] = []
    paths = list(targets)
    with ThreadPoolExecutor() as pool, reporter.task("Predicting", len(paths)) as advance:
        for start in range(0, len(paths), BATCH_SIZE):
            part = paths[start : start + BATCH_SIZE]
            loaded = dict(_read(part, pool, problems))
            probabilities = segmenter.stream(loaded.values(), BATCH_SIZE)
            for path, probability in zip(loaded, probabilities, strict=True):
                _write(targets[path], loaded[path], probability, segmenter, outputs or Outputs())
            advance(len(part))
    return Prediction(len(paths) - len(problems), problems)


def find_images(images: Sequence[str | Path], out: Path) -> dict[Path, Path]:
    """Each image that files, folders and patterns name, with the mask to be written for it.

    Files below `out` are masks written before, not images.

    Raises:
        InputError: If one of them names no image, or two images would get one mask.
    """
    targets: dict[Path, Path] = {}
    for name in images:
        found = [(p, r) for p, r in _expand(str(name)) if out.resolve() not in _real(p).parents]
        if not found:
            raise InputError(f"{name}: no image there. Give image files, folders or patterns.")
        for path, relative in found:
            targets[path] = (out / relative).with_suffix(".png")
    taken: dict[Path, Path] = {}
    for path, target in targets.items():
        if target in taken:
            raise InputError(f"The masks of {taken[target]} and {path} would both be {target}.")
        taken[target] = path
    return targets


def _real(path: Path) -> Path:
    """Where links lead; those that lead to themselves are left as they are."""
    return Path(os.path.realpath(path))


def _expand(name: str) -> list[tuple[Path, Path]]:
    path = Path(name)
    if path.is_file():
        return [(path, Path(path.name))]
    if path.is_dir():
        return [
            (inner, inner.relative_to(path))
            for inner in sorted(path.rglob("*"))
            if inner.suffix.lower() in IMAGE_SUFFIXES and not inner.is_dir()
        ]
    matches = [Path(match) for match in sorted(glob.glob(name, recursive=True))]
    return [(match, Path(match.name)) for match in matches if match.is_file()]


def _read(
    paths: Sequence[Path], pool: ThreadPoolExecutor, problems: list[str]
) -> Iterator[tuple[Path, NDArray[np.uint8]]]:
    for path, future in [(path, pool.submit(read_image, path)) for path in paths]:
        try:
            yield path, future.result()
        except DataError as error:
            problems.append(str(error))


def _write(
    target: Path,
    image: NDArray[np.uint8],
    probability: Probabilities,
    segmenter: Segmenter,
    outputs: Outputs,
) -> None:
    mask = to_classes(probability, segmenter.card.threshold)
    write_mask(target, mask, segmenter.card.num_channels)
    if outputs.overlay:
        picture = Image.fromarray(draw_outlines(image, mask))
        _save(target.with_name(f"{target.stem}_overlay.jpg"), picture, "JPEG")
    if outputs.probabilities:
        foreground = probability[0] if len(probability) == 1 else 1 - probability[0]
        grey = Image.fromarray((foreground * 65535).round().astype(np.uint16))
        _save(target.with_name(f"{target.stem}_probability.png"), grey, "PNG")


def _save(path: Path, picture: Image.Image, kind: str) -> None:
    with atomic_file(path) as file:
        picture.save(file, format=kind)
