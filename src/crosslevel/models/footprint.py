"""How much memory a network takes at least, told without taking it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from crosslevel.config.model import ModelConfig
from crosslevel.errors import InputError
from crosslevel.models.segmenter import build_without_weights
from crosslevel.system.memory import available_bytes

FROM_SIZE = 2048
"""Pixels along a side; what is smaller fits anywhere, and is not worth the look."""
_FLOAT_BYTES = 4


def refuse_too_large(config: ModelConfig, num_channels: int, size: int) -> None:
    """Refuse images that this machine's memory cannot hold one of, before the long work.

    Raises:
        InputError: Saying how much it takes at least, and how much there is.
    """
    available = available_bytes()
    if size < FROM_SIZE or available is None:
        return
    needed = least_bytes(config, num_channels, size)
    if needed > available:
        raise InputError(
            f"size is {size} px: {config.label} takes at least {needed / 1e9:.0f} GB for one such "
            f"image, and {available / 1e9:.0f} GB are free here. Use a smaller size (the size of a "
            "trained model is fixed), or a machine with more memory."
        )


def least_bytes(config: ModelConfig, num_channels: int, size: int) -> int:
    """Return the bytes that the largest layer takes for one image: its input and its output.

    Args:
        config: The backbone; its weights do not matter.
        num_channels: Logit channels C.
        size: Side S of the image in pixels.

    Example:
        >>> least_bytes(ModelConfig(widths=(4, 8)), 1, 64) >= 64 * 64 * 4 * 4 * 2
        True
    """
    net = build_without_weights(config, num_channels).to("meta").eval()
    largest = 0

    def measure(_: nn.Module, taken: tuple[object, ...], given: object) -> None:
        nonlocal largest
        tensors = [value for value in (*taken, given) if isinstance(value, Tensor)]
        largest = max(largest, _FLOAT_BYTES * sum(tensor.numel() for tensor in tensors))

    for module in net.modules():
        if not any(module.children()):
            module.register_forward_hook(measure)
    with torch.inference_mode():
        net(torch.empty(1, 3, size, size, device="meta"))
    return largest
