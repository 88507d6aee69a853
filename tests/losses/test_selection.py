"""Eq. 1 with anchors and negatives that count in part, and negatives kept from elsewhere."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from crosslevel.losses import cross_level_contrastive_loss
from crosslevel.losses.contrastive import Selection


def case(seed, batch=2, dim=4, n=2, kept=3):
    g = torch.Generator().manual_seed(seed)
    places = n * n

    def shares(*shape):  # some exactly 0, some exactly 1
        return (torch.rand(*shape, generator=g).double() * 2 - 0.5).clamp(0, 1)

    maps = [torch.randn(batch, dim, n, n, generator=g).double() for _ in range(2)]
    selection = Selection(
        anchors=shares(batch, places),
        negatives=shares(batch, places, places),
        kept=torch.randn(kept, dim, generator=g).double(),
        kept_negatives=shares(batch, places, kept),
    )
    return maps, selection


def unit(vector):
    norm = math.sqrt(sum(v * v for v in vector))
    return [v / norm for v in vector]


def slow_loss(maps, selection, temperature, negatives):
    """Eq. 1 in plain Python: every candidate's exponential times its share."""
    whole, tiles = ([[unit(v) for v in m.flatten(1).T.tolist()] for m in x] for x in maps)

    def similarity(a, b):
        return math.exp(sum(x * y for x, y in zip(a, b, strict=True)) / temperature)

    kept = [unit(v) for v in selection.kept.tolist()]
    total = weight = 0.0
    for image, anchors in enumerate(whole):
        for i, anchor in enumerate(anchors):
            positive = similarity(anchor, tiles[image][i])
            pool = 0.0
            for level, name in ((whole, "global"), (tiles, "local")):
                if negatives in (name, "both"):
                    for j, other in enumerate(level[image]):
                        if j != i:
                            share = float(selection.negatives[image, i, j])
                            pool += share * similarity(anchor, other)
            for j, other in enumerate(kept):
                pool += float(selection.kept_negatives[image, i, j]) * similarity(anchor, other)
            share = float(selection.anchors[image, i])
            total -= share * math.log(positive / (positive + pool))
            weight += share
    return total / weight


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000), negatives=st.sampled_from(["global", "local", "both"]))
def test_selection__equals_explicit_loops(seed, negatives):
    maps, selection = case(seed)
    loss = cross_level_contrastive_loss(
        *maps, temperature=0.3, negatives=negatives, selection=selection
    )
    assert float(loss) == pytest.approx(slow_loss(maps, selection, 0.3, negatives), abs=1e-6)


def test_selection__gradcheck_with_shares_of_zero():
    maps, selection = case(3)
    inputs = [x.requires_grad_() for x in maps]
    assert torch.autograd.gradcheck(
        lambda g, z: cross_level_contrastive_loss(g, z, temperature=0.5, selection=selection),
        inputs,
    )


def test_selection__of_everything_is_the_paper_s_loss():
    maps, _ = case(0)
    everything = Selection(
        anchors=torch.ones(2, 4, dtype=torch.float64),
        negatives=torch.ones(2, 4, 4, dtype=torch.float64),
    )
    found = cross_level_contrastive_loss(*maps, selection=everything)
    torch.testing.assert_close(found, cross_level_contrastive_loss(*maps))


def test_selection__without_anchors_or_negatives_is_0_and_finite():
    maps, _ = case(0)
    maps = [x.requires_grad_() for x in maps]
    nothing = Selection(anchors=torch.zeros(2, 4).double(), negatives=torch.zeros(2, 4, 4).double())
    loss = cross_level_contrastive_loss(*maps, selection=nothing)
    loss.backward()
    assert float(loss.detach()) == 0
    assert all(x.grad.isfinite().all() for x in maps)
