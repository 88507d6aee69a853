import math

import pytest
import torch

from crosslevel.losses import certain_consistency_loss
from crosslevel.losses.uncertainty import entropy, uncertainty_threshold


def example(classes=2, seed=0):
    generator = torch.Generator().manual_seed(seed)
    maps = torch.randn(2, 2, classes, 3, 4, generator=generator).double()
    student, teacher = maps.softmax(dim=2)
    return student, teacher


def slow_loss(student, teacher, threshold):
    """Yu et al., Eq. 3, pixel by pixel, the teacher's own entropy as the uncertainty."""
    batch, classes, height, width = student.shape
    total, certain = 0.0, 0
    for image in range(batch):
        for y in range(height):
            for x in range(width):
                p = [float(v) for v in teacher[image, :, y, x]]
                if -sum(v * math.log(v + 1e-6) for v in p) < threshold:
                    certain += 1
                    q = [float(v) for v in student[image, :, y, x]]
                    total += sum((a - b) ** 2 for a, b in zip(p, q, strict=True))
    return total / (classes * certain) if certain else 0.0


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("threshold", [0.0, 0.5, 0.6, 2.0])
def test_certain_consistency__equals_explicit_loops(classes, threshold):
    student, teacher = example(classes)
    loss = certain_consistency_loss(student, teacher, entropy(teacher), threshold)
    assert float(loss) == pytest.approx(slow_loss(student, teacher, threshold), abs=1e-9)


def test_certain_consistency__gives_the_teacher_no_gradient():
    student, teacher = (x.requires_grad_() for x in example())
    certain_consistency_loss(student, teacher, entropy(teacher).detach(), 2.0).backward()
    assert teacher.grad is None
    assert student.grad.abs().sum() > 0


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_entropy__lies_between_certain_and_uniform(classes):
    uniform = torch.full((1, classes, 1, 1), 1 / classes)
    certain = torch.eye(classes)[:1].reshape(1, classes, 1, 1)
    assert float(entropy(uniform)) == pytest.approx(math.log(classes), abs=1e-4)
    assert float(entropy(certain)) == pytest.approx(0, abs=1e-4)


def test_threshold__rises_from_three_quarters_to_all_of_ln_k():
    assert uncertainty_threshold(0.0, 2) == pytest.approx(0.7516845 * math.log(2), rel=1e-6)
    assert uncertainty_threshold(0.5, 2) == pytest.approx(0.8216262 * math.log(2), rel=1e-6)
    assert uncertainty_threshold(1.0, 3) == pytest.approx(math.log(3))


def test_certain_consistency__of_one_pixel_of_one_class_is_its_square():
    student, teacher = (torch.full((1, 1, 1, 2), p) for p in (0.5, 0.1))
    uncertainty = torch.tensor([[[[0.2, 0.9]]]])
    loss = certain_consistency_loss(student, teacher, uncertainty, 0.5)
    assert float(loss) == pytest.approx(0.16)


def test_certain_consistency__a_pixel_at_the_threshold_is_not_certain():
    student, teacher = example()
    uncertainty = torch.full((2, 1, 3, 4), 0.5)
    assert float(certain_consistency_loss(student, teacher, uncertainty, 0.5)) == 0
