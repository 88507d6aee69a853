import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from crosslevel.losses.places import (
    anchor_shares,
    class_shares,
    majority,
    negative_shares,
    positive_shares,
)


def random_shares(seed, images=2, places=9, classes=3):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(images, places, classes, generator=generator).softmax(dim=-1).double()


@pytest.mark.parametrize("n", [1, 2, 3])
def test_class_shares__are_the_means_of_each_tile(n):
    generator = torch.Generator().manual_seed(n)
    probabilities = torch.rand(2, 3, 6, 12, generator=generator).softmax(dim=1)
    shares = class_shares(probabilities, n)
    assert shares.shape == (2, n * n, 3)
    for image in range(2):
        for row in range(n):
            for column in range(n):
                rows = slice(row * 6 // n, (row + 1) * 6 // n)
                columns = slice(column * 12 // n, (column + 1) * 12 // n)
                expected = probabilities[image, :, rows, columns].mean(dim=(1, 2))
                torch.testing.assert_close(shares[image, row * n + column], expected)


def test_class_shares__carry_no_gradient():
    assert not class_shares(torch.rand(1, 2, 4, 4, requires_grad=True), 2).requires_grad


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000))
def test_negative_shares__left_out_is_the_inequality_of_the_largest(seed):
    anchors, others = random_shares(seed), random_shares(seed + 1, places=5)
    found = negative_shares(anchors, others, "left_out")
    assert found is not None
    for image in range(2):
        for i, anchor in enumerate(anchors[image].tolist()):
            for j, other in enumerate(others[image].tolist()):
                is_same = anchor.index(max(anchor)) == other.index(max(other))
                assert found[image, i, j] == (0 if is_same else 1)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000))
def test_negative_shares__weighed_is_the_probability_of_two_pixels_that_differ(seed):
    anchors, others = random_shares(seed), random_shares(seed + 1, places=5)
    found = negative_shares(anchors, others, "weighed")
    assert found is not None
    for image in range(2):
        for i, q in enumerate(anchors[image].tolist()):
            for j, r in enumerate(others[image].tolist()):
                differ = sum(q[a] * r[b] for a in range(3) for b in range(3) if a != b)
                assert float(found[image, i, j]) == pytest.approx(differ)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000))
def test_anchor_shares__balanced_give_every_class_that_is_there_the_same_total(seed):
    shares = random_shares(seed)
    found = anchor_shares(shares, "balanced")
    assert found is not None
    winners = shares.argmax(dim=-1)
    for kind in range(3):
        total = found[winners == kind].sum()
        assert float(total) == pytest.approx(1.0 if (winners == kind).any() else 0.0)


def test_anchor_shares__lesion_leaves_the_background_out():
    shares = torch.tensor([[[0.6, 0.4, 0.0], [0.4, 0.3, 0.3], [0.2, 0.3, 0.5]]])
    found = anchor_shares(shares, "lesion")
    assert found is not None
    assert found.tolist() == [[0, 0, 1]]
    assert majority(shares).tolist() == [[[1, 0, 0], [1, 0, 0], [0, 0, 1]]]


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000))
def test_positive_shares__mixed_equal_explicit_loops(seed):
    shares = random_shares(seed, places=4)
    found = positive_shares(shares, "mixed")
    assert found is not None
    for image, rows in zip(found, shares.tolist(), strict=True):
        for i, q in enumerate(rows):
            agree = [sum(a * b for a, b in zip(q, r, strict=True)) for r in rows]
            mixed = sum(q[a] * q[b] for a in range(3) for b in range(3) if a != b)
            others = sum(agree) - agree[i]
            expected = [
                1 - mixed if j == i else mixed * share / others for j, share in enumerate(agree)
            ]
            assert image[i].tolist() == pytest.approx(expected)
            assert sum(expected) == pytest.approx(1)


def test_positive_shares__where_no_place_shares_a_class_are_the_own_ones():
    half, other = [0.5, 0.5, 0.0], [0.0, 0.0, 1.0]
    found = positive_shares(torch.tensor([[half, other]]), "mixed")
    assert found is not None
    assert found.tolist() == [[[1, 0], [0, 1]]]


def test_shares__of_the_paper_are_none():
    shares = random_shares(0)
    assert positive_shares(shares, "own") is None
    assert anchor_shares(shares, "all") is None
    assert negative_shares(shares, shares, "negative") is None
