"""What every method keeps by existing: finite losses, a student that moves, masks left unread."""

import pytest
import torch

from crosslevel.methods import METHODS
from crosslevel.methods.base import Clock
from crosslevel.methods.build import build_method
from crosslevel.training.gradients import accumulate_gradients
from crosslevel.types import Batch
from support.tiny import tiny_config

CLOCKS = [Clock(step, 30) for step in (0, 15, 29)]
MIXED = {"bcp"}
"""Methods whose labelled images have parts of others in them."""


OPTIONS = {"clcc in detail": ("clcc", {"args": {"tiles": 2, "detail": 2}})}
"""Options that change what a method looks at."""


@pytest.fixture(params=[*sorted(METHODS), *OPTIONS])
def method(request):
    name, options = OPTIONS.get(request.param, (request.param, {}))
    return build_method(tiny_config(name, **options)).train()


def random_batch(labelled=2, unlabelled=2, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return Batch(
        images=torch.randn(labelled, 3, 32, 32, generator=generator),
        masks=torch.randint(0, 2, (labelled, 32, 32), generator=generator),
        unlabelled=torch.randn(unlabelled, 3, 32, 32, generator=generator),
        finer=torch.randn(labelled + unlabelled, 3, 64, 64, generator=generator),
    )


def disc_batch(num=8, seed=0):
    """Bright discs on noise, and their masks."""
    generator = torch.Generator().manual_seed(seed)
    rows, columns = torch.meshgrid(torch.arange(32.0), torch.arange(32.0), indexing="ij")
    centres = torch.randint(8, 24, (num, 2), generator=generator)
    masks = torch.stack([((rows - r) ** 2 + (columns - c) ** 2 < 36) for r, c in centres])
    noise = torch.randn(num, 3, 32, 32, generator=generator) * 0.3
    images = noise + masks.unsqueeze(1).float() * 2
    others = images.flip(-1)
    finer = torch.cat([images, others]).repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    return Batch(images=images, masks=masks.long(), unlabelled=others, finer=finer)


@pytest.mark.parametrize("clock", CLOCKS, ids=lambda c: f"step{c.step}")
def test_losses__are_finite_scalars_by_name(method, clock):
    losses = method.training_step(random_batch(), clock)
    assert "supervised" in losses
    assert all(loss.ndim == 0 and loss.isfinite() for loss in losses.values())


@pytest.mark.parametrize("clock", CLOCKS, ids=lambda c: f"step{c.step}")
def test_losses__without_unlabelled_images_are_finite(method, clock):
    losses = method.training_step(random_batch(unlabelled=0), clock)
    assert all(loss.isfinite() for loss in losses.values())


@pytest.mark.parametrize("clock", CLOCKS, ids=lambda c: f"step{c.step}")
def test_step__moves_the_network_that_is_evaluated(method, clock):
    before = [p.detach().clone() for p in method.inference_model.parameters()]
    optimizer = torch.optim.AdamW([p for p in method.parameters() if p.requires_grad], lr=1e-2)
    sum(method.training_step(random_batch(), clock).values()).backward()
    optimizer.step()
    method.after_step(clock)
    after = list(method.inference_model.parameters())
    assert all(not torch.equal(a, b) for a, b in zip(before, after, strict=True))


@pytest.mark.parametrize("clock", CLOCKS, ids=lambda c: f"step{c.step}")
def test_parameters_without_gradient__stay_without(method, clock):
    sum(method.training_step(random_batch(), clock).values()).backward()
    assert all(p.grad is None for p in method.parameters() if not p.requires_grad)


@pytest.mark.parametrize("clock", CLOCKS, ids=lambda c: f"step{c.step}")
def test_parameters_with_gradient__have_one_in_bf16_too(method, clock):
    found = []
    for precision in ("fp32", "bf16"):
        method.zero_grad()
        accumulate_gradients(method, random_batch(), clock, precision)
        found.append([p.grad is not None for p in method.parameters()])
    assert found[0] == found[1]


def test_labelled_loss__falls_on_eight_images(method):
    batch = disc_batch()
    optimizer = torch.optim.AdamW([p for p in method.parameters() if p.requires_grad], lr=1e-2)
    seen = []
    for step in range(30):
        losses = method.training_step(batch, Clock(step, 30))
        sum(losses.values()).backward()
        optimizer.step()
        optimizer.zero_grad()
        method.after_step(Clock(step, 30))
        seen.append(float(losses["supervised"].detach()))
    assert seen[-1] < 0.7 * seen[0]


def with_batchnorm(name, how):
    return build_method(tiny_config(name, batchnorm=how)).train()


def supervised_loss(method, clock, *, unlabelled):
    torch.manual_seed(7)
    full = random_batch()
    batch = Batch(full.images, full.masks, full.unlabelled[:unlabelled])
    return method.training_step(batch, clock)["supervised"]


@pytest.mark.parametrize("clock", CLOCKS, ids=lambda c: f"step{c.step}")
@pytest.mark.parametrize("name", sorted(set(METHODS) - MIXED))
def test_batchnorm_apart__labelled_images_learn_as_if_there_were_no_others(name, clock):
    gradients = []
    for unlabelled in (0, 2):
        method = with_batchnorm(name, "apart")
        loss = supervised_loss(method, clock, unlabelled=unlabelled)
        loss.backward()
        gradients.append([loss, *(p.grad for p in method.net.parameters())])
    for alone, beside_others in zip(*gradients, strict=True):
        torch.testing.assert_close(alone, beside_others)


@pytest.mark.parametrize("name", sorted(set(METHODS) - {"supervised", "urpc"}))  # it draws noise
def test_batchnorm_joint__labelled_images_are_normalised_with_the_others(name):
    clock = CLOCKS[-1]
    method = with_batchnorm(name, "joint")
    losses = [supervised_loss(method, clock, unlabelled=n).item() for n in (0, 2)]
    assert losses[0] != losses[1]


@pytest.mark.parametrize("name", sorted(set(METHODS) - {"supervised"}))
def test_batchnorm_apart__running_statistics_are_moved_by_unlabelled_images_too(name):
    method, clock = with_batchnorm(name, "apart"), CLOCKS[-1]

    def batches_seen():
        buffers = method.net.named_buffers()
        return [int(value) for name, value in buffers if name.endswith("num_batches_tracked")]

    before = batches_seen()
    assert before, "the network has BatchNorm"
    method.training_step(random_batch(), clock)
    assert batches_seen() == [number + 2 for number in before]


def test_step__depends_on_the_seed_only(method):
    def losses():
        torch.manual_seed(7)
        return method.training_step(random_batch(), CLOCKS[1])

    first, second = losses(), losses()
    assert {k: v.item() for k, v in first.items()} == {k: v.item() for k, v in second.items()}


@pytest.mark.parametrize("name", sorted(METHODS))
def test_several_classes__give_finite_losses(name):
    classes = {"polyp": 1, "tool": 2}
    method = build_method(tiny_config(name, classes=classes)).train()
    batch = random_batch()
    assert method.inference_model(batch.images).shape == (2, 3, 32, 32)
    for clock in CLOCKS:
        losses = method.training_step(batch, clock)
        assert all(loss.isfinite() for loss in losses.values())


@pytest.mark.parametrize("how", ["joint", "apart"])
@pytest.mark.parametrize("unlabelled", [0, 3])
def test_forward_both__gives_labelled_and_other_images_apart(how, unlabelled):
    method = build_method(tiny_config("supervised", batchnorm=how)).train()
    batch = random_batch(unlabelled=unlabelled)
    seen = []

    def mean_of_batch(images):
        seen.append(len(images))
        return images.mean(dim=(0, 1, 2, 3)) + torch.arange(len(images))

    labelled, others = method.forward_both(batch.images, batch.unlabelled, mean_of_batch)
    passes = {"joint": [2 + unlabelled], "apart": [2, unlabelled]}[how]
    assert seen == [size for size in passes if size]
    assert (len(labelled), len(others)) == (2, unlabelled)
    mean = torch.cat([batch.images, batch.unlabelled]).mean()
    first = mean if how == "joint" else batch.images.mean()
    torch.testing.assert_close(labelled, first + torch.arange(2))
    if how == "apart" and unlabelled:
        torch.testing.assert_close(others, batch.unlabelled.mean() + torch.arange(3))
