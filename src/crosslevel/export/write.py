"""Export: a trained segmenter becomes one file for ONNX Runtime, OpenVINO or TorchScript.

The file takes (B, S, S, 3) uint8 RGB images and gives probabilities (B, C, S, S); S, the classes
and the threshold are in the record beside it. It is delivered only after its Dice on the validation
images was compared.
"""

from __future__ import annotations

import shutil
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np
import torch

from crosslevel.data.cases import usable_cases
from crosslevel.data.reading import read_case, read_case_mask
from crosslevel.data.split import resolve_split
from crosslevel.errors import InputError, RunError
from crosslevel.evaluation.metrics import CaseScore, score_case
from crosslevel.evaluation.source import is_model_alone, source_of
from crosslevel.export.quantisation import quantise
from crosslevel.images.preprocess import resize_image
from crosslevel.inference.exported import (
    ExportRecord,
    export_file,
    exported_folder,
    record_file,
)
from crosslevel.inference.runtimes import (
    EXPORTED,
    Image,
    ImagesToProbabilities,
    Runtime,
    TorchRuntime,
    require_packages,
)
from crosslevel.inference.segmenter import Segmenter, model_folder
from crosslevel.models.folder import ModelCard, load_model, weights_hash
from crosslevel.models.segmenter import SegmentationNet
from crosslevel.runs.folder import RunFolder
from crosslevel.system.console import Reporter
from crosslevel.system.devices import this_place
from crosslevel.system.files import atomic_file
from crosslevel.types import Case, Classes, ExportPrecision, Format

NUM_CALIBRATION = 96
"""Training images that tell the ranges of int8."""
KEPT_SHARES = (0.25, 0.5)
"""Share of the convolutions that int8 leaves in fp32, tried in this order. On Kvasir-SEG leaving
none cost 0.4 Dice points, leaving a quarter less than 0.1."""
PACKAGES: dict[Format, tuple[str, ...]] = {
    "onnx": ("onnx", "onnxruntime"),
    "openvino": ("onnx", "openvino"),
    "torchscript": (),
}


@dataclass(frozen=True, slots=True)
class Export:
    """What a call of `export` wrote.

    Attributes:
        file: The model; its record is beside it, with `.json` behind its name.
        record: How it is used, and what it was compared with.
        compared_on: Words for the images that model and export were scored on.
    """

    file: Path
    record: ExportRecord
    compared_on: str


@dataclass(frozen=True, slots=True)
class _Source:
    """What is exported.

    Attributes:
        folder: Of the model.
        net: The network.
        card: How it is used.
        classes: How masks are read.
        parts: Cases of the run by part of the split.
        named: Words for the images to compare on, if they are not a part of the split.
    """

    folder: Path
    net: SegmentationNet
    card: ModelCard
    classes: Classes
    parts: Mapping[str, Sequence[Case]]
    named: str = ""

    @property
    def compared(self) -> Sequence[Case]:
        """What model and export are scored on: validation images, of a run with folds all masks."""
        return self.parts["val"] or self.parts["train_labelled"]

    @property
    def compared_on(self) -> str:
        """Words for these images."""
        of_split = "validation images" if self.parts["val"] else "labelled images (learned from)"
        return self.named or of_split


def export(
    run: Path | str,
    format: Format = "onnx",
    precision: ExportPrecision = "fp32",
    *,
    out: Path | str | None = None,
    data: Path | str | None = None,
    reporter: Reporter | None = None,
) -> Export:
    """Write the best model of a run in another format, once its Dice was compared.

    Args:
        run: The run folder; or a model by itself, also "hf:owner/name@revision", of which `data`
            (some of it with masks) and `out` are named.
        format: "onnx", "openvino" or "torchscript".
        precision: "int8" is calibrated on training images; not for "torchscript". If its Dice
            differs it is written all the same, but `predict` does not use it.
        out: Folder to write into; `RUN/model/exported`, where `predict` looks, if left out.
        data: Folder or CSV of images; the one the run was trained on if left out.
        reporter: Who tells the user; silent if left out.

    Returns:
        The file and its scores.

    Raises:
        InputError: If there is no model or no data, or a package is missing.
        RunError: If an fp32 export scores otherwise than the model; nothing is delivered then.
    """
    _check(format, precision)
    reporter = reporter or Reporter(quiet=True)
    source = _open(run, data, out)
    target = export_file(Path(out) if out else exported_folder(source.folder), format, precision)
    device = this_place().device
    original = _dice(TorchRuntime(ImagesToProbabilities(source.net), device), source, reporter)
    with tempfile.TemporaryDirectory() as scratch:
        for file in _candidates(Path(scratch) / target.name, source, precision):
            dice = _dice(_runtime(file, format, device), source, reporter)
            record = ExportRecord(
                file=target.name,
                precision=precision,
                size=source.card.size,
                classes=source.card.classes,
                threshold=source.card.threshold,
                reading=source.card.reading,
                weights=weights_hash(source.folder),
                num_images=len(source.compared),
                dice_original=original,
                dice_exported=dice,
            )
            if record.is_faithful:
                break
        if precision == "fp32" and not record.is_faithful:
            raise RunError(
                f"{target} would score a Dice of {dice:.2f} on the {source.compared_on}, the "
                f"model scores {original:.2f}: it was not written. Try another --format."
            )
        _deliver(file, target, record)
    return Export(target, record, source.compared_on)


def _check(format: Format, precision: ExportPrecision) -> None:
    if format not in get_args(Format) or precision not in get_args(ExportPrecision):
        raise InputError(
            f"format is {format!r} and precision {precision!r}; they must be of "
            f"{get_args(Format)} and {get_args(ExportPrecision)}."
        )
    if format == "torchscript" and precision == "int8":
        raise InputError("TorchScript is written in fp32 only: choose --format onnx or openvino.")
    for_int8 = ("onnxruntime",) if precision == "int8" else ()
    require_packages(f"--format {format}", *dict.fromkeys((*PACKAGES[format], *for_int8)))


