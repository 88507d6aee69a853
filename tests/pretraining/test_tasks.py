"""What every pretext task keeps by existing, and what each asks for."""

import inspect
import re
from pathlib import Path
from typing import Any

import pytest
import torch

from crosslevel.config.model import ModelConfig
from crosslevel.config.pretrain import PretrainConfig
from crosslevel.methods.learner import Clock
from crosslevel.pretraining import TASKS, find_task, task_names
from crosslevel.pretraining.base import PretextTask
from crosslevel.pretraining.build import build_task
from crosslevel.pretraining.relative_position import patch_side
from crosslevel.training.gradients import accumulate_gradients
from crosslevel.types import Batch
from support.cards import choose_it
from support.tiny import tiny_pretraining

FIRST, LAST = Clock(0, 10), Clock(9, 10)
MOST_LINES = 120


def batch(num=4, size=32, seed=0):
    generator = torch.Generator().manual_seed(seed)
    images = torch.randn(num, 3, size, size, generator=generator)
    none = torch.zeros(0, size, size)
    groups = torch.tensor([0, 0, *range(1, num - 1)])
    return Batch(none.unsqueeze(1).expand(0, 3, size, size), none.long(), images, groups)


@pytest.fixture(params=sorted(TASKS))
def task(request):
    return build_task(tiny_pretraining(request.param)).train()


def step(task, clock, seed=7):
    torch.manual_seed(seed)
    losses = accumulate_gradients(task, batch(), clock, "fp32")
    task.after_step(clock)
    return losses


def test_step__gives_finite_losses_that_depend_on_the_seed_alone(task):
    for clock in (FIRST, LAST):
        step(task, clock)  # a queue has something in it
    state = {name: value.clone() for name, value in task.state_dict().items()}
    for clock in (FIRST, LAST):
        found = []
        for seed in (7, 7, 8):
            task.load_state_dict(state)
            found.append({name: float(v) for name, v in step(task, clock, seed).items()})
        assert all(0 < value < 100 for value in found[0].values())
        assert found[0] == found[1] != found[2]


def test_step__moves_what_is_handed_to_a_training_and_nothing_that_has_no_gradient(task):
    before = {name: p.detach().clone() for name, p in task.f.named_parameters()}
    optimizer = torch.optim.AdamW([p for p in task.parameters() if p.requires_grad], lr=1e-2)
    for clock in (FIRST, FIRST, LAST):  # the first step of a queue has no negative
        step(task, clock)
        optimizer.step()
        optimizer.zero_grad()
    encoder = task.f.encoder_state().keys()
    handed = before.keys() if task.learns == "backbone" else before.keys() & encoder
    moved = {name for name, p in task.f.named_parameters() if not torch.equal(p, before[name])}
    assert moved == set(handed)


def test_step__gives_gradients_in_bf16_too(task):
    step(task, LAST)  # a queue has something in it
    task.zero_grad()
    accumulate_gradients(task, batch(), LAST, "bf16")
    assert any(p.grad is not None and p.grad.any() for p in task.f.parameters())


def test_loss__falls_on_four_images(task):
    optimizer = torch.optim.AdamW([p for p in task.parameters() if p.requires_grad], lr=1e-3)
    clock = FIRST if type(task).__name__ == "GlobalLocal" else LAST
    for _ in range(3):
        step(task, clock)  # until a queue is full
    seen = []
    for _ in range(25):
        seen.append(sum(map(float, step(task, clock).values())))
        optimizer.step()
        optimizer.zero_grad()
    assert min(seen[-5:]) < max(seen[:5])


def test_find_task__names_those_there_are():
    assert task_names() == sorted(TASKS)
    with pytest.raises(ValueError, match=r"Unknown pretext task 'simclear'.*MyPretextTask"):
        find_task("simclear")
    with pytest.raises(ValueError, match="no class 'CLCC' derived from crosslevel's PretextTask"):
        find_task("crosslevel.methods.clcc:CLCC")


@pytest.mark.parametrize("name", sorted(TASKS))
def test_task__is_one_small_file_that_names_its_source(name):
    found = find_task(name)
    assert issubclass(found, PretextTask)
    text = inspect.getdoc(found) or ""
    assert re.search(r"Source: .*\b20\d\d\b", text, re.DOTALL)
    assert len(Path(inspect.getfile(found)).read_text().splitlines()) <= MOST_LINES


