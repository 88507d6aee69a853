"""The weights of a trained segmenter for one with the same backbone and perhaps more classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from crosslevel.config.model import ModelConfig
from crosslevel.errors import InputError
from crosslevel.models.folder import ModelCard, load_model

HEAD = ("h.weight", "h.bias")


def weights_for(
    folder: Path, model: ModelConfig, classes: Sequence[str], fresh: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Return the weights of the model in a folder, with a head for these classes.

    A class keeps its row of the head under its name. The single logit z of a binary model becomes
    the rows background 0 and class z, whose softmax is the sigmoid of z.

    Args:
        folder: A model folder.
        model: The backbone that is to be trained.
        classes: Names of the foreground classes that are to be learned.
        fresh: Initial state of the network to be trained; new classes have its rows.

    Raises:
        InputError: If the backbones differ, or a class of the model is not among `classes`.
    """
    net, card = load_model(folder)
    own, asked = (config.untrained().to_dict() for config in (card.model, model))
    if own != asked:
        raise InputError(
            f"The model in {folder} has the network {own}, the run to be trained {asked}: give "
            "the same --model."
        )
    missing = [name for name in card.classes if name not in classes]
    if missing:
        raise InputError(
            f"The model in {folder} has the classes {', '.join(card.classes)}; classes may be "
            f"added, but {', '.join(missing)} is missing: name it with --classes, too."
        )
    state = dict(net.state_dict())
    if list(classes) != card.classes:
        state |= {name: _head(state[name], fresh[name], card, classes) for name in HEAD}
    return state


def _head(old: Tensor, fresh: Tensor, card: ModelCard, classes: Sequence[str]) -> Tensor:
    """Return rows for background and classes."""
    head = fresh.detach().cpu().clone()
    is_binary = card.num_channels == 1
    head[0] = torch.zeros_like(old[0]) if is_binary else old[0]
    for place, name in enumerate(card.classes):
        head[1 + classes.index(name)] = old[place if is_binary else 1 + place]
    return head
