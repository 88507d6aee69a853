"""Prediction: a trained segmenter and images become masks (and more) on disk.

Threads read ahead and write behind while the network computes; what is in memory is bounded.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TypeVar, Unpack

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from crosslevel.data.quality.naming import limited
from crosslevel.data.reading import read_as_trained
from crosslevel.errors import DataError, one_line
from crosslevel.images.preprocess import resize_image
from crosslevel.inference.confidence import MaskConfidence
from crosslevel.inference.manifest import Manifest, Shard
from crosslevel.inference.mask_files import check_dicom_seg, write_dicom_seg, write_masks
from crosslevel.inference.options import InferenceKeywords, Outputs
from crosslevel.inference.outputs import (
    OutputFiles,
    name_output_files,
    overlay_file,
    probability_file,
)
from crosslevel.inference.runtimes import Probabilities
from crosslevel.inference.segmenter import Segmenter, at_size
from crosslevel.inference.suggestions import Suggestions, sureness
from crosslevel.inference.written import WrittenFiles
from crosslevel.logits import to_classes
from crosslevel.system.console import Reporter
from crosslevel.system.files import atomic_file, write_text
from crosslevel.system.threads import ahead

CONFIDENCE_FILE = "confidence.csv"

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a call of `predict` did.

    Attributes:
        confidence: That of the mask of each image, in [0, 1], the lowest first (see
            `MaskConfidence`).
        problems: One line for each image that could not be read.
    """

    confidence: dict[Path, float]
    problems: list[str]

    @property
    def num_written(self) -> int:
        """Masks written."""
        return len(self.confidence)


def predict(
    run: Path | str,
    images: str | Path | Sequence[str | Path],
    out: Path | str,
    *,
    outputs: Outputs | None = None,
    reporter: Reporter | None = None,
    **options: Unpack[InferenceKeywords],
) -> Prediction:
    """Write one mask for each image, as `<name>.png` at the image's own size.

    Of a NIfTI volume the mask is `<name>.nii.gz` in the same place in space, of other files with
    several frames `<name>.tif` with a page for each. A folder's sub-folders are kept. Binary masks
    are 0 and 255 (1 in NIfTI), others class indices.
    `confidence.csv` beside them lists all of this call, the lowest confidence first. Of the files
    there are, only those are replaced that `predict` wrote and nobody changed since.

    Args:
        run: A run folder, or a model folder.
        images: Files, folders, or glob patterns.
        out: Folder to write into.
        outputs: What else to write.
        reporter: Who tells the user; silent if left out.
        options: Fields of `InferenceOptions`: `flips`, `sliding_window`, `runtime`.

    Returns:
        The confidence of each mask, and which images could not be read.

    Raises:
        InputError: If there is no model, no image, two images would get one name, files of
            somebody else would be replaced, or the runtime cannot be used.
    """
    reporter, outputs = reporter or Reporter(quiet=True), outputs or Outputs()
    segmenter = Segmenter.load(run, **options)
    named = [images] if isinstance(images, str | Path) else images
    files = name_output_files(named, Path(out), segmenter.card.reading, outputs)
    shard = Shard.parse(outputs.shard) if outputs.shard else Shard()
    files = files.only(shard.share(list(files.masks)))
    manifest = Manifest.of(Path(out), shard, run, options, outputs)
    confidence = manifest.done(files.masks) if manifest else {}
    if confidence:
        reporter.say(f"{len(confidence)} of {len(files.masks)} masks are done already")
    all_files, files = files, files.only(image for image in files.masks if image not in confidence)
    written = WrittenFiles(Path(out))
    if not outputs.overwrite:
        own = [file for image in files.masks for file in files.of(image, outputs)]
        written.refuse_others([*own, Path(out) / shard.name(CONFIDENCE_FILE)])
    for warning in files.warnings:
        reporter.say(f"warning: {warning}")
    reporter.say(f"Computing with {segmenter.runtime.name}")
    notes: list[str] = []
    if outputs.dicom_seg:
        check_dicom_seg(all_files.masks)
    suggestions = None
    if outputs.format:
        suggestions = Suggestions(outputs.format, Path(out), segmenter.card.classes, files.masks)
    work = _Work(segmenter, outputs, files, written, notes, suggestions)
    shots = [(path, frame) for path in files.masks for frame in files.frames[path]]
    most = 1 if segmenter.sliding_window else segmenter.runtime.batch_size + 1
    problems: list[str] = []
    with (
        _listed_by_confidence(
            Path(out) / shard.name(CONFIDENCE_FILE), confidence, all_files.masks, written
        ),
        ThreadPoolExecutor(most) as readers,
        ThreadPoolExecutor(most) as writers,
        reporter.task("Predicting", len(shots)) as advance,
    ):
        loading = ahead(readers, work.load, shots, most)
        drawn = work.draw_all(_readable(loading, problems, notes))
        for done in ahead(writers, work.write, _whole_files(drawn, files.frames), most):
            image, sure = done.result()
            confidence[image] = sure
            if manifest:
                manifest.add(image, files.masks[image], sure)
            advance(len(files.frames[image]))
        advance(len(problems))
    if suggestions:
        suggestions.write()
    for note in limited(notes):
        reporter.say(f"warning: {one_line(note)}")
    return Prediction(_sorted(confidence), list(dict.fromkeys(problems)))


