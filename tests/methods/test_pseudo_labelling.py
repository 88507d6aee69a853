"""FixMatch, UniMatch, CPS and self-training against what their papers say, pixel by pixel.

A network just initialised is sure of nothing, so that no pixel would be learned from and every
comparison would be one of zeros. The networks here are given opinions, each its own.
"""

import math

import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from crosslevel.config.model import ModelConfig
from crosslevel.errors import InputError
from crosslevel.losses import dice_ce_loss
from crosslevel.methods import cps, fixmatch, self_training, unimatch
from crosslevel.methods.base import Clock
from crosslevel.methods.build import build_method
from crosslevel.models.segmenter import SegmentationNet
from crosslevel.types import Batch
from support.tiny import tiny_config

NAMES = ["cps", "fixmatch", "self_training", "unimatch"]
LATE = Clock(29, 30)
NUM_UNLABELLED = 3


def random_batch(size=32):
    generator = torch.Generator().manual_seed(0)
    return Batch(
        images=torch.randn(2, 3, size, size, generator=generator),
        masks=torch.randint(0, 2, (2, size, size), generator=generator),
        unlabelled=torch.randn(NUM_UNLABELLED, 3, size, size, generator=generator),
    )


def build(name, **args):
    return build_method(tiny_config(name, args=args)).train()


@torch.no_grad()
def opinionated(name, **args):
    """The method, its networks sure of both classes in places, each network of other ones."""
    method = build(name, **args)
    nets = [module for module in method.modules() if isinstance(module, SegmentationNet)]
    for seed, net in enumerate(nets):
        generator = torch.Generator().manual_seed(seed)
        net.h.weight.copy_(torch.randn(net.h.weight.shape, generator=generator))
        logits = net.eval()(random_batch().unlabelled)
        _, bias = net.h.parameters()
        bias.sub_(logits.mean())
        for parameter in net.h.parameters():
            parameter.mul_(3 / logits.std())
        net.train()
    return method


@torch.no_grad()
def answer(net, images):
    """Probabilities (U, H, W) of a binary network at rest; it is in training again after."""
    net.eval()
    probabilities = net(images)[:, 0].sigmoid()
    net.train()
    return probabilities


def is_sure(probabilities, threshold):
    sure = (probabilities >= threshold) | (probabilities <= 1 - threshold)
    assert 0.05 < sure.float().mean() < 0.95, "else this test shows nothing"
    return sure


def hard(probabilities):
    labels = (probabilities > 0.5).float()
    assert 0.05 < labels.mean() < 0.95, "else this test shows nothing"
    return labels


def paste(boxes, x):
    """CutMix, one image after the other: the box of each comes from the next, the last's from 0."""
    mixed = x.clone()
    for i, box in enumerate(boxes):
        mixed[i][..., box] = x[(i + 1) % len(x)][..., box]
    return mixed


def loss_of(logits, labels, keep=None):
    losses = binary_cross_entropy_with_logits(logits[:, 0], labels, reduction="none")
    return (losses if keep is None else losses[keep]).sum().item() / labels.numel()


def fixed_boxes(shift=0):
    boxes = torch.zeros(NUM_UNLABELLED, 32, 32, dtype=torch.bool)
    boxes[0, 4 + shift : 20 + shift, 6:30] = True
    boxes[2, 10:30, shift : 12 + shift] = True  # the second image keeps all of its own
    return boxes


def let_draw(monkeypatch, module, views, boxes):
    """Strong views and boxes as given, in order, in place of random ones."""
    views, boxes = iter(views), iter(boxes)
    monkeypatch.setattr(module, "strong_view", lambda x, drawn: next(views)(x), raising=False)
    monkeypatch.setattr(module, "boxes_at", lambda corners, x: next(boxes), raising=False)


def darker(images):
    return images.flip(1) * 0.5


def inverted(images):
    return -images


@pytest.mark.parametrize("name", NAMES)
def test_step__trains_on_a_pretrained_encoder(name):
    model = ModelConfig(name="efficientnet_lite0")
    args = {"threshold": 0.5} if name != "cps" else {}
    method = build_method(tiny_config(name, size=64, model=model, args=args)).train()
    optimizer = torch.optim.AdamW([p for p in method.parameters() if p.requires_grad], lr=1e-3)
    batch, supervised = random_batch(64), []
    batch.masks[:] = 0
    batch.masks[:, 16:48, 16:48] = 1
    for images in (batch.images, batch.unlabelled):
        images[:, :, 16:48, 16:48] += 2
    for step in range(20, 26):
        torch.manual_seed(step)
        losses = method.training_step(batch, Clock(step, 30))
        assert len(losses) > 1
        assert all(loss.isfinite() and loss.item() > 0 for loss in losses.values())
        torch.stack(list(losses.values())).sum().backward()
        optimizer.step()
        optimizer.zero_grad()
        method.after_step(Clock(step, 30))
        supervised.append(losses["supervised"].item())
    assert supervised[-1] < supervised[0]


