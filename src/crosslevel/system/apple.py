"""The GPU of an Apple computer: used where a step's results there are the CPU's.

Some of its kernels were wrong in some versions of torch and macOS, without an error. So a small
network is computed on both before it is used. Tested with a fake of it, not on a real one.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from crosslevel.system.randomness import CPU, preserved_generators, seed_generators

TOLERANCE = 1e-3
"""Largest difference from the CPU, as a share of the largest value."""
SMALLEST = 1e-6
"""Values below are not compared."""


@cache
def apple_gpu_problem() -> str:
    """Return why this computer's Apple GPU is not to be used, "" if it is; found out once."""
    return difference_from_cpu(torch.device("mps"))


def difference_from_cpu(device: torch.device) -> str:
    """Return how a training step on a device differs from the CPU's, "" if it does not."""
    expected = _trial(CPU)
    try:
        found = {name: value.cpu() for name, value in _trial(device).items()}
    except (RuntimeError, NotImplementedError, TypeError) as error:
        return f"it cannot compute a training step ({str(error).splitlines()[0]})"
    for name, value in expected.items():
        if value.abs().max() < SMALLEST:  # the gradient of a bias before BatchNorm is rounding
            continue
        difference = float((found[name] - value).abs().max() / value.abs().max())
        if not difference <= TOLERANCE:  # nor if it is not a number
            return f"its {name} differs from the CPU's by {difference:.1e} of its largest value"
    return ""


def _trial(device: torch.device) -> dict[str, Tensor]:
    """Return what a forward and a backward pass give there, by name."""
    with preserved_generators():
        seed_generators(0)
        net = nn.Sequential(
            *(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU()),
            *(nn.Conv2d(8, 16, 2, stride=2), nn.BatchNorm2d(16), nn.ReLU()),
            *(nn.ConvTranspose2d(16, 8, 2, stride=2), nn.Conv2d(8, 2, 1)),
        )
        images, grid = torch.randn(2, 3, 32, 32), torch.rand(2, 32, 32, 2) * 2 - 1
    net = net.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    images, grid = images.to(device), grid.to(device)
    padded = F.pad(images, (2, 2, 2, 2), "reflect")
    enlarged = F.interpolate(images, scale_factor=2.0, mode="bilinear", align_corners=False)
    logits = net(images)
    loss = F.cross_entropy(logits, (images[:, 0] > 0).long())
    loss.backward()  # type: ignore[no-untyped-call]
    gradients = {f"gradient {name}": _of(p) for name, p in net.named_parameters()}
    torch.optim.AdamW(net.parameters(), fused=True).step()
    return {
        "padding": padded,
        "interpolation": enlarged,
        "sampling": F.grid_sample(images, grid, align_corners=False),
        "forward pass": logits.detach(),
        "loss": loss.detach(),
        **gradients,
    }


def _of(parameter: nn.Parameter) -> Tensor:
    assert parameter.grad is not None, "after the backward pass"
    return parameter.grad.clone()
