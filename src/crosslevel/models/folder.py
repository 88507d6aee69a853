"""A trained segmenter as a folder: `model.safetensors` and `model.json`, portable, no pickle."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from crosslevel.config.images import check_reading
from crosslevel.config.model import ModelConfig, forget_idle
from crosslevel.config.reading import from_dict
from crosslevel.errors import InputError
from crosslevel.models.segmenter import SegmentationNet, build_without_weights
from crosslevel.system.files import atomic_file, write_text
from crosslevel.types import BEFORE_WINDOWS, Reading

FORMAT = 1
MAX_CARD_BYTES = 100_000
MAX_SIZE = 16_384
"""Pixels along a side."""


@dataclass(frozen=True, kw_only=True)
class ModelCard:
    """What has to be known to use the weights.

    Attributes:
        method: Name of the method that trained them.
        model: The backbone.
        classes: Names of the foreground classes.
        num_channels: Logit channels C.
        size: Side in pixels of the images the network has seen.
        threshold: Binary only: foreground where the probability is at least this.
        reading: How the images were read that it was trained on.
        format: Version of this folder's form.
    """

    method: str
    model: ModelConfig
    classes: list[str]
    num_channels: int
    size: int
    threshold: float = 0.5
    reading: Reading = BEFORE_WINDOWS
    format: int = FORMAT

    def __post_init__(self) -> None:
        """Refuse what no training writes.

        Raises:
            InputError: Naming the field.
        """
        if not 1 <= self.size <= MAX_SIZE:
            raise InputError(f"size is {self.size}; it must be from 1 to {MAX_SIZE} px.")
        if not 0 <= self.threshold <= 1:
            raise InputError(f"threshold is {self.threshold}; it must be from 0 to 1.")
        check_reading(self.reading)
        binary = {1} if len(self.classes) == 1 else set()
        if self.num_channels not in binary | {1 + len(self.classes)}:
            raise InputError(
                f"num_channels is {self.num_channels} for the classes {self.classes}; it must be "
                "one more than their number, or 1 for a single one."
            )


def save_model(folder: Path, net: SegmentationNet, card: ModelCard) -> None:
    """Write weights and card, each atomically."""
    weights = {
        name: tensor.detach().cpu().contiguous() for name, tensor in net.state_dict().items()
    }
    with atomic_file(folder / "model.safetensors") as file:
        file.write(save(weights))
    _write_card(folder, card)


def _write_card(folder: Path, card: ModelCard) -> None:
    values = asdict(card) | {"model": card.model.without_places().to_dict()}
    write_text(folder / "model.json", json.dumps(values, indent=2) + "\n")


def copy_model(folder: Path, target: Path) -> None:
    """Copy a model that can be read, the weights first.

    Raises:
        InputError: If it cannot.
    """
    save_model(target, *load_model(folder))


def set_threshold(folder: Path, threshold: float) -> None:
    """Write another threshold into the card of a model, atomically.

    Raises:
        InputError: If there is no card, or the threshold is not from 0 to 1.
    """
    _write_card(folder, replace(load_card(folder), threshold=threshold))


def load_card(folder: Path) -> ModelCard:
    """Return what `model.json` says.

    Raises:
        InputError: If it is missing, damaged, or of another version.
    """
    file = folder / "model.json"
    with _reading(folder):
        if file.stat().st_size > MAX_CARD_BYTES:
            raise InputError(f"{file} is not a model card: it has over {MAX_CARD_BYTES} bytes.")
        values = json.loads(file.read_text())
        if isinstance(values, dict) and "model" in values:
            values["model"] = forget_idle(values["model"])
        card = from_dict(ModelCard, values, where=str(file))
    if card.format != FORMAT:
        raise InputError(f"{file} has format {card.format}; this version reads {FORMAT}.")
    return card


def weights_hash(folder: Path) -> str:
    """Return the SHA-256 of the weights, which says whether something else belongs to them."""
    return hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()


def load_model(folder: Path) -> tuple[SegmentationNet, ModelCard]:
    """Return the network, in evaluation mode, and its card.

    A folder from a stranger is safe to load: it holds no code, and memory is taken only for
    weights that are really in the file.

    Raises:
        InputError: If a file is missing, damaged, or does not fit the other.
    """
    card = load_card(folder)
    weights_file = folder / "model.safetensors"
    with _reading(folder):
        weights = load(weights_file.read_bytes())
    net = _described(card, folder / "model.json")
    net.check_size(card.size)
    _check_fit(net, weights, weights_file)
    net.load_state_dict(weights, assign=True)
    return net.eval(), card


def refuse_unloadable(net: SegmentationNet, config: ModelConfig, num_channels: int) -> None:
    """Refuse a network that could not be built again from its model folder.

    Args:
        net: What a run would ship.
        config: What its card would say.
        num_channels: Logit channels C.

    Raises:
        InputError: If it is not the network that the configuration names.
    """
    described = build_without_weights(config, num_channels)
    is_ours = type(described.f).__module__.startswith("crosslevel.")
    is_same_kind = type(getattr(net, "f", None)) is type(described.f)
    if is_ours and is_same_kind and _shapes(net) == _shapes(described):
        return
    raise InputError(
        f"The network that would be shipped is not one of the package's, as model.name is "
        f"{config.name!r}: it would be trained, and `predict` could not build it again. Add its "
        "backbone to the package as models/unet.py is, or ship one that `build_segmentation_net` "
        "builds."
    )


@contextmanager
def _reading(folder: Path) -> Iterator[None]:
    """Name the folder in whatever goes wrong inside."""
    try:
        yield
    except FileNotFoundError as error:
        if not folder.parent.is_dir():
            raise InputError(f"{folder.parent}: no such folder. Check the path.") from error
        raise InputError(
            f"{folder} holds no trained model ({Path(error.filename).name} is missing): "
            "train first, or let the first epoch finish."
        ) from error
    except InputError:
        raise
    except (OSError, ValueError, KeyError, RecursionError, SafetensorError) as error:
        raise InputError(f"The model in {folder} cannot be read: {error}") from error


def _described(card: ModelCard, card_file: Path) -> SegmentationNet:
    try:
        return build_without_weights(card.model, card.num_channels)
    except (RuntimeError, OverflowError) as error:
        raise InputError(f"{card_file} describes no network: {error}") from error


def _shapes(net: SegmentationNet) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in net.state_dict().items()}


def _check_fit(net: SegmentationNet, weights: dict[str, Tensor], weights_file: Path) -> None:
    """See that the file holds exactly the network's tensors, of its shapes and types.

    Raises:
        InputError: Naming the first that differs.
    """
    expected = {name: (tuple(t.shape), t.dtype) for name, t in net.state_dict().items()}
    found = {name: (tuple(t.shape), t.dtype) for name, t in weights.items()}
    for name in sorted(expected | found):
        if expected.get(name) != found.get(name):
            raise InputError(
                f"The weights in {weights_file} do not fit model.json: {name} is "
                f"{found.get(name, 'missing')}, expected {expected.get(name, 'none')}."
            )
