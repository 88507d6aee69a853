"""Which images files, folders and patterns name, and where the mask of each is written."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from crosslevel.data.formats.readers import (
    DICOM_SUFFIXES,
    READERS,
    check_packages,
    read_header,
    stem_of,
    suffix_of,
)
from crosslevel.data.frames import frames_meant
from crosslevel.data.layouts import OF_THE_SYSTEM, describe_passed_over
from crosslevel.data.layouts.folder import IMAGE_FOLDERS, MASK_FOLDERS, plain
from crosslevel.data.ours import PREDICTED
from crosslevel.errors import DataError, InputError, one_line
from crosslevel.inference.mask_files import dicom_seg_file, mask_suffix
from crosslevel.inference.options import Outputs
from crosslevel.inference.written import listed_in
from crosslevel.system.folders import walk
from crosslevel.types import Reading


@dataclass(frozen=True, slots=True)
class OutputFiles:
    """The images to be predicted, and the files that are written for them.

    Attributes:
        masks: Each image, with the mask to be written for it.
        frames: Which frames of each image are predicted; None for the only one.
        warnings: One line for each folder in which files were passed over.
    """

    masks: dict[Path, Path]
    frames: dict[Path, list[int | None]]
    warnings: list[str]

    def only(self, images: Iterable[Path]) -> OutputFiles:
        """Return the same for some of the images."""
        chosen = list(images)
        masks = {image: self.masks[image] for image in chosen}
        return OutputFiles(masks, {image: self.frames[image] for image in chosen}, self.warnings)

    def of(self, image: Path, outputs: Outputs) -> dict[Path, str]:
        """Return every file that is written for an image, and what it is."""
        mask = self.masks[image]
        files = {mask: "mask"}
        for frame in self.frames[image]:
            if outputs.overlay:
                files[overlay_file(mask, frame)] = "overlay"
            if outputs.probabilities:
                files[probability_file(mask, frame)] = "probabilities"
            if outputs.class_probabilities:
                files[class_probabilities_file(mask, frame)] = "probabilities of each class"
        if outputs.dicom_seg and suffix_of(image.name) in DICOM_SUFFIXES:
            files[dicom_seg_file(mask)] = "DICOM segmentation"
        return files


def overlay_file(mask: Path, frame: int | None) -> Path:
    """Return where the outlines of a mask are drawn on its image."""
    return mask.with_name(f"{_stem(mask, frame)}_overlay.jpg")


def probability_file(mask: Path, frame: int | None) -> Path:
    """Return where the probabilities behind a mask are."""
    return mask.with_name(f"{_stem(mask, frame)}_probability.png")


def class_probabilities_file(mask: Path, frame: int | None) -> Path:
    """Return where the probabilities of each class are."""
    return mask.with_name(f"{_stem(mask, frame)}_probabilities.tif")


def _stem(mask: Path, frame: int | None) -> str:
    return stem_of(mask.name) + ("" if frame is None else f"-{frame}")


def name_output_files(
    images: Sequence[str | Path], out: Path, reading: Reading, outputs: Outputs
) -> OutputFiles:
    """Do as `find_images`, for all that is written.

    Raises:
        InputError: As `find_images`, or if one file would be written for two.
        DataError: As `find_images`.
    """
    named = find_images(images, out, reading)
    _check_distinct(named, outputs)
    return named


def find_images(images: Sequence[str | Path], out: Path, reading: Reading) -> OutputFiles:
    """Return each image that files, folders and patterns name, with the mask to be written for it.

    Of a folder, files with the extension of an image are taken, those of its sub-folders too, but
    and of linked ones, but neither hidden ones nor those of a folder named like masks beside
    images. Files below `out` are masks written before, not images, and so are those that are listed
    as written by an earlier call.

    Args:
        images: What to predict.
        out: Folder of the masks.
        reading: Which frames of a file are meant.

    Raises:
        InputError: If one of them names no image.
        DataError: If a kind of file is read by what is not installed.
    """
    masks: dict[Path, Path] = {}
    frames: dict[Path, list[int | None]] = {}
    warnings: list[str] = []
    real_out = _real(out)
    for name in images:
        there = _files(str(name))
        files = [(p, below) for p, below in there if real_out not in _real(p).parents]
        others = []
        if Path(name).is_dir():
            others = [
                str(b) for p, b in files if not (_is_image(p) or p.name.lower() in OF_THE_SYSTEM)
            ]
            files = [(p, below) for p, below in files if _is_image(p)]
        passed_over = [one_line(line) for line in describe_passed_over(Path(name), others)]
        for folder in _mask_folders(below for _, below in files):
            kept = [(p, below) for p, below in files if folder not in below.parents]
            if number := len(files) - len(kept):
                passed_over.append(_describe_masks(Path(name) / folder, number))
            files = kept
        if not files:
            raise _nothing(name, out, [p for p, _ in there if _is_image(p)], passed_over)
        check_packages(path for path, _ in files)
        for path, below in files:
            frames[path] = _frames(path, reading)
            suffix = mask_suffix(path, frames[path], reading.page)
            masks[path] = (out / below).with_name(stem_of(below.name) + suffix)
        warnings += passed_over
    return OutputFiles(masks, frames, warnings)


def _nothing(
    name: str | Path, out: Path, images: Sequence[Path], passed_over: Sequence[str]
) -> InputError:
    """Return why no image is left of a name: there is none, or all lie among the masks."""
    line = f"{name}: no image there. Give image files, folders or patterns."
    if any(_real(out) in _real(image).parents for image in images):
        line = f"{name}: the images lie in {out}, where masks are written. Give another --out."
    return InputError(" ".join([line, *passed_over]))


def _frames(path: Path, reading: Reading) -> list[int | None]:
    try:
        num_frames = read_header(path, reading.axis).num_frames
    except DataError:  # named when it is read
        num_frames = 1
    return frames_meant(path, num_frames, reading.page)


def _files(name: str) -> list[tuple[Path, Path]]:
    """Return each file named or in a named folder, and its path below the folder of masks."""
    path = Path(name)
    if path.is_file():
        return [(path, Path(path.name))]
    if path.is_dir():
        inside = [(place, names) for place, _, names in walk(path)]
        written = {one for place, _ in inside for one in listed_in(place / PREDICTED)}
        files = sorted(place / name for place, names in inside for name in names)
        return [(file, file.relative_to(path)) for file in files if file not in written]
    matches = [Path(match) for match in sorted(glob.glob(name, recursive=True))]
    return [(match, Path(match.name)) for match in matches if match.is_file()]


def _mask_folders(images: Iterable[Path]) -> list[Path]:
    """Return folders named like masks that lie beside images or a folder of them."""
    files = list(images)
    holders = {below.parent for below in files}
    folders = {folder for below in files for folder in below.parents}
    beside = holders | {folder.parent for folder in folders if plain(folder.name) in IMAGE_FOLDERS}
    return sorted(f for f in folders if plain(f.name) in MASK_FOLDERS and f.parent in beside)


def _describe_masks(folder: Path, number: int) -> str:
    return one_line(
        f"{folder}: not used, being masks by its name (files: {number}). If they are "
        "images, name it in a call of its own."
    )


def _is_image(path: Path) -> bool:
    return suffix_of(path.name) in READERS


def _real(path: Path) -> Path:
    """Return where links lead; those that lead to themselves are left as they are."""
    return Path(os.path.realpath(path))


def _check_distinct(named: OutputFiles, outputs: Outputs) -> None:
    taken: dict[Path, str] = {}
    for image in named.masks:
        for file, what in named.of(image, outputs).items():
            if file in taken:
                raise InputError(
                    f"The {taken[file]} and the {what} of {image} would both be {file}. Predict "
                    "the two images into folders of their own."
                )
            taken[file] = f"{what} of {image}"