@dataclass(frozen=True, slots=True)
class _Loaded:
    """An image that was read.

    Attributes:
        path: Its file.
        frame: Which one of its frames, None for the only one.
        size: Height and width.
        small: (S, S, 3), None with a sliding window.
        whole: (H, W, 3), only kept if a window slides over it or it is drawn on.
        note: How it differs from what the segmenter was trained on, "" if it does not.
    """

    path: Path
    frame: int | None
    size: tuple[int, int]
    small: NDArray[np.uint8] | None
    whole: NDArray[np.uint8] | None
    note: str


@dataclass(frozen=True, slots=True)
class _Drawn:
    """What is written for an image.

    Attributes:
        image: Its file.
        frame: Which one of its frames, None for the only one.
        mask: (H, W) class indices.
        confidence: That of the mask.
        sure: (H, W) probability of its class, 255 = 1, if suggestions are asked for.
        foreground: (H, W) probability, 65 535 = 1, if asked for.
        beneath: (H, W, 3), the image the outlines are drawn on, if asked for.
    """

    image: Path
    frame: int | None
    mask: NDArray[np.uint8]
    confidence: MaskConfidence
    sure: NDArray[np.uint8] | None
    foreground: NDArray[np.uint16] | None
    beneath: NDArray[np.uint8] | None


