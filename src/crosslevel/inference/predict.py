"""Prediction: a trained segmenter and images become masks (and more) on disk.

Threads read ahead and write behind while the network computes; what is in memory is bounded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
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
from crosslevel.inference.leftovers import Leftovers
from crosslevel.inference.listing import CONFIDENCE_FILE, Prediction, Said, listed
from crosslevel.inference.manifest import WHOLE, Manifest, Shard, fingerprint
from crosslevel.inference.mask_files import (
    check_dicom_seg,
    write_dicom_seg,
    write_masks,
    write_pages,
)
from crosslevel.inference.options import InferenceKeywords, Outputs
from crosslevel.inference.outputs import (
    OutputFiles,
    class_probabilities_file,
    name_output_files,
    overlay_file,
    probability_file,
)
from crosslevel.inference.runtimes import Probabilities
from crosslevel.inference.segmenter import Segmenter, at_size
from crosslevel.inference.suggestions import Suggestions, sureness
from crosslevel.inference.written import WrittenFiles, file_hash
from crosslevel.logits import to_classes
from crosslevel.system.console import Reporter
from crosslevel.system.files import atomic_file
from crosslevel.system.load import LoadMeter
from crosslevel.system.threads import ahead

T = TypeVar("T")
R = TypeVar("R")


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
    `confidence.csv` beside them lists all of this call, the lowest expected Dice first; without a
    calibration of the model, the lowest confidence. Of the files there are, only those are replaced
    that `predict` wrote and nobody changed since; pictures of a mask before are removed.

    Args:
        run: A run folder, or a model folder.
        images: Files, folders, or glob patterns.
        out: Folder to write into.
        outputs: What else to write.
        reporter: Who tells the user; silent if left out.
        options: Fields of `InferenceOptions`: `flips`, `sliding_window`, `runtime`,
            `threshold`.

    Returns:
        The confidence of each mask, and which images could not be read.

    Raises:
        InputError: If there is no model, no image, two images would get one name, files of
            somebody else would be replaced, or the runtime cannot be used.
    """
    reporter, outputs = reporter or Reporter(quiet=True), outputs or Outputs()
    segmenter = Segmenter.load(run, **options)
    images = [images] if isinstance(images, str | Path) else images
    named = name_output_files(images, Path(out), segmenter.card.reading, outputs)
    shard = Shard.parse(outputs.shard or WHOLE)
    files = named.only(shard.share([*named.masks]))
    made_by = fingerprint(run, segmenter.runtime, options, outputs)
    manifest = Manifest.of(Path(out), shard, made_by, outputs)
    said = _done(manifest, files, reporter) if manifest and outputs.resume else {}
    all_files, files = files, files.only(image for image in files.masks if image not in said)
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
    suggestions = _suggestions(segmenter, outputs, Path(out), named.masks)
    leftovers = Leftovers(files, outputs, named.masks.values(), written)
    work = _Work(segmenter, outputs, files, written, leftovers, notes, suggestions)
    shots = [(path, frame) for path in files.masks for frame in files.frames[path]]
    most = 1 if segmenter.sliding_window else segmenter.runtime.batch_size + 1
    problems: list[tuple[Path, str]] = []
    meter, num_done = LoadMeter(), len(said)
    with (
        listed(Path(out) / shard.name(CONFIDENCE_FILE), said, all_files.masks, written),
        ThreadPoolExecutor(most) as readers,
        ThreadPoolExecutor(most) as writers,
        reporter.task("Predicting", len(shots)) as advance,
    ):
        loading = ahead(readers, work.load, shots, most)
        drawn = work.draw_all(_readable(zip(shots, loading, strict=True), problems, notes))
        for done in ahead(writers, work.write, _whole_files(drawn, files.frames), most):
            image, said[image] = done.result()
            if manifest:
                manifest.add(image, files.masks[image], said[image])
            advance(len(files.frames[image]))
        advance(len(problems))
    if manifest:
        manifest.fail(problems)
    if suggestions:
        suggestions.write()
    leftovers.report(reporter)
    for note in limited(notes):
        reporter.say(f"warning: {one_line(note)}")
    busy = meter.busy if segmenter.computes_on_cpu else None
    return Prediction.of(said, problems, len(said) - num_done, meter.seconds, busy)


def _done(manifest: Manifest, files: OutputFiles, reporter: Reporter) -> dict[Path, Said]:
    said = manifest.done(files.masks)
    if said:
        others = f", also by {', '.join(manifest.others)}" if manifest.others else ""
        reporter.say(f"{len(said)} of {len(files.masks)} masks are done already{others}")
    return said


