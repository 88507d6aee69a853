"""A trained segmenter as a folder: `model.safetensors` and `model.json`, portable, no pickle."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load, save

from crosslevel.config import ModelConfig, from_dict
from crosslevel.errors import InputError
from crosslevel.files import atomic_file, write_text
from crosslevel.models.segmenter import SegmentationNet, build_segmentation_net

FORMAT = 1


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
        format: Version of this folder's form.
    """

    method: str
    model: ModelConfig
    classes: list[str]
    num_channels: int
    size: int
    threshold: float = 0.5
    format: int = FORMAT


def save_model(folder: Path, net: SegmentationNet, card: ModelCard) -> None:
    """Write weights and card, each atomically."""
    weights = {
        name: tensor.detach().cpu().contiguous() for name, tensor in net.state_dict().items()
    }
    with atomic_file(folder / "model.safetensors") as file:
        file.write(save(weights))
    write_text(folder / "model.json", json.dumps(asdict(card), indent=2) + "\n")


def load_model(folder: Path) -> tuple[SegmentationNet, ModelCard]:
    """The network, in evaluation mode, and its card.

    Raises:
        InputError: If a file is missing, damaged, or does not fit the other.
    """
    card_file, weights_file = folder / "model.json", folder / "model.safetensors"
    try:
        card = from_dict(ModelCard, json.loads(card_file.read_text()), where=str(card_file))
        weights = load(weights_file.read_bytes())
    except FileNotFoundError as error:
        raise InputError(
            f"{folder} holds no trained model ({Path(error.filename).name} is missing): "
            "train first, or let the first epoch finish."
        ) from error
    except (OSError, ValueError, SafetensorError) as error:
        raise InputError(f"The model in {folder} cannot be read: {error}") from error
    if card.format != FORMAT:
        raise InputError(f"{card_file} has format {card.format}; this version reads {FORMAT}.")
    net = build_segmentation_net(replace(card.model, weights=None), card.num_channels)
    try:
        net.load_state_dict(weights)
    except RuntimeError as error:
        raise InputError(f"The weights in {weights_file} do not fit model.json: {error}") from error
    return net.eval(), card
