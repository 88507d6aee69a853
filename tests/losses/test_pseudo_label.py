import math

import pytest
import torch

from crosslevel.losses.pseudo_label import pseudo_label_loss, pseudo_labels


def logits(channels, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return 2 * torch.randn(2, channels, 3, 4, generator=generator, dtype=torch.float64)


def class_probabilities(values):
    if len(values) == 1:
        s = 1 / (1 + math.exp(-values[0]))
        return [1 - s, s]
    total = sum(math.exp(v) for v in values)
    return [math.exp(v) / total for v in values]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("threshold", [0.0, 0.8, 1.1])
def test_loss__equals_explicit_loops(channels, threshold):
    teacher, student = logits(channels), logits(channels, seed=1)
    labels, confidence = pseudo_labels(teacher)
    total = 0.0
    for image in range(2):
        for y in range(3):
            for x in range(4):
                p = class_probabilities([float(v) for v in teacher[image, :, y, x]])
                q = class_probabilities([float(v) for v in student[image, :, y, x]])
                if max(p) >= threshold:
                    total -= math.log(q[p.index(max(p))])
    loss = pseudo_label_loss(student, labels, confidence >= threshold)
    assert float(loss) == pytest.approx(total / 24, abs=1e-9)


def test_labels__of_a_binary_task_are_sure_on_both_sides():
    labels, confidence = pseudo_labels(torch.tensor([[[[-4.0, 0.0, 4.0]]]]))
    assert labels[0, 0, 0] == 0
    assert labels[0, 0, 2] == 1
    assert confidence[0, 0].tolist() == pytest.approx([0.98201, 0.5, 0.98201], abs=1e-4)


def test_loss__reaches_only_kept_pixels():
    student = logits(1).requires_grad_()
    keep = torch.zeros(2, 3, 4, dtype=torch.bool)
    keep[0, 1, 2] = True
    pseudo_label_loss(student, torch.ones(2, 3, 4, dtype=torch.int64), keep).backward()
    assert student.grad is not None
    assert torch.equal(student.grad[:, 0] != 0, keep)


def test_loss__of_nothing_kept_is_zero_and_has_a_gradient():
    student = logits(3).requires_grad_()
    labels, confidence = pseudo_labels(logits(3, seed=1))
    loss = pseudo_label_loss(student, labels, confidence > 2)
    loss.backward()
    assert float(loss.detach()) == 0
    assert student.grad is not None


def test_loss__is_finite_for_very_sure_half_precision_logits():
    sure = torch.tensor([[[[-500.0, 500.0]]]], dtype=torch.bfloat16)
    labels, confidence = pseudo_labels(-sure)
    assert pseudo_label_loss(sure, labels, confidence >= 0.9).item() == pytest.approx(500, rel=0.01)