def _suggestions(
    segmenter: Segmenter, outputs: Outputs, out: Path, images: Iterable[Path]
) -> Suggestions | None:
    if not outputs.format:
        return None
    name = Shard.parse(outputs.shard or WHOLE).name(f"suggestions-{outputs.format}")
    return Suggestions(outputs.format, out / name, segmenter.card.classes, images)


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
        of_classes: (classes, H, W) probabilities, background first, 65 535 = 1, if asked for.
        beneath: (H, W, 3), the image the outlines are drawn on, if asked for.
    """

    image: Path
    frame: int | None
    mask: NDArray[np.uint8]
    confidence: MaskConfidence
    sure: NDArray[np.uint8] | None
    of_classes: NDArray[np.uint16] | None
    beneath: NDArray[np.uint8] | None


@dataclass(frozen=True, slots=True)
class _Work:
    """The three parts of the work on an image: `load`, `draw_all` and `write`."""

    segmenter: Segmenter
    outputs: Outputs
    files: OutputFiles
    written: WrittenFiles
    leftovers: Leftovers
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
        masks, of_classes, sure = [], [], []
        confidence = MaskConfidence(self.segmenter.card.threshold)
        for probability in bands:
            masks.append(to_classes(probability, self.segmenter.card.threshold))
            confidence.update(probability, masks[-1])
            if self.suggestions:
                sure.append(sureness(probability, masks[-1]))
            if self.outputs.probabilities or self.outputs.class_probabilities:
                of_classes.append(self._of_classes(probability))
        return _Drawn(
            image.path,
            image.frame,
            np.concatenate(masks),
            confidence,
            np.concatenate(sure) if sure else None,
            np.concatenate(of_classes, axis=1) if of_classes else None,
            image.whole if self.outputs.overlay else None,
        )

    def _of_classes(self, probability: Probabilities) -> NDArray[np.uint16]:
        """Map (C, rows, W) probabilities to those of each class that are written."""
        true = self.segmenter.calibrated(probability)
        every = np.concatenate([1 - true, true]) if len(true) == 1 else true
        return (every * 65535).round().astype(np.uint16)

    def write(self, frames: Sequence[_Drawn]) -> tuple[Path, Said]:
        """Return the image and what is said of its masks, once all is on disk."""
        image, card = frames[0].image, self.segmenter.card
        target, masks = self.files.masks[image], [frame.mask for frame in frames]
        before = file_hash(target) if target.is_file() else None
        write_masks(image, target, masks, card.num_channels, card.reading.axis)
        if before not in (None, file_hash(target)):
            self.leftovers.discard(image)
        if self.outputs.dicom_seg and (note := write_dicom_seg(image, target, masks, card.classes)):
            self.notes.append(note)
        if self.suggestions and (note := self.suggestions.add(image, masks, frames[0].sure)):
            self.notes.append(note)
        for frame in frames:
            self._write_pictures(target, frame)
        for file in self.files.of(image, self.outputs):
            if file.is_file():  # some images have no DICOM segmentation
                self.written.add(file)
        return image, self._say([frame.confidence for frame in frames])

    def _say(self, frames: Sequence[MaskConfidence]) -> Said:
        confidence = MaskConfidence.of_all(frames)
        return Said(self.segmenter.expected_dice(confidence), confidence.compute())

    def _write_pictures(self, target: Path, drawn: _Drawn) -> None:
        if drawn.beneath is not None:
            from crosslevel.images.overlay import draw_outlines  # SciPy takes its time to load

            picture = Image.fromarray(draw_outlines(drawn.beneath, drawn.mask))
            _save(overlay_file(target, drawn.frame), picture, "JPEG")
        if drawn.of_classes is None:
            return
        if self.outputs.probabilities:
            grey = Image.fromarray(65535 - drawn.of_classes[0])
            _save(probability_file(target, drawn.frame), grey, "PNG")
        if self.outputs.class_probabilities:
            pages = [Image.fromarray(page) for page in drawn.of_classes]
            write_pages(class_probabilities_file(target, drawn.frame), pages)


def _readable(
    loading: Iterable[tuple[tuple[Path, int | None], Future[_Loaded]]],
    problems: list[tuple[Path, str]],
    notes: list[str],
) -> Iterator[_Loaded]:
    for (path, _), image in loading:
        try:
            loaded = image.result()
        except DataError as error:
            problems.append((path, str(error)))
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


def _save(path: Path, picture: Image.Image, kind: str) -> None:
    with atomic_file(path) as file:
        picture.save(file, format=kind)
