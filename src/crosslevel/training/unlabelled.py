"""What a trained network can learn from images without any mask: one function for each step.

Each takes the network in evaluation mode and leaves it so. None needs an image of the training.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from crosslevel.images.preprocess import normalise
from crosslevel.logits import to_probabilities
from crosslevel.losses.pseudo_label import pseudo_label_loss, pseudo_labels
from crosslevel.methods.parts.average import MovingAverage
from crosslevel.methods.parts.strong_views import strong_view
from crosslevel.system.randomness import preserved_generators, seed_generators

Images = NDArray[np.uint8]
BATCH = 8
SOURCE_IMAGES = 16
"""How many images the statistics of the training are worth, beside those of the new images."""
SURE = 0.9
RATE, DECAY = 1e-4, 0.99


def reestimate_batchnorm(net: nn.Module, images: Images) -> int:
    """Move BatchNorm's statistics towards those of the new images.

    The more images, the further: the old statistics count as `SOURCE_IMAGES` images.

    Source: Schneider et al., *Improving robustness against common corruptions by covariate shift
    adaptation*, NeurIPS 2020, equation 3.

    Args:
        net: In evaluation mode.
        images: (N, S, S, 3).

    Returns:
        How many layers were changed; 0 if the network has none.
    """
    norms = [m for m in net.modules() if isinstance(m, nn.BatchNorm2d) and m.track_running_stats]
    names = ("running_mean", "running_var")
    buffers = [norm.get_buffer(name) for norm in norms for name in names]
    old, momenta = [buffer.clone() for buffer in buffers], [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the mean over all batches
        norm.train()
    with torch.no_grad():
        for batch in _batches(net, images):
            net(batch)
    kept = SOURCE_IMAGES / (SOURCE_IMAGES + len(images))
    for buffer, before in zip(buffers, old, strict=True):
        buffer.lerp_(before, kept)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    net.eval()
    return len(norms)


def best_threshold(probabilities: Tensor, thresholds: list[float]) -> float:
    """Return the threshold whose masks overlap most with the probabilities themselves.

    It would have the best Dice if the probabilities were right.

    Args:
        probabilities: (N, 1, S, S).
        thresholds: To choose from.
    """
    scores = []
    for threshold in thresholds:
        mask = probabilities >= threshold
        found = mask.flatten(1).any(dim=1)
        overlap = 2 * (probabilities * mask).sum(dim=(1, 2, 3))
        total = probabilities.sum(dim=(1, 2, 3)) + mask.sum(dim=(1, 2, 3))
        scores.append(float((overlap / total)[found].mean()) if found.any() else 0.0)
    return thresholds[int(np.argmax(scores))]


def self_train(net: nn.Module, images: Images, num_steps: int, advance: Callable[[], None]) -> None:
    """Learn from what the network itself is sure of, in colours changed at random.

    The labels are of a moving average of the weights, on the plain image; only pixels with a class
    of at least `SURE` count. BatchNorm's statistics stay. The network ends as the average.

    Source: Tarvainen and Valpola, *Mean teachers are better role models*, 2017; Sohn et al.,
    *FixMatch*, 2020, equation 4. Differs from both: there is no labelled image.

    Args:
        net: In evaluation mode.
        images: (N, S, S, 3).
        num_steps: Of `BATCH` images.
        advance: Called after each.
    """
    teacher = MovingAverage(net, DECAY)
    teacher.n_averaged.fill_(10**6)  # it starts as a trained network, so that it moves slowly
    optimizer = torch.optim.AdamW(net.parameters(), lr=RATE, weight_decay=0.0)
    order = np.random.default_rng(0)
    with preserved_generators(next(net.parameters()).device):
        seed_generators(0)
        for _ in range(num_steps):
            chosen = order.choice(len(images), min(BATCH, len(images)), replace=False)
            [batch] = _batches(net, images[chosen])
            with torch.no_grad():
                labels, confidence = pseudo_labels(teacher(batch))
            loss = pseudo_label_loss(net(strong_view(batch)), labels, confidence >= SURE)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            optimizer.zero_grad()
            teacher.update_parameters(net)
            advance()
    net.load_state_dict(teacher.module.state_dict())


@torch.no_grad()
def probabilities_of(net: nn.Module, images: Images) -> Tensor:
    """Return (N, C, S, S) probabilities of (N, S, S, 3) images, on the host."""
    return torch.cat([to_probabilities(net(batch)).cpu() for batch in _batches(net, images)])


def _batches(net: nn.Module, images: Images) -> Iterator[Tensor]:
    """Yield batches of at most `BATCH`, as equal as they can be: in a mean, each counts alike."""
    device = next(net.parameters()).device
    for part in np.array_split(images, -(-len(images) // BATCH)):
        yield normalise(torch.from_numpy(part.copy()).to(device))
