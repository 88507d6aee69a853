"""FixMatch, UniMatch, CPS and self-training: who labels, what is learned from, and when."""

from copy import deepcopy
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from crosslevel.config import ModelConfig
from crosslevel.errors import InputError
from crosslevel.losses.pseudo_label import pseudo_label_loss, pseudo_labels
from crosslevel.methods import fixmatch
from crosslevel.methods.base import Clock
from crosslevel.methods.strong_views import BOX_AREA, cut_mix, draw_boxes, strong_view
from crosslevel.training import build_method
from crosslevel.types import Batch
from tiny import tiny_config

NAMES = ["cps", "fixmatch", "self_training", "unimatch"]
LATE = Clock(29, 30)


def batch(size=32, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return Batch(
        images=torch.randn(2, 3, size, size, generator=generator),
        masks=torch.randint(0, 2, (2, size, size), generator=generator),
        unlabelled=torch.randn(2, 3, size, size, generator=generator),
    )


def build(name, **args):
    return build_method(tiny_config(name, args=args)).train()


@pytest.mark.parametrize("name", NAMES)
def test_step__trains_on_a_pretrained_encoder(name):
    model = ModelConfig(name="efficientnet_lite0")
    method = build_method(tiny_config(name, size=64, model=model)).train()
    losses = method.training_step(batch(64), LATE)
    torch.stack(list(losses.values())).sum().backward()
    assert len(losses) > 1
    assert all(loss.isfinite() for loss in losses.values())


@pytest.mark.parametrize("name", NAMES)
def test_unlabelled_loss__gives_no_gradient_to_who_labels(name):
    method = build(name)
    sum(method.training_step(batch(), LATE).values()).backward()
    fixed = [p for p in method.parameters() if not p.requires_grad]
    assert all(p.grad is None for p in fixed)


def test_fixmatch__equals_its_parts_done_one_by_one(monkeypatch):
    method, given_batch = build("fixmatch", threshold=0.6, cutmix=1.0), batch()
    monkeypatch.setattr(fixmatch, "strong_view", lambda images: images * 0.5)
    torch.manual_seed(3)
    losses = method.training_step(given_batch, LATE)
    torch.manual_seed(3)
    boxes = draw_boxes(given_batch.unlabelled, 1.0)
    labels, confidence = pseudo_labels(method.teacher.eval()(given_batch.unlabelled))
    strong = given_batch.unlabelled * 0.5
    mixed = torch.where(boxes[:, None], strong.flip(0), strong)
    labels = torch.where(boxes, labels.flip(0), labels)
    keep = torch.where(boxes, confidence.flip(0), confidence) >= 0.6
    logits = method.net(torch.cat([given_batch.images, mixed]))
    assert losses["pseudo"].item() == pytest.approx(
        pseudo_label_loss(logits[2:], labels, keep).item(), rel=1e-5
    )


@pytest.mark.parametrize(("step", "weight"), [(0, 0.0), (3, 0.5), (6, 1.0), (29, 1.0)])
def test_fixmatch__weight_rises_over_the_first_fifth(step, weight):
    assert build("fixmatch").weight(Clock(step, 30)) == pytest.approx(weight)


def test_fixmatch__an_unreachable_threshold_leaves_the_labelled_images():
    losses = build("fixmatch", threshold=1.1).training_step(batch(), LATE)
    assert losses["pseudo"].item() == 0


def test_fixmatch__labelling_moves_no_buffer_of_the_teacher():
    method = build("fixmatch")
    before = {name: b.clone() for name, b in method.teacher.named_buffers()}
    method.label(batch().unlabelled)
    assert all(torch.equal(before[name], b) for name, b in method.teacher.named_buffers())


def test_fixmatch__decay_0_is_labelled_by_the_student():
    method = build("fixmatch", decay=0.0)
    optimizer = torch.optim.AdamW(method.net.parameters(), lr=1e-2)
    sum(method.training_step(batch(), LATE).values()).backward()
    optimizer.step()
    method.after_step(LATE)
    student, teacher = method.net.state_dict(), method.teacher.module.state_dict()
    assert all(torch.equal(student[name], teacher[name]) for name in student)


def test_unimatch__without_perturbation_the_feature_loss_is_that_of_the_weak_view():
    method, given_batch = build("unimatch", dropout=0.0, threshold=0.0), batch()
    labels, _ = method.label(given_batch.unlabelled)
    torch.manual_seed(0)
    losses = method.training_step(given_batch, LATE)
    torch.manual_seed(0)
    views = [method.strong_targets(given_batch.unlabelled, labels, labels)[0] for _ in range(2)]
    logits = method.net(torch.cat([given_batch.images, *views, given_batch.unlabelled]))
    everywhere = torch.ones_like(labels, dtype=torch.bool)
    expected = 0.5 * pseudo_label_loss(logits[-2:], labels, everywhere)
    assert losses["feature"].item() == pytest.approx(expected.item(), rel=1e-4)


def test_cps__the_networks_start_apart_also_with_one_pretrained_encoder():
    method = build_method(tiny_config("cps", model=ModelConfig(name="efficientnet_lite0")))
    ours = dict(method.net.named_parameters())
    others = dict(method.get_submodule("other").named_parameters())
    assert torch.equal(ours["f.stem.0.weight"], others["f.stem.0.weight"])
    for name in ("f.decoder.0.0.weight", "h.weight"):
        assert not torch.equal(ours[name], others[name])


def test_cps__each_learns_from_the_other():
    method, given_batch = build("cps", cutmix=0.0), batch()
    state = deepcopy(method.state_dict())
    nets = [method.net, method.get_submodule("other")]
    method.eval()
    labels = [pseudo_labels(net(given_batch.unlabelled))[0] for net in reversed(nets)]
    method.train()
    images = torch.cat([given_batch.images, given_batch.unlabelled])
    everywhere = torch.ones_like(labels[0], dtype=torch.bool)
    expected = [
        pseudo_label_loss(net(images)[2:], label, everywhere).item()
        for net, label in zip(nets, labels, strict=True)
    ]
    method.load_state_dict(state)
    losses = method.training_step(given_batch, Clock(10**6 - 1, 10**6))
    assert losses["cross"].item() == pytest.approx(sum(expected), rel=1e-4)


def test_self_training__the_first_round_has_no_teacher():
    method = build("self_training", rounds=3)
    assert set(method.training_step(batch(), Clock(9, 30))) == {"supervised"}
    assert set(method.training_step(batch(), Clock(10, 30))) == {"supervised", "pseudo"}


def test_self_training__the_teacher_changes_only_between_rounds():
    method = build("self_training", rounds=3)
    changed = []
    for step in range(30):
        with torch.no_grad():
            method.net.h.bias.add_(1.0)
        before = method.teacher.h.bias.clone()
        method.after_step(Clock(step, 30))
        if not torch.equal(before, method.teacher.h.bias):
            assert torch.equal(method.teacher.h.bias, method.net.h.bias)
            changed.append(step)
    assert changed == [9, 19, 29]


def test_self_training__one_round_is_refused():
    with pytest.raises(InputError, match="2 or more"):
        build("self_training", rounds=1)


def test_strong_view__changes_colours_reproducibly_and_keeps_the_shape():
    images = torch.randn(4, 3, 32, 32).clamp(-1, 1)
    views = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        views.append(strong_view(images))
    assert views[0].shape == images.shape
    assert torch.equal(views[0], views[1])
    assert not torch.equal(views[0], views[2])


def test_strong_view__moves_no_pixel():
    images = torch.full((16, 3, 32, 32), -1.5)
    images[:, :, 8:24, 12:20] = 1.5
    for view in strong_view(images):
        inside, outside = view[:, 10:22, 14:18].mean(), view[:, :4].mean()
        assert inside > outside


@given(st.integers(0, 10**6), st.integers(8, 64), st.integers(8, 64))
def test_boxes__are_one_rectangle_within_the_stated_area(seed, height, width):
    torch.manual_seed(seed)
    box = draw_boxes(torch.zeros(1, 1, height, width), 1.0)[0]
    rows, columns = box.any(1).nonzero().flatten(), box.any(0).nonzero().flatten()
    assert box[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()
    assert int(box.sum()) == len(rows) * len(columns)
    slack = height + width  # rounding to whole pixels
    assert int(box.sum()) <= BOX_AREA[1] * height * width + slack


def test_boxes__with_probability_0_are_empty():
    assert not draw_boxes(torch.zeros(8, 3, 16, 16), 0.0).any()


@given(st.integers(0, 10**6))
def test_cut_mix__takes_every_pixel_from_one_of_two_images_with_its_label(seed):
    torch.manual_seed(seed)
    labels = torch.arange(3).view(3, 1, 1).expand(3, 8, 8)
    images = labels.unsqueeze(1).expand(3, 2, 8, 8).float()
    mixed, mixed_labels = cut_mix(draw_boxes(images, 0.7), images, labels)
    assert torch.equal(mixed[:, 0].long(), mixed_labels)
    own, following = labels, (labels + 1) % 3
    assert bool(((mixed_labels == own) | (mixed_labels == following)).all())


def test_recipe_methods__are_configured_by_name():
    config = replace(tiny_config("fixmatch"), args={"evaluated": "student"})
    method = build_method(config)
    assert method.inference_model is method.net
