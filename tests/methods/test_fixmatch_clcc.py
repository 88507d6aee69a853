"""FixMatch with CLCC's losses: FixMatch's are untouched, and the others are Eq. 1 and Eq. 2."""

import copy

import pytest
import torch

from crosslevel.config.model import ModelConfig
from crosslevel.errors import InputError
from crosslevel.losses import cross_level_consistency_loss, cross_level_contrastive_loss
from crosslevel.methods.base import Clock
from crosslevel.methods.build import build_method
from crosslevel.methods.fixmatch import FixMatch
from crosslevel.methods.fixmatch_clcc import FixMatchCLCC
from crosslevel.models.segmenter import SegmentationNet
from crosslevel.tiles import from_tiles, to_tiles
from crosslevel.training.gradients import accumulate_gradients
from crosslevel.types import Batch
from support.tiny import tiny_batch, tiny_config

LATE = Clock(29, 30)
PLAIN = {
    "view": "same", "same_class": "negative", "anchors": "all", "negative_images": "own",
    "confidence": "ignored", "queue": 0,
}  # fmt: skip
"""Options with which both losses are those of the paper."""


@torch.no_grad()
def build(name="fixmatch_clcc", **args):
    """The method, sure of both classes in places, with a teacher that is not the student."""
    model = ModelConfig(widths=(4, 6))
    method = build_method(tiny_config(name, model=model, args=args)).train()
    assert isinstance(method, FixMatch)
    student, taught = method.net, method.teacher.module
    assert isinstance(taught, SegmentationNet)
    for seed, net in enumerate((student, taught)):
        net.f.load_state_dict(student.f.state_dict())
        generator = torch.Generator().manual_seed(seed)
        net.h.weight.copy_(torch.randn(net.h.weight.shape, generator=generator))
        logits = net.eval()(tiny_batch().unlabelled)
        assert net.h.bias is not None
        net.h.bias.sub_(logits.mean())
        for parameter in net.h.parameters():
            parameter.mul_(6 / logits.std())
        net.train()
    return method


def losses(method, clock=LATE, batch=None):
    torch.manual_seed(0)
    found = method.training_step(batch or tiny_batch(), clock)
    return {name: loss.item() for name, loss in found.items()}


def test_losses__of_fixmatch_are_untouched():
    plain = losses(build("fixmatch"))
    beside = losses(build())
    assert set(beside) == {"supervised", "pseudo", "contrast", "consistency"}
    assert {name: beside[name] for name in plain} == plain
    assert losses(build(alpha=0.0, beta=0.0)) == plain


def test_losses__are_equations_1_and_2_with_the_teacher_on_the_whole_image():
    method, images = build(**PLAIN), tiny_batch().unlabelled
    net, p = (copy.deepcopy(x.module).eval() for x in (method.teacher, method.taught_p))
    whole, tiles = net.f(images), method.net.f(to_tiles(images, 4))
    contrast = cross_level_contrastive_loss(
        from_tiles(method.p(tiles), 4), p(whole), temperature=0.5, negatives="local"
    )
    consistency = cross_level_consistency_loss(
        net.h(whole), method.net.h(tiles), 4, reduction="mean"
    )
    found = losses(build(**PLAIN))
    assert found["contrast"] == pytest.approx(0.1 * contrast.item(), rel=1e-4)
    assert found["consistency"] == pytest.approx(consistency.item(), rel=1e-4)


def test_detail__shows_the_student_finer_tiles_of_unlabelled_images():
    method, batch = build(**PLAIN, detail=2), tiny_batch()
    net = copy.deepcopy(method.teacher.module).eval()
    whole = torch.nn.functional.interpolate(net(batch.unlabelled), (64, 64), mode="bilinear")
    assert batch.finer is not None
    local = method.net(to_tiles(batch.finer[2:], 4))
    expected = cross_level_consistency_loss(whole, local, 4, reduction="mean")
    assert losses(method)["consistency"] == pytest.approx(expected.item(), rel=1e-4)


def test_losses__rise_with_fixmatch_s_ramp():
    first, half, late = (losses(build(), Clock(step, 30)) for step in (0, 3, 29))
    for name in ("contrast", "consistency"):
        assert first[name] == 0
        assert half[name] == pytest.approx(late[name] / 2, rel=1e-5)


def test_step__asks_the_teacher_once_and_sees_tiles_once():
    method, seen = build(), []
    for net in (method.net, method.teacher.module):
        net.f.register_forward_hook(lambda m, inputs, output: seen.append(len(inputs[0])))
    method.training_step(tiny_batch(), LATE)
    assert seen == [3, 5, 48], "the teacher's images, the student's, the tiles of the unlabelled"


def test_teacher__has_its_own_projector_which_follows():
    method = build()
    accumulate_gradients(method, tiny_batch(), LATE, "fp32")
    assert all(p.grad is None for p in method.taught_p.parameters())
    assert all(p.grad.abs().sum() > 0 for p in method.p.parameters() if p.ndim == 4)
    for p in method.p.parameters():
        p.data.fill_(0.5)
    method.after_step(Clock(0, 30))
    assert all((p == 0.5).all() for p in method.taught_p.module.parameters())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("tiles", 2), ("detail", 2), ("view", "colour"), ("tile_flips", True), ("context", 4),
        ("depth", 1),
        ("negatives", "local"), ("negative_images", "own"), ("same_class", "left_out"),
        ("anchors", "lesion"), ("queue", 1), ("confidence", "ignored"), ("temperature", 0.1),
        ("projection_end", "relu"), ("tile_batchnorm", "update"), ("positives", "mixed"),
    ],
)  # fmt: skip
def test_options__each_changes_a_loss(name, value):
    seen = []
    for args in ({}, {name: value}):
        method = build(**args)
        for _ in range(2):
            found = losses(method)
            method.contrast.after_step()
        statistics = [float(b.sum()) for n, b in method.net.named_buffers() if "running" in n]
        seen.append((found, statistics))
    assert seen[0] != seen[1]


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ({"alpha": 0.0, "queue": 1}, "args.queue is 1, which has no effect: alpha is 0"),
        ({"beta": 0.0, "confidence": "ignored"}, "args.confidence is .* beta is 0"),
        ({"alpha": 0.0, "beta": 0.0, "view": "blur"}, "args.view is .* alpha and beta are 0"),
        ({"anchor": "image"}, "Only the positive pair"),
        ({"detach_local": True}, "Only the positive pair"),
        ({"tiles": 3}, "size of 32 px cannot be used"),
    ],
)
def test_options__that_cannot_work_are_refused(args, message):
    with pytest.raises(InputError, match=message):
        build(**args)


def test_step__on_a_pretrained_encoder_learns_from_both_losses():
    model = ModelConfig(name="efficientnet_lite0")
    config = tiny_config("fixmatch_clcc", size=128, model=model, args={"depth": 1, "tiles": 2})
    method = build_method(config).train()
    assert isinstance(method, FixMatchCLCC)
    generator = torch.Generator().manual_seed(0)
    batch = Batch(
        images=torch.randn(2, 3, 128, 128, generator=generator),
        masks=torch.randint(0, 2, (2, 128, 128), generator=generator),
        unlabelled=torch.randn(2, 3, 128, 128, generator=generator),
    )
    for _ in range(2):  # the first has no vectors of other classes to be told from
        found = accumulate_gradients(method, batch, LATE, "fp32")
        method.after_step(LATE)
    assert found["contrast"] > 0
    assert found["consistency"] > 0
    assert all(p.grad is not None for p in method.net.parameters())
