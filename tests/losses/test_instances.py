"""Losses of vectors against formulations with loops, in double precision."""

import math

import pytest
import torch
from torch.nn.functional import cosine_similarity

from crosslevel.losses import margin_pair_loss, nt_xent_loss, queue_contrast_loss


def vectors(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


FIRST, SECOND, KEPT = vectors(4, 6), vectors(4, 6, seed=1), vectors(5, 6, seed=2)
GROUPS = torch.tensor([0, 1, 0, 2])


def similar(a, b):
    return float(cosine_similarity(a, b, dim=0))


@pytest.mark.parametrize("groups", [None, GROUPS])
def test_nt_xent__is_the_mean_over_both_views_of_every_image(groups):
    own = torch.arange(4) if groups is None else groups
    total = 0.0
    for ours, theirs in ((FIRST, SECOND), (SECOND, FIRST)):
        for i in range(4):
            positive = math.exp(similar(ours[i], theirs[i]) / 0.3)
            others = [
                math.exp(similar(ours[i], view[j]) / 0.3)
                for view in (ours, theirs)
                for j in range(4)
                if own[j] != own[i]
            ]
            total -= math.log(positive / (positive + sum(others)))
    found = nt_xent_loss(FIRST, SECOND, temperature=0.3, groups=groups)
    assert float(found) == pytest.approx(total / 8, rel=1e-6)


def test_queue_contrast__compares_with_negatives_alone():
    kept = KEPT / KEPT.norm(dim=1, keepdim=True)
    is_negative = torch.tensor([[1, 0, 1, 1, 0], [0] * 5, [1] * 5, [0, 1, 0, 0, 0]]).bool()
    total = 0.0
    for i in range(4):
        positive = math.exp(similar(FIRST[i], SECOND[i]) / 0.2)
        others = [math.exp(similar(FIRST[i], kept[q]) / 0.2) for q in range(5) if is_negative[i, q]]
        total -= math.log(positive / (positive + sum(others)))
    found = queue_contrast_loss(FIRST, SECOND, kept, is_negative, temperature=0.2)
    assert float(found) == pytest.approx(total / 4, rel=1e-6)


def test_queue_contrast__counts_what_shares_say():
    kept, everything = KEPT / KEPT.norm(dim=1, keepdim=True), torch.ones(4, 5, dtype=torch.bool)
    alone = [
        queue_contrast_loss(FIRST[i : i + 1], SECOND[i : i + 1], kept, everything[:1])
        for i in range(4)
    ]
    shares = torch.tensor([0.0, 1.0, 0.5, 0.0])
    found = queue_contrast_loss(FIRST, SECOND, kept, everything, shares=shares)
    assert float(found) == pytest.approx(float(alone[1] + 0.5 * alone[2]) / 1.5, rel=1e-6)
    nobody = torch.zeros(4, dtype=torch.bool)
    assert float(queue_contrast_loss(FIRST, SECOND, kept, everything, shares=nobody)) == 0


@pytest.mark.parametrize("groups", [None, GROUPS])
def test_margin_pair__averages_like_and_unlike_pairs_apart(groups):
    own = torch.arange(4) if groups is None else groups
    like = [0.5 * float((FIRST[i] - SECOND[i]).norm()) ** 2 for i in range(4)]
    unlike = [
        0.5 * max(0.0, 4.0 - float((FIRST[i] - SECOND[j]).norm())) ** 2
        for i in range(4)
        for j in range(4)
        if own[i] != own[j]
    ]
    expected = sum(like) / len(like) + sum(unlike) / len(unlike)
    found = margin_pair_loss(FIRST, SECOND, margin=4.0, groups=groups)
    assert float(found) == pytest.approx(expected, rel=1e-6)


def test_margin_pair__equal_vectors_of_different_images_have_a_finite_gradient():
    same = torch.ones(3, 2, requires_grad=True)
    margin_pair_loss(same, same, margin=1.0).backward()
    assert same.grad is not None
    assert same.grad.isfinite().all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: nt_xent_loss(FIRST, SECOND, temperature=0.0), "temperature is 0.0"),
        (lambda: margin_pair_loss(FIRST, SECOND, margin=-1.0), "margin is -1.0"),
    ],
)
def test_losses__refuse_what_is_not_positive(call, message):
    with pytest.raises(ValueError, match=message):
        call()
