"""CAC: only the less sure of two crops follows, and only what both crops show."""

import pytest
import torch

from crosslevel.methods.base import Clock
from crosslevel.methods.build import build_method
from crosslevel.methods.parts.crops import Crops
from support.tiny import tiny_batch, tiny_config

LATE = Clock(29, 30)
WHOLE = Crops(torch.eye(2, 3).unsqueeze(0))


@pytest.fixture
def method():
    torch.manual_seed(0)
    return build_method(tiny_config("cac", args={"grid": 2, "queue": 4, "sure": 0.7})).train()


def side(sureness, crops=WHOLE, seed=0):
    """Vectors of 2×2 places, which are foreground with this probability."""
    generator = torch.Generator().manual_seed(seed)
    vectors = torch.randn(1, 128, 2, 2, generator=generator).requires_grad_()
    shares = torch.stack([1 - torch.tensor(sureness), torch.tensor(sureness)]).view(1, 2, 2, 2)
    return vectors, shares, crops


def fill(queue):
    """Vectors of the background."""
    vectors = torch.randn(4, 128, generator=torch.Generator().manual_seed(9))
    queue.push(torch.nn.functional.normalize(vectors, dim=1), torch.tensor([[1.0, 0.0]] * 4))


def places_that_follow(method, ours, theirs):
    fill(method.queue)
    method._contrast(ours, theirs).backward()
    assert theirs[0].grad is None
    return ours[0].grad.abs().sum(dim=1).flatten().gt(0).tolist()


def test_contrast__the_less_sure_follows_if_the_other_is_sure_enough(method):
    ours, theirs = side([0.6, 0.95, 0.55, 0.8]), side([0.9, 0.9, 0.65, 0.81], seed=1)
    assert places_that_follow(method, ours, theirs) == [True, False, False, True]


def test_contrast__places_that_the_other_crop_does_not_show_are_left_alone(method):
    left = Crops(torch.tensor([[[0.5, 0.0, -0.5], [0.0, 1.0, 0.0]]]))
    ours, theirs = side([0.6] * 4), side([0.9] * 4, left, seed=1)
    assert places_that_follow(method, ours, theirs) == [True, False, True, False]


def test_contrast__negatives_are_of_other_classes(method):
    ours, theirs = side([0.3] * 4), side([0.1] * 4, seed=1)  # all are background, as is the queue
    fill(method.queue)
    assert method._contrast(ours, theirs).item() == 0


def test_step__fills_the_queue_and_weighs_by_the_ramp(method):
    losses = [method.training_step(tiny_batch(), Clock(0, 30))]
    method.after_step(LATE)
    assert float(method.queue.filled.sum()) > 0
    losses.append(method.training_step(tiny_batch(), LATE))
    assert losses[0]["contrast"].item() == 0
    assert losses[1]["contrast"].isfinite()