@dataclass(frozen=True, slots=True)
class _Work:
    """The three parts of the work on an image: `load`, `draw_all` and `write`."""

    segmenter: Segmenter
    outputs: Outputs
    files: OutputFiles
    written: WrittenFiles
    notes: list[str]
    suggestions: Suggestions | None

    def load(self, shot: tuple[Path, int | None]) -> _Loaded:
        path, frame = shot
        image, note = read_as_trained(path, self.segmenter.card.reading, frame)
        height, width, _ = image.shape
        slides = self.segmenter.sliding_window
        small = None if slides else resize_image(image, self.segmenter.card.size)
        whole = image if slides or self.outputs.overlay else None
        return _Loaded(path, frame, (height, width), small, whole, note)

    def draw_all(self, images: Iterator[_Loaded]) -> Iterator[_Drawn]:
        if self.segmenter.sliding_window:
            for image in images:
                assert image.whole is not None, "a window slides over the whole image"
                yield self._draw(image, self.segmenter.bands(image.whole))
            return
        while batch := list(islice(images, self.segmenter.runtime.batch_size)):
            small = self.segmenter.forward([i.small for i in batch if i.small is not None])
            for image, probability in zip(batch, small, strict=True):
                yield self._draw(image, [at_size(probability, image.size)])

    def _draw(self, image: _Loaded, bands: Iterable[Probabilities]) -> _Drawn:
        masks, foregrounds, sure, confidence = [], [], [], MaskConfidence()
        for probability in bands:
            masks.append(to_classes(probability, self.segmenter.card.threshold))
            confidence.update(probability, masks[-1])
            if self.suggestions:
                sure.append(sureness(probability, masks[-1]))
            if self.outputs.probabilities:
                foreground = probability[0] if len(probability) == 1 else 1 - probability[0]
                foregrounds.append((foreground * 65535).round().astype(np.uint16))
        return _Drawn(
            image.path,
            image.frame,
            np.concatenate(masks),
            confidence,
            np.concatenate(sure) if sure else None,
            np.concatenate(foregrounds) if foregrounds else None,
            image.whole if self.outputs.overlay else None,
        )

    def write(self, frames: Sequence[_Drawn]) -> tuple[Path, float]:
        """Return the image and the confidence of its masks, once all is on disk."""
        image, card = frames[0].image, self.segmenter.card
        target, masks = self.files.masks[image], [frame.mask for frame in frames]
        write_masks(image, target, masks, card.num_channels, card.reading.axis)
        if self.outputs.dicom_seg and (note := write_dicom_seg(image, target, masks, card.classes)):
            self.notes.append(note)
        if self.suggestions and (note := self.suggestions.add(image, masks, frames[0].sure)):
            self.notes.append(note)
        for frame in frames:
            self._write_pictures(target, frame)
        for file in self.files.of(image, self.outputs):
            if file.is_file():  # some images have no DICOM segmentation
                self.written.add(file)
        return image, MaskConfidence.of_all([frame.confidence for frame in frames]).compute()

    def _write_pictures(self, target: Path, drawn: _Drawn) -> None:
        if drawn.beneath is not None:
            from crosslevel.images.overlay import draw_outlines  # SciPy takes its time to load

            picture = Image.fromarray(draw_outlines(drawn.beneath, drawn.mask))
            _save(overlay_file(target, drawn.frame), picture, "JPEG")
        if drawn.foreground is not None:
            grey = Image.fromarray(drawn.foreground)
            _save(probability_file(target, drawn.frame), grey, "PNG")


def _readable(
    loading: Iterable[Future[_Loaded]], problems: list[str], notes: list[str]
) -> Iterator[_Loaded]:
    for image in loading:
        try:
            loaded = image.result()
        except DataError as error:
            problems.append(str(error))
            continue
        if loaded.note:
            notes.append(f"{loaded.path}: {loaded.note}. Its mask may be wrong.")
        yield loaded


def _whole_files(
    drawn: Iterable[_Drawn], frames: Mapping[Path, Sequence[int | None]]
) -> Iterator[list[_Drawn]]:
    """Yield all frames of each file together; none of a file of which one could not be read."""
    waiting: list[_Drawn] = []
    for one in drawn:
        if waiting and waiting[0].image != one.image:
            waiting = []
        waiting.append(one)
        if len(waiting) == len(frames[one.image]):
            yield waiting
            waiting = []


@contextmanager
def _listed_by_confidence(
    file: Path, confidence: dict[Path, float], masks: dict[Path, Path], written: WrittenFiles
) -> Iterator[None]:
    """Lists, however the block ends, the masks that are done; images by their absolute paths."""
    file.unlink(missing_ok=True)
    try:
        yield
    finally:
        if confidence:
            text = io.StringIO(newline="")
            table = csv.writer(text)
            table.writerow(["image", "mask", "confidence"])
            for image, value in _sorted(confidence).items():
                table.writerow(
                    [image.absolute(), masks[image].relative_to(file.parent), f"{value:.4f}"]
                )
            write_text(file, text.getvalue().encode(errors="backslashreplace").decode())
            written.add(file)


def _sorted(confidence: dict[Path, float]) -> dict[Path, float]:
    return dict(sorted(confidence.items(), key=lambda item: item[1]))


def _save(path: Path, picture: Image.Image, kind: str) -> None:
    with atomic_file(path) as file:
        picture.save(file, format=kind)
