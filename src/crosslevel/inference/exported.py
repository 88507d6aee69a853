"""Exported models beside the weights they came from: what is known of each, and which are fit.

An export is a file in `model/exported/` with its record in JSON beside it. It stands in for
the weights only while they are the ones it was made from, and its Dice is theirs.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from crosslevel.config.reading import from_dict
from crosslevel.errors import InputError
from crosslevel.models.folder import weights_hash
from crosslevel.system.files import write_text
from crosslevel.types import BEFORE_WINDOWS, ExportPrecision, Format, Reading

SUFFIXES: dict[Format, str] = {"openvino": ".xml", "onnx": ".onnx", "torchscript": ".pt"}
FASTEST_FIRST: tuple[tuple[Format, ExportPrecision], ...] = (
    ("openvino", "int8"),
    ("onnx", "int8"),
    ("openvino", "fp32"),
    ("onnx", "fp32"),
)
"""What computes in place of the weights, where it is there; TorchScript is for other programs."""
TOLERANCE = 0.1
"""Dice points by which an export may differ from the weights and still stand in for them."""


@dataclass(frozen=True, kw_only=True)
class ExportRecord:
    """What has to be known to use an exported model.

    Attributes:
        file: Its name.
        precision: Number format of the convolutions.
        size: Side S of the images it takes, in pixels.
        classes: Names of the foreground classes.
        threshold: Binary only: foreground where the probability is at least this.
        weights: SHA-256 of the `model.safetensors` it was made from.
        num_images: Validation images, or of a run with folds labelled ones, both were scored on.
        dice_original: Mean Dice ×100 of the weights, computed by PyTorch.
        dice_exported: The same of the export.
        reading: How the images were read that it was trained on, before they became its input.
    """

    file: str
    precision: ExportPrecision
    size: int
    classes: list[str]
    threshold: float
    weights: str
    num_images: int
    dice_original: float
    dice_exported: float
    reading: Reading = BEFORE_WINDOWS

    @property
    def is_faithful(self) -> bool:
        """True if the Dice differs by no more than `TOLERANCE`."""
        return abs(self.dice_exported - self.dice_original) <= TOLERANCE

    def save(self, folder: Path) -> None:
        """Write the record beside the export."""
        write_text(record_file(folder / self.file), json.dumps(asdict(self), indent=2) + "\n")


def exported_folder(model_folder: Path) -> Path:
    """Return where the exports of a model lie, unless the user puts them elsewhere."""
    return model_folder / "exported"


def export_file(folder: Path, format: Format, precision: ExportPrecision) -> Path:
    """Return the name of an export in a folder."""
    return folder / f"model-{precision}{SUFFIXES[format]}"


def faithful_exports(model_folder: Path) -> list[tuple[Format, Path]]:
    """Return the exports that may stand in for the weights, the fastest first.

    Raises:
        InputError: If a record is damaged.
    """
    folder = exported_folder(model_folder)
    named = [(format, export_file(folder, format, kind)) for format, kind in FASTEST_FIRST]
    return [(format, file) for format, file in named if _stands_in(file, model_folder)]


def _stands_in(file: Path, model_folder: Path) -> bool:
    if not record_file(file).is_file():
        return False
    record = _read(record_file(file))
    return record.is_faithful and record.weights == weights_hash(model_folder)


def record_file(export: Path) -> Path:
    """Return what is known of an export, beside it."""
    return export.with_name(f"{export.name}.json")


def _read(file: Path) -> ExportRecord:
    try:
        return from_dict(ExportRecord, json.loads(file.read_bytes()), where=str(file))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{file} is not a record of an export ({error}): export again.") from error
