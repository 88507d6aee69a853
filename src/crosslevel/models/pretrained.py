"""What a pretraining hands to a training: weights of an encoder or a backbone, and a card.

A folder holds `pretrained.safetensors` and `pretrained.json`; no pickle.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from crosslevel.config.model import ModelConfig
from crosslevel.config.reading import from_dict
from crosslevel.errors import InputError
from crosslevel.models.backbone import Backbone
from crosslevel.models.hub import refuse_address
from crosslevel.system.files import atomic_file, write_text

WEIGHTS, CARD = "pretrained.safetensors", "pretrained.json"


@dataclass(frozen=True, kw_only=True)
class PretrainedCard:
    """What has to be known to use the weights.

    Attributes:
        task: Name of the pretext task.
        model: The backbone.
        has_decoder: The weights are of the whole backbone, not of its encoder alone.
        size: Side in pixels of the images.
        images: Hashes of the images that were seen, so that a test on one of them can be told.
        with_test: Test images were seen because that was asked for.
    """

    task: str
    model: ModelConfig
    has_decoder: bool
    size: int
    images: tuple[str, ...]
    with_test: bool = False


def save_pretrained(folder: Path, backbone: Backbone, card: PretrainedCard) -> None:
    """Write weights and card, each atomically; the card last, since it marks a whole folder."""
    state = backbone.state_dict() if card.has_decoder else backbone.encoder_state()
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}
    with atomic_file(folder / WEIGHTS) as file:
        file.write(save(weights))
    values = asdict(card) | {"model": card.model.without_places().to_dict()}
    write_text(folder / CARD, json.dumps(values, indent=1) + "\n")


def read_card(folder: Path) -> PretrainedCard:
    """Return what `pretrained.json` says.

    Raises:
        InputError: If it is missing or damaged.
    """
    refuse_address(folder)
    file = folder / CARD
    if not file.is_file():
        raise InputError(
            f"model.weights is {str(folder)!r}, which holds no finished pretraining (no {CARD}): "
            "name the --out of a `crosslevel pretrain` that has ended."
        )
    try:
        return from_dict(PretrainedCard, json.loads(file.read_text()), where=str(file))
    except ValueError as error:
        raise InputError(f"{file} is damaged ({error}): repeat `crosslevel pretrain`.") from error


def load_pretrained(folder: Path, backbone: Backbone, model: ModelConfig) -> None:
    """Give a backbone the weights of a pretraining.

    Args:
        folder: Where `save_pretrained` wrote them.
        backbone: Of the same kind; a decoder that was not pretrained stays as it is.
        model: What the backbone was built from.

    Raises:
        InputError: If the files are missing or damaged, or of another backbone.
    """
    card = read_card(folder)
    ours, theirs = (one.untrained().to_dict() for one in (model, card.model))
    if ours != theirs:
        changed = {name for name in ours | theirs if ours.get(name) != theirs.get(name)}
        told = ", ".join(f"{name} {theirs.get(name)}" for name in sorted(changed))
        raise InputError(
            f"The weights in {folder} are of another model ({told}): train with its options, or "
            "pretrain this one."
        )
    try:
        weights = load((folder / WEIGHTS).read_bytes())
    except (OSError, SafetensorError) as error:
        raise InputError(f"The weights in {folder} cannot be read: {error}") from error
    state = backbone.state_dict()
    _check_fit(state if card.has_decoder else backbone.encoder_state(), weights, folder)
    backbone.load_state_dict(state | weights)
    backbone.is_pretrained = True


def weights_hash(folder: Path) -> str:
    """Return the SHA-256 of the weights."""
    return hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest()


def _check_fit(expected: Mapping[str, Tensor], found: Mapping[str, Tensor], folder: Path) -> None:
    for name in sorted(expected.keys() | found.keys()):
        ours, theirs = expected.get(name), found.get(name)
        if (
            ours is None
            or theirs is None
            or (ours.shape, ours.dtype) != (theirs.shape, theirs.dtype)
        ):
            raise InputError(
                f"The weights in {folder} do not fit their {CARD} at {name}: repeat `crosslevel "
                "pretrain` with another --out."
            )
