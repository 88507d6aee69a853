"""Eq. 1 with anchors and negatives that count in part, and negatives kept from elsewhere."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from crosslevel.losses import cross_level_contrastive_loss
from crosslevel.losses.contrastive import Selection, contrastive_terms


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
        positives=torch.rand(batch, places, places, generator=g).double().softmax(dim=-1),
    )
    return maps, selection


def unit(vector):
    norm = math.sqrt(sum(v * v for v in vector))
    return [v / norm for v in vector]


def slow_loss(maps, selection, temperature, negatives):
    """Eq. 1 in plain Python: every candidate's exponential times its share.

    The target is a geometric mean of the candidates of all places, weighed by positives.
    """
    whole, tiles = ([[unit(v) for v in m.flatten(1).T.tolist()] for m in x] for x in maps)

    def similarity(a, b):
        return math.exp(sum(x * y for x, y in zip(a, b, strict=True)) / temperature)

    kept = [unit(v) for v in selection.kept.tolist()]
    total = weight = 0.0
    for image, anchors in enumerate(whole):
        for i, anchor in enumerate(anchors):
            positive = similarity(anchor, tiles[image][i])
            target = positive ** float(selection.positives[image, i, i])
            pool = 0.0
            for level, name in ((whole, "global"), (tiles, "local")):
                if negatives in (name, "both"):
                    for j, other in enumerate(level[image]):
                        if j != i:
                            share = float(selection.negatives[image, i, j])
                            pool += share * similarity(anchor, other)
                            pull = float(selection.positives[image, i, j])
                            pull /= 2 if negatives == "both" else 1
                            target *= similarity(anchor, other) ** pull
            for j, other in enumerate(kept):
                pool += float(selection.kept_negatives[image, i, j]) * similarity(anchor, other)
            share = float(selection.anchors[image, i])
            total -= share * math.log(target / (positive + pool))
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


def test_positives__by_hand():
    """Two places at right angles, τ = 1: own place 1, other 0, so ln(e + 1) - the own share."""
    whole = torch.eye(4, 2).T.double()[None, :, :2, None].expand(-1, -1, -1, 1)
    positives = torch.tensor([[[0.75, 0.25], [0.0, 1.0]]]).double()
    [terms] = contrastive_terms(
        *(whole, whole), temperature=1, normalize="l2", negatives="global",
        selection=Selection(positives=positives),
    )  # fmt: skip
    assert terms.tolist() == pytest.approx([math.log(math.e + 1) - t for t in (0.75, 1.0)])


def test_positives__of_the_own_places_are_the_paper_s_loss():
    maps, _ = case(0)
    own = Selection(positives=torch.eye(4).double().expand(2, 4, 4))
    found = cross_level_contrastive_loss(*maps, selection=own)
    torch.testing.assert_close(found, cross_level_contrastive_loss(*maps))


def test_positives__make_the_loss_least_where_similarities_are_theirs():
    """With all negatives fully counted it is a cross-entropy: its least value is the entropy."""
    maps, selection = case(1)
    assert selection.positives is not None
    terms = contrastive_terms(
        *maps, temperature=0.5, normalize="l2", negatives="local",
        selection=Selection(positives=selection.positives),
    )  # fmt: skip
    entropy = -(selection.positives * selection.positives.log()).sum(dim=-1)
    assert (terms >= entropy).all()


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
