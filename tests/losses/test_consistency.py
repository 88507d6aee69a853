import math

import pytest
import torch

from crosslevel.losses import cross_level_consistency_loss
from crosslevel.losses.consistency import sureness
from crosslevel.tiles import to_tiles


def logits(channels=1, n=3, side=2, batch=2, seed=0):
    generator = torch.Generator().manual_seed(seed)
    full = torch.randn(batch, channels, n * side, n * side, generator=generator).double()
    tiles = torch.randn(batch * n * n, channels, side, side, generator=generator).double()
    return full, tiles


def slow_loss(full, tiles, n, reduction):
    """Eq. 2 with a loop over tiles and plain formulas for sigmoid and softmax."""
    side = full.shape[2] // n
    total = 0.0
    for row in range(n):
        for column in range(n):
            errors = []
            for image in range(full.shape[0]):
                tile = tiles[image * n * n + row * n + column]
                for y in range(side):
                    for x in range(side):
                        a = probabilities(full[image, :, row * side + y, column * side + x])
                        b = probabilities(tile[:, y, x])
                        errors += [(p - q) ** 2 for p, q in zip(a, b, strict=True)]
            total += sum(errors) / len(errors)
    return total if reduction == "sum" else total / (n * n)


def probabilities(values):
    values = [float(v) for v in values]
    if len(values) == 1:
        return [1 / (1 + math.exp(-values[0]))]
    exponentials = [math.exp(v) for v in values]
    return [e / sum(exponentials) for e in exponentials]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_consistency__equals_explicit_loops(channels, reduction):
    full, tiles = logits(channels)
    loss = cross_level_consistency_loss(full, tiles, 3, reduction=reduction)
    assert float(loss) == pytest.approx(slow_loss(full, tiles, 3, reduction), abs=1e-6)


def test_consistency__of_opposite_certainty_is_the_number_of_tiles():
    full = torch.full((2, 1, 6, 6), 100.0)
    assert float(cross_level_consistency_loss(full, -to_tiles(full, 3), 3)) == pytest.approx(9)


def test_consistency__permuting_images_changes_nothing():
    full, tiles = logits(batch=3)
    order = torch.tensor([2, 0, 1])
    grouped = tiles.reshape(3, 9, 1, 2, 2)[order].reshape(27, 1, 2, 2)
    loss = cross_level_consistency_loss(full, tiles, 3)
    assert float(cross_level_consistency_loss(full[order], grouped, 3)) == pytest.approx(
        float(loss), abs=1e-12
    )


def test_consistency__is_the_mean_over_images():
    full, tiles = logits(batch=2)
    each = [
        cross_level_consistency_loss(full[i : i + 1], tiles[9 * i : 9 * i + 9], 3) for i in (0, 1)
    ]
    whole = cross_level_consistency_loss(full, tiles, 3)
    assert float(whole) == pytest.approx(float(sum(each)) / 2, abs=1e-12)


def test_consistency__leaves_the_full_image_alone_by_default():
    full, tiles = (x.requires_grad_() for x in logits())
    cross_level_consistency_loss(full, tiles, 3).backward()
    assert full.grad is None
    assert tiles.grad.abs().sum() > 0


def test_consistency__refuses_shapes_that_do_not_fit():
    with pytest.raises(ValueError, match="must be"):
        cross_level_consistency_loss(torch.zeros(1, 1, 4, 4), torch.zeros(3, 1, 2, 2), 2)


def slow_weighed_loss(full, tiles, n):
    """Each pixel's mean square over the channels, weighed by how sure the full image is of it."""
    side = full.shape[2] // n
    total = weight = 0.0
    for index, tile in enumerate(tiles):
        image, row, column = index // (n * n), index // n % n, index % n
        for y in range(side):
            for x in range(side):
                a = probabilities(full[image, :, row * side + y, column * side + x])
                b = probabilities(tile[:, y, x])
                classes = a if len(a) > 1 else [a[0], 1 - a[0]]
                sure = (len(classes) * max(classes) - 1) / (len(classes) - 1)
                total += sure * sum((p - q) ** 2 for p, q in zip(a, b, strict=True)) / len(a)
                weight += sure
    return total / weight


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_consistency__weighed_by_confidence_equals_explicit_loops(channels):
    full, tiles = logits(channels=channels)
    found = cross_level_consistency_loss(full, tiles, 3, reduction="mean", confidence="weighed")
    assert float(found) == pytest.approx(slow_weighed_loss(full, tiles, 3))


def test_consistency__weighed_by_confidence_of_nothing_sure_is_finite():
    _, tiles = logits()
    full = torch.zeros(2, 1, 6, 6, dtype=torch.float64)
    assert float(cross_level_consistency_loss(full, tiles, 3, confidence="weighed")) == 0


def test_consistency__the_weight_has_no_gradient():
    full, tiles = (x.requires_grad_() for x in logits())
    assert not sureness(full).requires_grad
    loss = cross_level_consistency_loss(full, tiles, 3, confidence="weighed", detach_global=False)
    loss.backward()
    squares = (to_tiles(full.sigmoid(), 3) - tiles.sigmoid()).square()
    weights = to_tiles((2 * full.detach().sigmoid() - 1).abs(), 3)
    expected = torch.autograd.grad(9 * (weights * squares).mean() / weights.mean(), full)[0]
    torch.testing.assert_close(full.grad, expected)