def test_card__says_when_to_choose_the_task():
    told = {name: choose_it(find_task(name)) for name in TASKS}
    assert [name for name, text in told.items() if not text] == []
    assert len(set(told.values())) == len(TASKS)


def test_page__has_a_row_for_every_task():
    page = Path(__file__).parents[2] / "docs" / "reference" / "pretraining.md"
    rows = re.findall(r"^\| `(\w+)` \|.*\| encoder.* \|$", page.read_text(), re.MULTILINE)
    assert sorted(rows) == sorted(TASKS)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"method": "relative_position", "size": 4}, "a --size of at least 6"),
        ({"method": "simclr", "size": 31}, "must be divisible by 2"),
        ({"method": "global_local", "args": {"grid": 33}}, "between 2 and 32 places"),
        ({"method": "clcc", "args": {"tiles": 3}}, "must be divisible by 6"),
        ({"method": "simclr", "args": {"temperature": 0}}, "temperature is 0"),
        ({"method": "moco", "args": {"length": 1}}, "unknown key 'length'"),
    ],
)
def test_build_task__refuses_what_does_not_fit(settings, message):
    with pytest.raises(ValueError, match=message):
        build_task(tiny_pretraining(**settings))


def test_moco__a_queue_is_not_copied_by_a_step():
    task: Any = build_task(tiny_pretraining("densecl"))
    spoilt = {id(buffer) for buffer in task.spoilt_by_a_pass()}
    assert all(id(buffer) not in spoilt for buffer in task.queues.buffers())
    assert id(task.f.encoder[0][1].running_mean) in spoilt


def test_moco__one_group_has_no_negative_of_its_own():
    task = build_task(tiny_pretraining("moco"))
    one = batch()
    one = Batch(one.images, one.masks, one.unlabelled, torch.zeros(4, dtype=torch.int64))
    for _ in range(2):
        losses = task.training_step(one, FIRST)
        task.after_step(FIRST)
    assert losses["contrast"].item() == 0


def test_simclr__has_the_margin_loss_as_an_option():
    task = build_task(tiny_pretraining("simclr", args={"loss": "margin", "margin": 0.5}))
    losses = [float(step(task, FIRST)["contrast"])]
    task.args = type(task.args)(loss="margin", margin=1.5)
    losses.append(float(step(task, FIRST)["contrast"]))
    assert losses[0] < losses[1]  # more are pushed apart


def test_rotation__knows_which_way_up_each_image_is(monkeypatch):
    task = build_task(tiny_pretraining("rotation", args={"view": "same"}))
    images, seen = batch(2).unlabelled, []

    def note(turned):
        seen.append(turned)
        return [turned.repeat(1, 3, 1, 1)[:, :8]]

    monkeypatch.setattr(task.f, "encode", note)
    task.training_step(Batch(images[:0], images[:0, 0].long(), images), FIRST)
    for turns in range(4):
        expected = torch.rot90(images, turns, (2, 3))
        assert torch.equal(seen[0][2 * turns : 2 * turns + 2], expected)


def test_relative_position__cuts_patches_from_the_fields_it_names():
    task: Any = build_task(tiny_pretraining("relative_position", size=36))
    assert (task.field, task.patch) == (12, 8)
    numbers = torch.arange(36 * 36).view(1, 1, 36, 36).float().expand(9, 3, 36, 36)
    patches = task._cut(numbers, torch.arange(9))[:, 0].long()
    assert torch.equal(
        (patches // 36 // 12) * 3 + patches % 36 // 12,
        torch.arange(9).view(9, 1, 1).expand(9, 8, 8),
    )
    assert (patches[:, 1:] - patches[:, :-1] == 36).all()
    assert [patch_side(field, 16) for field in (16, 32, 85)] == [16, 16, 48]


@pytest.mark.parametrize("name", ["efficientnet_lite0", "segformer"])
@pytest.mark.parametrize("method", ["simclr", "clcc"])
def test_task__works_with_other_backbones(name, method):
    model = ModelConfig(name=name, weights=None)
    task = build_task(PretrainConfig(method=method, size=128, model=model)).train()
    assert all(
        float(v) > 0 for v in accumulate_gradients(task, batch(3, 128), FIRST, "fp32").values()
    )
