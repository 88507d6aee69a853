"""What cells of maps have in common, against formulations with loops."""

import pytest
import torch
from torch.nn.functional import cosine_similarity

from crosslevel.losses.cells import cell_similarity_loss, most_similar, near_cells, propagate


def cells(seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(2, 4, 5, generator=generator, dtype=torch.float64)


X, Y = cells(0), cells(1)


def cosine(a, b):
    return float(cosine_similarity(a, b, dim=0))


def test_cell_similarity__averages_the_pairs_of_each_image():
    is_pair = torch.zeros(2, 4, 4, dtype=torch.bool)
    is_pair[0, 0, 1] = is_pair[0, 2, 2] = True  # the second image has none
    expected = ((1 - cosine(X[0, 0], Y[0, 1])) + (1 - cosine(X[0, 2], Y[0, 2]))) / 2 / 2
    assert float(cell_similarity_loss(X, Y, is_pair)) == pytest.approx(expected, rel=1e-6)


def test_propagate__gathers_from_every_cell_by_its_cosine():
    expected = torch.zeros_like(X)
    for b in range(2):
        for i in range(4):
            for j in range(4):
                expected[b, i] += max(cosine(X[b, i], X[b, j]), 0) ** 2 * Y[b, j]
    torch.testing.assert_close(propagate(X, Y, 2.0), expected, rtol=1e-6, atol=1e-9)


def test_most_similar__is_the_cell_of_the_largest_cosine():
    for b, found in enumerate(most_similar(X, Y).tolist()):
        for i, place in enumerate(found):
            likeness = [cosine(X[b, i], other) for other in Y[b]]
            assert place == likeness.index(max(likeness))


def test_near_cells__by_the_distance_of_their_centres():
    points = torch.rand(2, 3, 2, generator=torch.Generator().manual_seed(0))
    others = torch.rand(2, 3, 2, generator=torch.Generator().manual_seed(1))
    reach = torch.tensor([0.4, 0.6])
    expected = [
        [
            [bool((points[b, i] - others[b, j]).norm() <= reach[b]) for j in range(3)]
            for i in range(3)
        ]
        for b in range(2)
    ]
    assert near_cells(points, others, reach).tolist() == expected