@pytest.mark.parametrize("decay", [0.99, 0.0])
def test_fixmatch__equals_its_definition(monkeypatch, decay):
    method, batch = opinionated("fixmatch", decay=decay), random_batch()
    boxes = fixed_boxes()
    let_draw(monkeypatch, fixmatch, [darker], [boxes])
    probabilities = answer(method.teacher.module, batch.unlabelled)
    labels, keep = hard(probabilities), is_sure(probabilities, 0.9)
    losses = method.training_step(batch, LATE)
    logits = method.net(torch.cat([batch.images, paste(boxes, darker(batch.unlabelled))]))
    expected = loss_of(logits[2:], paste(boxes, labels), paste(boxes, keep))
    assert losses["pseudo"].item() == pytest.approx(expected, rel=1e-4)
    supervised = dice_ce_loss(logits[:2], batch.masks)
    assert losses["supervised"].item() == pytest.approx(supervised.item(), rel=1e-4)


@pytest.mark.parametrize(("step", "weight"), [(0, 0.0), (3, 0.5), (6, 1.0), (29, 1.0)])
def test_fixmatch__weight_rises_over_the_first_fifth(step, weight):
    assert build("fixmatch").weight(Clock(step, 30)) == pytest.approx(weight)


def test_fixmatch__weight_multiplies_the_loss():
    losses = []
    for weight in (1.0, 0.25):
        torch.manual_seed(0)
        losses.append(opinionated("fixmatch", weight=weight).training_step(random_batch(), LATE))
    assert losses[0]["pseudo"].item() > 0
    assert losses[1]["pseudo"].item() == pytest.approx(losses[0]["pseudo"].item() / 4)


def test_fixmatch__an_unreachable_threshold_leaves_the_labelled_images():
    losses = opinionated("fixmatch", threshold=1.0).training_step(random_batch(), LATE)
    assert losses["pseudo"].item() == 0


def test_fixmatch__labelling_moves_no_buffer_of_the_teacher():
    method = build("fixmatch")
    before = {name: b.clone() for name, b in method.teacher.named_buffers()}
    method.label(random_batch().unlabelled)
    assert all(torch.equal(before[name], b) for name, b in method.teacher.named_buffers())


def test_fixmatch__decay_0_is_labelled_by_the_student():
    method = build("fixmatch", decay=0.0)
    optimizer = torch.optim.AdamW(method.net.parameters(), lr=1e-2)
    for step in range(2):
        sum(method.training_step(random_batch(), LATE).values()).backward()
        optimizer.step()
        method.after_step(Clock(step, 30))
    student, teacher = method.net.state_dict(), method.teacher.module.state_dict()
    assert all(torch.equal(student[name], teacher[name]) for name in student)


@pytest.mark.parametrize("evaluated", ["student", "teacher"])
def test_fixmatch__ships_the_network_asked_for(evaluated):
    method = build("fixmatch", evaluated=evaluated)
    expected = method.net if evaluated == "student" else method.teacher.module
    assert method.inference_model is expected


def test_unimatch__equals_its_definition(monkeypatch):
    def every_second_channel(x, p):
        assert p == 0.5
        return x * (torch.arange(x.shape[1]) % 2).view(1, -1, 1, 1)

    method, batch = opinionated("unimatch"), random_batch()
    boxes, views = [fixed_boxes(), fixed_boxes(2)], [darker, inverted]
    let_draw(monkeypatch, fixmatch, views, boxes)
    monkeypatch.setattr(unimatch, "dropout2d", every_second_channel)
    probabilities = answer(method.teacher.module, batch.unlabelled)
    labels, keep = hard(probabilities), is_sure(probabilities, 0.95)
    losses = method.training_step(batch, LATE)
    strong = [paste(b, v(batch.unlabelled)) for b, v in zip(boxes, views, strict=True)]
    features = method.net.f.encode(torch.cat([batch.images, *strong, batch.unlabelled]))
    for level in features:
        level.data[-NUM_UNLABELLED:, ::2] = 0
    logits = method.net.h(method.net.f.decode(features))
    supervised, first, second, perturbed = logits.split([2, 3, 3, 3])
    expected = {
        "supervised": dice_ce_loss(supervised, batch.masks).item(),
        "strong": sum(
            0.25 * loss_of(x, paste(b, labels), paste(b, keep))
            for x, b in zip((first, second), boxes, strict=True)
        ),
        "feature": 0.5 * loss_of(perturbed, labels, keep),
    }
    assert {name: x.item() for name, x in losses.items()} == pytest.approx(expected, rel=1e-4)


