"""The queue against a list."""

from typing import Any

import torch

from crosslevel.pretraining.queue import KeyQueue


def test_queue__keeps_the_newest_and_knows_whose_they_are():
    queue = KeyQueue(5, 2)
    expected: list[Any] = [None] * 5
    place = 0
    for step, count in enumerate((2, 2, 3, 7)):
        vectors = torch.randn(count, 2, generator=torch.Generator().manual_seed(step))
        groups = torch.arange(count) + 10 * step
        queue.push(vectors, groups)
        for vector, group in list(zip(vectors, groups.tolist(), strict=True))[-5:]:
            expected[place % 5] = (vector / vector.norm(), group)
            place += 1
        held = [slot for slot in expected if slot]
        filled = queue.groups >= 0
        assert queue.groups[filled].tolist() == [group for _, group in held]
        torch.testing.assert_close(queue.vectors[filled], torch.stack([v for v, _ in held]))


def test_is_negative__leaves_out_own_group_and_empty_places():
    queue = KeyQueue(3, 1)
    queue.push(torch.ones(2, 1), torch.tensor([4, 7]))
    assert queue.is_negative(torch.tensor([4, 5])).tolist() == [
        [False, True, False],
        [True, True, False],
    ]
