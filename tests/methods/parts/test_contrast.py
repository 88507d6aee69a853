import math

import pytest
import torch

from crosslevel.methods.parts.contrast import Contrast, ContrastArgs


def case(seed=0, batch=3, dim=4, n=2):
    g = torch.Generator().manual_seed(seed)
    maps = [torch.randn(batch, dim, n, n, generator=g).double() for _ in range(2)]
    shares = torch.rand(batch, n * n, 2, generator=g).double()
    return maps, shares / shares.sum(dim=-1, keepdim=True)


def unit(vector):
    norm = math.sqrt(sum(v * v for v in vector))
    return [v / norm for v in vector]


def slow_loss(args, maps, shares, queue=()):
    """The options one by one, in loops over places (image, i) and plain numbers."""
    n2 = maps[0].shape[2] ** 2
    levels = [[[unit(v) for v in m.flatten(1).T.tolist()] for m in x] for x in maps]
    places = [(b, i) for b in range(len(maps[0])) for i in range(n2)]
    winner = {p: int(shares[p].argmax()) for p in places}
    own, other = (0, 1) if args.anchor == "image" else (1, 0)
    pools = {"global": [0], "local": [1], "both": [0, 1]}[args.negatives]

    def exponential(a, b):
        return math.exp(sum(x * y for x, y in zip(a, b, strict=True)) / args.temperature)

    def share_of(place, kind, probabilities):
        if args.same_class == "left_out":
            return 0.0 if winner[place] == kind else 1.0
        if args.same_class == "weighed":
            return 1 - sum(
                x * y for x, y in zip(shares[place].tolist(), probabilities, strict=True)
            )
        return 1.0

    total = weight = 0.0
    for place in places:
        anchor = levels[own][place[0]][place[1]]
        positive = exponential(anchor, levels[other][place[0]][place[1]])
        pool = 0.0
        for level in pools:
            for q in places:
                is_seen = q[0] == place[0] or args.negative_images == "batch"
                if q != place and is_seen:
                    share = share_of(place, winner[q], shares[q].tolist())
                    pool += share * exponential(anchor, levels[level][q[0]][q[1]])
        for kind, vector in queue:
            share = share_of(place, kind, [float(k == kind) for k in range(2)])
            pool += share * exponential(anchor, unit(vector))
        count = sum(winner[q] == winner[place] for q in places)
        importance = {"all": 1, "balanced": 1 / count, "lesion": winner[place]}[args.anchors]
        total += importance * -math.log(positive / (positive + pool))
        weight += importance
    return total / weight


OPTIONS = [
    {"anchor": "tile"},
    {"anchor": "tile", "negatives": "local"},
    {"negative_images": "batch"},
    {"negative_images": "batch", "negatives": "both", "anchor": "tile"},
    {"same_class": "left_out"},
    {"same_class": "weighed"},
    {"same_class": "left_out", "negative_images": "batch"},
    {"anchors": "balanced"},
    {"anchors": "lesion", "same_class": "weighed", "negative_images": "batch"},
    {"anchors": "balanced", "negative_images": "batch", "anchor": "tile", "negatives": "local"},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("seed", [0, 1])
def test_contrast__equals_explicit_loops(options, seed):
    args = ContrastArgs(**options)
    maps, shares = case(seed)
    found = Contrast(args, num_classes=2)(*maps, shares if args.needs_classes else None)
    assert float(found) == pytest.approx(slow_loss(args, maps, shares), abs=1e-6)


@pytest.mark.parametrize(
    "options",
    [{}, {"same_class": "left_out"}, {"same_class": "weighed", "anchor": "tile"}],
    ids=str,
)
@pytest.mark.parametrize("negatives", ["global", "local"])
def test_contrast__has_what_earlier_steps_left_in_the_queue(options, negatives):
    args = ContrastArgs(queue=50, projection_dim=4, negatives=negatives, **options)
    contrast = Contrast(args, num_classes=2).double()
    queue: list[tuple[int, list[float]]] = []
    for seed in range(3):
        maps, shares = case(seed)
        found = contrast(*maps, shares)
        assert float(found) == pytest.approx(slow_loss(args, maps, shares, queue), abs=1e-6)
        contrast.after_step()
        source = maps[0 if negatives == "global" else 1]
        for image, of_image in zip(source, shares, strict=True):
            for vector, share in zip(image.flatten(1).T.tolist(), of_image, strict=True):
                queue.append((int(share.argmax()), vector))


def test_contrast__with_a_queue_can_be_backpropagated_after_the_queue_has_moved():
    contrast = Contrast(ContrastArgs(queue=2, projection_dim=4), num_classes=2).double()
    maps, shares = case()
    contrast(*maps, shares)
    contrast.after_step()
    maps = [x.requires_grad_() for x in maps]
    loss = contrast(*maps, shares)
    contrast.after_step()
    loss.backward()
    assert all(x.grad.abs().sum() > 0 for x in maps)


def test_shares__are_of_the_masks_first_and_then_of_the_prediction():
    masks = torch.tensor([[[0, 1], [1, 1]]])
    logits = torch.full((1, 1, 2, 2), math.log(3))
    shares = Contrast(ContrastArgs(), num_classes=2).shares(masks, logits, 1)
    torch.testing.assert_close(shares, torch.tensor([[[0.25, 0.75]], [[0.25, 0.75]]]))


def test_shares__of_ignored_pixels_there_are_none():
    ignored = 255
    masks = torch.tensor([[[0, 1], [ignored, 1]], [[ignored, ignored]] * 2])
    shares = Contrast(ContrastArgs(), num_classes=2).shares(masks, torch.zeros(0, 1, 2, 2), 1)
    torch.testing.assert_close(shares, torch.tensor([[[1 / 3, 2 / 3]], [[1.0, 0.0]]]))