def _open(run: Path | str, data: Path | str | None, out: Path | str | None) -> _Source:
    if is_model_alone(run):
        return _open_model(run, data, out)
    source, folder = source_of(run), RunFolder(Path(run))
    net, card = load_model(folder.model_folder)
    cases = usable_cases(
        Path(data) if data else folder.data(),
        skip_bad=source.skip_bad,
        reading=source.reading,
        layout=source.layout,
    )
    parts = resolve_split(source.split, cases)
    if not (parts["val"] or folder.config().folds):
        raise InputError(f"The split of {run} has no validation images to compare on.")
    return _Source(folder.model_folder, net, card, source.classes, parts)


def _open_model(run: Path | str, data: Path | str | None, out: Path | str | None) -> _Source:
    """Open a model without its run: what it is compared on is all masks of the data."""
    if not (data and out):
        raise InputError(
            f"{run} is a model without its run: name images with masks, on which the export is "
            f"compared with it, and a folder, as in `crosslevel export {run} --data DIR --out "
            "EXPORTED`."
        )
    folder = model_folder(run)
    net, card = load_model(folder)
    if len(card.classes) > 1:
        raise InputError(
            f"{run} has the classes {', '.join(card.classes)}, and only its run says which values "
            "they have in a mask: export the run."
        )
    cases = usable_cases(Path(data), skip_bad=False, reading=card.reading)
    masked = [case for case in cases if case.mask]
    if not masked:
        raise InputError(f"{data} has no masks: there is nothing to compare the export on.")
    parts = {"val": masked, "train_labelled": cases, "train_unlabelled": []}
    return _Source(
        folder, net, card, Classes(foreground=card.classes[0]), parts, "images with masks"
    )


def _candidates(file: Path, source: _Source, precision: ExportPrecision) -> Iterator[Path]:
    """Yield the export at `file`; in int8 several, each more exact than the one before."""
    if file.suffix == ".pt":
        _write_torchscript(file, source)
        yield file
        return
    fp32 = file.with_name("fp32.onnx")
    _write_onnx(fp32, source)
    if precision == "fp32":
        yield _from_onnx(fp32, file)
        return
    images = _calibration_images(source)
    int8 = file.with_name("int8.onnx")
    for share in KEPT_SHARES:
        quantise(fp32, int8, images, share)
        yield _from_onnx(int8, file)


def _traceable(source: _Source) -> tuple[ImagesToProbabilities, torch.Tensor]:
    """Return the module in evaluation mode, and an image to trace it with."""
    size = source.card.size
    source.net.f.fix_size(size)
    example = torch.zeros(1, size, size, 3, dtype=torch.uint8)
    return ImagesToProbabilities(source.net).cpu().eval(), example


def _write_torchscript(file: Path, source: _Source) -> None:
    module, example = _traceable(source)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of constants, which the size and the classes are
        traced = torch.jit.trace(module, (example,))  # type: ignore[no-untyped-call]
        torch.jit.save(traced, str(file))


def _write_onnx(file: Path, source: _Source) -> None:
    """For any number of images at a time."""
    module, example = _traceable(source)
    free = {0: "batch"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch's newer exporter needs two packages more
        torch.onnx.export(
            module,
            (example,),
            str(file),
            dynamo=False,
            opset_version=17,
            input_names=["images"],
            output_names=["probabilities"],
            dynamic_axes={"images": free, "probabilities": free},
        )


def _from_onnx(onnx: Path, file: Path) -> Path:
    if file.suffix == onnx.suffix:
        return Path(shutil.copy(onnx, file))
    import openvino

    openvino.save_model(openvino.Core().read_model(onnx), file, compress_to_fp16=False)
    return file


def _calibration_images(source: _Source) -> list[Image]:
    cases = [*source.parts["train_labelled"], *source.parts["train_unlabelled"]]
    return [
        resize_image(read_case(case, source.card.reading), source.card.size)
        for case in cases[:NUM_CALIBRATION]
    ]


def _runtime(file: Path, format: Format, device: torch.device) -> Runtime:
    if format in EXPORTED:
        return EXPORTED[format][1](file)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return TorchRuntime(torch.jit.load(str(file)), device)  # type: ignore[no-untyped-call]


def _dice(runtime: Runtime, source: _Source, reporter: Reporter) -> float:
    """Return mean Dice ×100 on the images to compare on, at their own size."""
    cases = source.compared
    images = (read_case(case, source.card.reading) for case in cases)
    found = []
    with reporter.task(f"Scoring with {runtime.name}", len(cases)) as advance:
        stream = Segmenter(runtime, source.card).stream(images)
        for case, probability in zip(cases, stream, strict=True):
            truth = read_case_mask(case, source.classes, source.card.reading)
            scores = score_case(
                probability, truth, threshold=source.card.threshold, with_distances=False
            )
            found.append(CaseScore.mean(scores).dice)
            advance()
    return round(100 * float(np.nanmean(found)), 4)


def _deliver(file: Path, target: Path, record: ExportRecord) -> None:
    """Copy the export to where it is wanted (OpenVINO's has two files); its record comes last."""
    record_file(target).unlink(missing_ok=True)
    for suffix in (".bin", file.suffix):
        if file.with_suffix(suffix).is_file():
            with (
                file.with_suffix(suffix).open("rb") as content,
                atomic_file(target.with_suffix(suffix)) as written,
            ):
                shutil.copyfileobj(content, written)
    record.save(target.parent)
