from collections import deque

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from crosslevel.methods.parts.class_queue import ClassQueue


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), length=st.integers(1, 6))
def test_queue__keeps_the_newest_of_each_class_as_deques_would(seed, length):
    g = torch.Generator().manual_seed(seed)
    queue = ClassQueue(num_classes=3, length=length, dim=2)
    expected: list[deque[list[float]]] = [deque(maxlen=length) for _ in range(3)]
    for _ in range(4):
        vectors, shares = torch.randn(5, 2, generator=g), torch.rand(5, 3, generator=g)
        queue.push(vectors, shares)
        for vector, share in reversed(list(zip(vectors.tolist(), shares.tolist(), strict=True))):
            expected[share.index(max(share))].appendleft(vector)
        for kind in range(3):
            there = queue.filled[kind].bool()
            assert there.tolist() == [place < len(expected[kind]) for place in range(length)]
            torch.testing.assert_close(
                queue.vectors[kind][there], torch.tensor(list(expected[kind])).reshape(-1, 2)
            )


def test_kept__gives_classes_and_what_is_filled_and_is_not_changed_by_a_push():
    queue = ClassQueue(num_classes=2, length=2, dim=1)
    queue.push(torch.tensor([[3.0], [4.0]]), torch.tensor([[0.9, 0.1], [0.2, 0.8]]))
    vectors, classes, filled = queue.kept()
    assert vectors.flatten()[[0, 2]].tolist() == [3, 4]
    assert filled.tolist() == [1, 0, 1, 0]
    assert classes.tolist() == [[1, 0], [1, 0], [0, 1], [0, 1]]
    before = vectors.clone()
    queue.push(torch.tensor([[5.0]]), torch.tensor([[1.0, 0.0]]))
    assert torch.equal(vectors, before)
    assert queue.vectors[0].flatten().tolist() == [5, 3]


def test_queue__is_part_of_the_state():
    queue, other = ClassQueue(2, 2, 1), ClassQueue(2, 2, 1)
    queue.push(torch.tensor([[3.0]]), torch.tensor([[1.0, 0.0]]))
    other.load_state_dict(queue.state_dict())
    assert torch.equal(other.vectors, queue.vectors)
    assert torch.equal(other.filled, queue.filled)
