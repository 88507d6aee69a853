"""Which images to annotate next: by luck, by doubt, by how new they look, or by both.

Source of the spread: Sener and Savarese, *Active Learning for Convolutional Neural Networks: A
Core-Set Approach*, ICLR 2018, algorithm 1 (greedy k-centre). Differs from the paper: distances are
those of a segmenter's pooled encoder features, and `both` weighs them by the doubt about the mask.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Candidates:
    """Images without masks, and what is known beside them.

    Attributes:
        uncertainty: (N,), 0 where the network is sure.
        features: (N, F), of each image without a mask.
        known: (M, F), of the images that have one.
    """

    uncertainty: Numbers
    features: Numbers
    known: Numbers


Order = list[tuple[int, float]]
"""Images by their place among the candidates, the next one first, each with how far it was from
all that had a mask or came before it; 0 where that was not looked at."""
Ranking = Callable[[Candidates, int, np.random.Generator], Order]


def rank_randomly(candidates: Candidates, num: int, rng: np.random.Generator) -> Order:
    """Return images in an order drawn by luck."""
    return [(int(place), 0.0) for place in rng.permutation(len(candidates.uncertainty))[:num]]


def rank_by_uncertainty(candidates: Candidates, num: int, rng: np.random.Generator) -> Order:
    """Return the images first of whose masks the network is least sure."""
    del rng
    order = np.argsort(-candidates.uncertainty, kind="stable")
    return [(int(place), 0.0) for place in order[:num]]


def rank_by_diversity(candidates: Candidates, num: int, rng: np.random.Generator) -> Order:
    """Return the images that are farthest from all with masks and from those before them."""
    del rng
    return _k_centre(candidates, np.ones(len(candidates.uncertainty)), num)


def rank_by_both(candidates: Candidates, num: int, rng: np.random.Generator) -> Order:
    """Return the images for which doubt times distance is largest."""
    del rng
    return _k_centre(candidates, candidates.uncertainty, num)


RANKINGS: dict[str, Ranking] = {
    "random": rank_randomly,
    "uncertainty": rank_by_uncertainty,
    "diversity": rank_by_diversity,
    "both": rank_by_both,
}
"""By name."""


def _k_centre(candidates: Candidates, weights: Numbers, num: int) -> Order:
    """Pick greedily what is farthest, times its weight, from what is known or picked already."""
    features = candidates.features
    distance = np.full(len(features), np.inf)
    for known in candidates.known:
        distance = np.minimum(distance, _distances(features, known))
    order: Order = []
    left = np.ones(len(features), np.bool_)
    for _ in range(min(num, len(features))):
        reach = np.where(np.isfinite(distance), distance, 1.0)
        best = int(np.argmax(np.where(left, weights * reach, -1.0)))
        order.append((best, float(reach[best])))
        left[best] = False
        distance = np.minimum(distance, _distances(features, features[best]))
    return order


def _distances(features: Numbers, centre: Numbers) -> Numbers:
    return np.asarray(np.sqrt(((features - centre) ** 2).sum(axis=1)))
