"""Mean teacher and UAMT: the teacher follows the student as their papers have it."""

from typing import Any

import pytest
import torch

from crosslevel.errors import InputError
from crosslevel.methods.base import Clock
from crosslevel.methods.build import build_method
from crosslevel.methods.parts.average import MovingAverage
from crosslevel.methods.parts.teacher import with_noise
from crosslevel.types import Batch
from support.tiny import tiny_config


@pytest.fixture(params=["mean_teacher", "uamt"])
def method(request):
    return build_method(tiny_config(request.param)).train()


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(4, 3, 32, 32, generator=generator)
    return Batch(images[:2], torch.ones(2, 32, 32, dtype=torch.long), images[2:])


def move(net, value):
    with torch.no_grad():
        for p in net.parameters():
            p.fill_(value)


def test_teacher__is_the_moving_average_with_a_low_decay_at_first():
    student = torch.nn.Linear(1, 1)
    teacher = MovingAverage(student, decay=0.6)
    expected = None
    for step, value in enumerate([1.0, 3.0, 5.0, 9.0]):
        move(student, value)
        teacher.update_parameters(student)
        decay = min(1 - 1 / (step + 1), 0.6)
        expected = value if expected is None else decay * expected + (1 - decay) * value
        [weight, _] = teacher.parameters()
        assert weight.item() == pytest.approx(expected)


def test_average__buffers_are_the_student_s_or_averaged_alike():
    student: Any = torch.nn.BatchNorm1d(1)
    ours, theirs = MovingAverage(student, 0.5), MovingAverage(student, 0.5, "average")
    seen = [2.0, 6.0, 4.0]
    for number, value in enumerate(seen):
        student.running_mean.fill_(value)
        student.num_batches_tracked.fill_(number)
        ours.update_parameters(student)
        theirs.update_parameters(student)
    assert ours.state_dict()["module.running_mean"].item() == 4.0
    assert theirs.state_dict()["module.running_mean"].item() == 0.5 * (0.5 * 2 + 0.5 * 6) + 0.5 * 4
    assert theirs.state_dict()["module.num_batches_tracked"].item() == 2


@pytest.mark.parametrize("name", ["mean_teacher", "uamt", "ict"])
def test_teacher__its_own_passes_leave_its_statistics_alone(name, batch):
    args = {"buffers": "average", "evaluated": "teacher"}
    method: Any = build_method(tiny_config(name, args=args)).train()
    before = {k: v.clone() for k, v in method.teacher.state_dict().items()}
    method.training_step(batch, Clock(9, 10))
    assert all(torch.equal(v, before[k]) for k, v in method.teacher.state_dict().items())


@pytest.mark.parametrize("name", ["mean_teacher", "uamt", "ict"])
def test_teacher__statistics_that_nothing_reads_are_refused(name):
    with pytest.raises(InputError, match=r"args.buffers is 'average', which has no effect"):
        build_method(tiny_config(name, args={"buffers": "average"}))


def test_teacher__gets_no_gradient_and_moves_after_the_step(method, batch):
    sum(method.training_step(batch, Clock(9, 10)).values()).backward()
    assert all(p.grad is None for p in method.teacher.parameters())
    move(method.net, 0.5)
    method.after_step(Clock(9, 10))
    assert all((p == 0.5).all() for p in method.teacher.module.parameters())


def test_teacher__has_the_student_s_running_statistics(method, batch):
    method.training_step(batch, Clock(0, 10))
    method.after_step(Clock(0, 10))
    student, teacher = method.net.state_dict(), method.teacher.module.state_dict()
    running = [name for name in student if "running" in name]
    assert running
    assert all(torch.equal(student[name], teacher[name]) for name in running)


def test_consistency__weighs_more_as_training_goes_on(method, batch):
    weights = []
    for step in (0, 5, 9):
        torch.manual_seed(0)
        weights.append(method.training_step(batch, Clock(step, 10))["consistency"].item())
    assert weights[0] < weights[1] < weights[2]


def test_evaluated__teacher_can_be_shipped():
    config = tiny_config("mean_teacher", args={"evaluated": "teacher"})
    method = build_method(config)
    assert method.inference_model is dict(method.named_modules())["teacher.module"]


def test_noise__is_clipped_on_the_scale_of_the_image():
    torch.manual_seed(0)
    noise = with_noise(torch.zeros(8, 3, 64, 64))
    assert noise[:, 0].abs().max() == pytest.approx(0.2 / 0.229, rel=1e-5)
    assert noise[:, 2].std() == pytest.approx(0.1 / 0.225, rel=0.1)
