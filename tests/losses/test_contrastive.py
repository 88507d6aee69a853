import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from crosslevel.losses import cross_level_contrastive_loss
from crosslevel.losses.contrastive import contrastive_terms

OPTIONS = {
    "normalize": st.sampled_from(["l2", "l1", "none"]),
    "negatives": st.sampled_from(["global", "local", "both"]),
    "temperature": st.sampled_from([0.07, 0.5, 1.0]),
}


def maps(batch=2, dim=5, n=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    shape = (batch, dim, n, n)
    return [torch.randn(shape, generator=generator, dtype=torch.float64) for _ in range(2)]


def slow_loss(global_map, local_map, temperature, normalize, negatives):
    """Eq. 1 written out with one loop for each index, in plain Python numbers."""

    def vector(feature_map, image, row, column):
        values = [float(v) for v in feature_map[image, :, row, column]]
        norms = {
            "l1": sum(abs(v) for v in values),
            "l2": math.sqrt(sum(v * v for v in values)),
            "none": 1.0,
        }
        return [v / norms[normalize] for v in values]

    def similarity(a, b):
        return math.exp(sum(x * y for x, y in zip(a, b, strict=True)) / temperature)

    batch, _, n, _ = global_map.shape
    places = [(row, column) for row in range(n) for column in range(n)]
    terms = []
    for image in range(batch):
        for place in places:
            query = vector(global_map, image, *place)
            positive = similarity(query, vector(local_map, image, *place))
            pool = []
            for other in places:
                if other == place:
                    continue
                if negatives in ("global", "both"):
                    pool.append(similarity(query, vector(global_map, image, *other)))
                if negatives in ("local", "both"):
                    pool.append(similarity(query, vector(local_map, image, *other)))
            terms.append(-math.log(positive / (positive + sum(pool))))
    return sum(terms) / len(terms)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000), **OPTIONS)
def test_contrastive__equals_explicit_loops(seed, temperature, normalize, negatives):
    global_map, local_map = maps(seed=seed)
    if normalize == "none":
        global_map, local_map = global_map / 5, local_map / 5
    loss = cross_level_contrastive_loss(
        global_map, local_map, temperature=temperature, normalize=normalize, negatives=negatives
    )
    slow = slow_loss(global_map, local_map, temperature, normalize, negatives)
    assert float(loss) == pytest.approx(slow, abs=1e-6)


def test_contrastive__by_default_has_the_temperature_of_the_authors():
    whole, tiles = maps()
    expected = slow_loss(whole, tiles, 0.07, "l2", "global")
    assert float(cross_level_contrastive_loss(whole, tiles)) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("negatives", ["global", "local", "both"])
def test_contrastive__of_vectors_all_alike_is_chance(negatives):
    same = torch.ones(2, 8, 5, 5, dtype=torch.float64)
    candidates = 1 + 24 * (2 if negatives == "both" else 1)
    loss = cross_level_contrastive_loss(same, same, negatives=negatives)
    assert float(loss) == pytest.approx(math.log(candidates), abs=1e-9)


def test_contrastive__of_orthogonal_places_that_match_is_its_minimum():
    one_hot = torch.eye(9, dtype=torch.float64).reshape(1, 9, 3, 3)
    loss = cross_level_contrastive_loss(one_hot, one_hot, temperature=0.5)
    expected = math.log(math.exp(2) + 8) - 2
    assert float(loss) == pytest.approx(expected, abs=1e-9)


def test_contrastive__of_a_tile_orthogonal_to_everything_is_chance_among_orthogonal():
    global_map = torch.eye(10, 9, dtype=torch.float64).reshape(1, 10, 3, 3)
    local_map = torch.zeros_like(global_map)
    local_map[:, 9] = 1
    loss = cross_level_contrastive_loss(global_map, local_map)
    assert float(loss) == pytest.approx(math.log(9), abs=1e-9)


def test_contrastive__permuting_images_permutes_their_terms():
    global_map, local_map = maps(batch=4)
    order = torch.tensor([2, 0, 3, 1])
    options: dict[str, Any] = {"temperature": 0.07, "normalize": "l2", "negatives": "both"}
    terms = contrastive_terms(global_map, local_map, **options)
    permuted = contrastive_terms(global_map[order], local_map[order], **options)
    torch.testing.assert_close(permuted, terms[order], rtol=0, atol=1e-12)


def test_contrastive__moving_places_together_changes_nothing():
    global_map, local_map = maps()
    loss = cross_level_contrastive_loss(global_map, local_map)
    turned = cross_level_contrastive_loss(global_map.rot90(1, (2, 3)), local_map.rot90(1, (2, 3)))
    assert float(turned) == pytest.approx(float(loss), abs=1e-12)


def test_contrastive__detach_local_stops_the_gradient_there_only():
    global_map, local_map = (x.requires_grad_() for x in maps())
    cross_level_contrastive_loss(global_map, local_map, detach_local=True).backward()
    assert local_map.grad is None
    assert global_map.grad.abs().sum() > 0


def test_contrastive__stays_finite_for_long_vectors():
    global_map, local_map = (x * 1e4 for x in maps())
    assert cross_level_contrastive_loss(global_map, local_map, normalize="none").isfinite()


def test_contrastive__refuses_a_temperature_of_0():
    with pytest.raises(ValueError, match="temperature is 0"):
        cross_level_contrastive_loss(*maps(), temperature=0.0)


def test_contrastive__refuses_maps_of_different_shapes():
    with pytest.raises(ValueError, match="one shape"):
        cross_level_contrastive_loss(torch.zeros(1, 4, 2, 2), torch.zeros(1, 4, 3, 3))