def test_cps__equals_its_definition(monkeypatch):
    method, batch, boxes = opinionated("cps"), random_batch(), fixed_boxes()
    let_draw(monkeypatch, cps, [], [boxes])
    nets = [method.net, method.get_submodule("other")]
    ours, others = (hard(answer(net, batch.unlabelled)) for net in nets)
    assert (ours != others).any()
    losses = method.training_step(batch, LATE)
    images = torch.cat([batch.images, paste(boxes, batch.unlabelled)])
    logits = [net(images) for net in nets]
    cross = [
        loss_of(x[2:], paste(boxes, labels))
        for x, labels in zip(logits, (others, ours), strict=True)
    ]
    ramp = math.exp(-5 * (1 - 29 / 30) ** 2)
    assert losses["cross"].item() == pytest.approx(ramp * sum(cross), rel=1e-4)
    supervised = [dice_ce_loss(x[:2], batch.masks).item() for x in logits]
    assert losses["supervised"].item() == pytest.approx(sum(supervised), rel=1e-4)
    assert method.inference_model is method.net


def test_cps__of_several_classes_learns_the_most_probable(monkeypatch):
    config = tiny_config("cps", classes={"polyp": 1, "tool": 2}, args={"cutmix": 0.0})
    method, batch = build_method(config).train(), random_batch()
    nets = [method.net, method.get_submodule("other")]
    with torch.no_grad():
        method.eval()
        ours, others = (net(batch.unlabelled).argmax(1) for net in nets)
        method.train()
    losses = method.training_step(batch, LATE)
    images = torch.cat([batch.images, batch.unlabelled])
    cross = [
        cross_entropy(net(images)[2:], y).item()
        for net, y in zip(nets, (others, ours), strict=True)
    ]
    ramp = math.exp(-5 * (1 - 29 / 30) ** 2)
    assert losses["cross"].item() == pytest.approx(ramp * sum(cross), rel=1e-4)


def test_cps__the_networks_start_apart_also_with_one_pretrained_encoder():
    method = build_method(tiny_config("cps", model=ModelConfig(name="efficientnet_lite0")))
    ours = dict(method.net.named_parameters())
    others = dict(method.get_submodule("other").named_parameters())
    assert torch.equal(ours["f.stem.0.weight"], others["f.stem.0.weight"])
    for name in ("f.decoder.0.0.weight", "h.weight"):
        assert not torch.equal(ours[name], others[name])


def test_self_training__equals_its_definition(monkeypatch):
    method, batch = opinionated("self_training", weight=0.5), random_batch()
    let_draw(monkeypatch, self_training, [darker], [])
    probabilities = answer(method.teacher, batch.unlabelled)
    labels, keep = hard(probabilities), is_sure(probabilities, 0.9)
    losses = method.training_step(batch, LATE)
    logits = method.net(torch.cat([batch.images, darker(batch.unlabelled)]))
    assert losses["pseudo"].item() == pytest.approx(
        0.5 * loss_of(logits[2:], labels, keep), rel=1e-4
    )
    supervised = dice_ce_loss(logits[:2], batch.masks)
    assert losses["supervised"].item() == pytest.approx(supervised.item(), rel=1e-4)


def test_self_training__starts_without_a_teacher():
    method = build("self_training")
    assert set(method.training_step(random_batch(), Clock(11, 30))) == {"supervised"}
    assert set(method.training_step(random_batch(), Clock(12, 30))) == {"supervised", "pseudo"}


@pytest.mark.parametrize(
    ("share", "rounds", "num_steps", "expected"),
    [
        (0.4, 1, 30, [11]),
        (0.4, 2, 30, [11, 20]),
        (0.25, 3, 12, [2, 5, 8]),
        (0.4, 5, 10, [3, 5, 6, 7, 8]),
        (0.01, 1, 5, [0]),  # never by a network that has seen nothing
        (0.99, 2, 3, [2]),
    ],
)
def test_self_training__the_teacher_changes_only_between_rounds(share, rounds, num_steps, expected):
    method = build("self_training", warmup_share=share, rounds=rounds)
    changed = []
    for step in range(num_steps):
        with torch.no_grad():
            method.net.h.bias.add_(1.0)
        before = method.teacher.h.bias.clone()
        method.after_step(Clock(step, num_steps))
        if not torch.equal(before, method.teacher.h.bias):
            assert torch.equal(method.teacher.h.bias, method.net.h.bias)
            changed.append(step)
    assert changed == expected


def test_self_training__goes_on_with_the_teacher_of_its_checkpoint():
    method, losses = opinionated("self_training"), []
    resumed = build("self_training")
    resumed.load_state_dict(method.state_dict())
    for each in (method, resumed):
        torch.manual_seed(0)
        losses.append(each.training_step(random_batch(), LATE)["pseudo"].item())
    assert losses[0] == losses[1] > 0


@pytest.mark.parametrize("args", [{"rounds": 0}, {"warmup_share": 0.0}, {"warmup_share": 1.0}])
def test_self_training__without_a_first_teacher_is_refused(args):
    with pytest.raises(InputError, match=r"must be (at least 1|strictly between 0 and 1)"):
        build("self_training", **args)
