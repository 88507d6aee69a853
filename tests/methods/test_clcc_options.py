"""CLCC's options beyond the paper: each has an effect, or is refused; a resumed run is the same."""

import copy
import dataclasses

import pytest
import torch

from crosslevel.config.model import ModelConfig
from crosslevel.errors import DataError, InputError
from crosslevel.losses import cross_level_consistency_loss, cross_level_contrastive_loss
from crosslevel.methods.base import Clock
from crosslevel.methods.build import build_method
from crosslevel.methods.clcc import CLCC
from crosslevel.methods.parts.average import MovingAverage
from crosslevel.tiles import from_tiles, to_tiles
from crosslevel.training.train import train
from support.equal_runs import assert_equal_runs, stop_at
from support.tiny import tiny_batch, tiny_config

BOTH = [{"epochs": 1, "alpha": 0.5, "beta": 2.0}]
CONTRAST = [{"epochs": 1, "alpha": 0.5, "beta": 0.0}]
CONSISTENCY = [{"epochs": 1, "alpha": 0.0, "beta": 2.0}]
NOTHING = [{"epochs": 1, "alpha": 0.0, "beta": 0.0}]
CLOCK = Clock(0, 30)

OPTIONS = {
    "view": ("colour", "blur", "noise", "all"),
    "tile_flips": (True,),
    "context": (8,),
    "detail": (2,),
    "projection_end": ("relu",),
    "depth": (1,),
    "anchor": ("tile",),
    "negative_images": ("batch",),
    "same_class": ("left_out", "weighed"),
    "anchors": ("balanced", "lesion"),
    "queue": (16,),
    "positives": ("mixed",),
    "vectors": ("teacher",),
    "confidence": ("weighed",),
    "further_tiles": ([1], [4, 1]),
    "target": ("teacher",),
}
"""Every option that the paper does not have, with every value it can have but the default."""
CASES = [(name, value) for name, values in OPTIONS.items() for value in values]
NEEDED = {"vectors": {"anchor": "tile"}}


def clcc(stages=BOTH, **args):
    args = {"tiles": 2, "stages": stages, **args}
    method = build_method(tiny_config("clcc", args=args)).train()
    assert isinstance(method, CLCC)
    if method.teacher is not None:  # at a step later than the first it is not the student
        for p in method.teacher.parameters():
            p.data.mul_(0.9)
    return method


def losses(method, steps=1):
    """Of the last of some steps on the same images, without moving the student."""
    for _ in range(steps):
        torch.manual_seed(0)
        found = method.training_step(tiny_batch(), CLOCK)
        method.contrast.after_step()
    return {name: loss.item() for name, loss in found.items()}


@pytest.mark.parametrize(("name", "value"), CASES)
def test_options__each_changes_a_loss(name, value):
    needed = NEEDED.get(name, {})
    with_it, without = clcc(**needed, **{name: value}), clcc(**needed)
    assert losses(with_it, steps=2) != losses(without, steps=2)


@pytest.mark.parametrize(("name", "value"), CASES)
def test_options__each_lets_the_loss_be_learned_from(name, value):
    method = clcc(**NEEDED.get(name, {}), **{name: value})
    sum(method.training_step(tiny_batch(), CLOCK).values()).backward()
    moved = [p for p in method.parameters() if p.requires_grad]
    assert all(p.grad is not None and p.grad.isfinite().all() for p in moved)
    assert all(p.grad is None for p in method.parameters() if not p.requires_grad)


OF_TILES = {"view", "tile_flips", "context", "detail"}
OF_CONTRAST = {
    "depth", "anchor", "negative_images", "same_class", "anchors", "queue", "vectors", "positives",
}  # fmt: skip
OF_CONSISTENCY = {"confidence", "further_tiles", "target"}
REFUSED_ALONE = OF_TILES | OF_CONTRAST | OF_CONSISTENCY
"""But not options of the paper and its authors' code, whose ablations set weights to 0."""


@pytest.mark.parametrize(("name", "value"), [case for case in CASES if case[0] in REFUSED_ALONE])
def test_options__without_effect_are_refused(name, value):
    stages = {
        **dict.fromkeys(OF_TILES, NOTHING),
        **dict.fromkeys(OF_CONTRAST, CONSISTENCY),
        **dict.fromkeys(OF_CONSISTENCY, CONTRAST),
    }
    with pytest.raises(InputError, match=rf"args.{name} is .* has no effect: no stage has"):
        clcc(stages[name], **{name: value})


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ({"decay": 0.5}, "args.decay is 0.5, which has no effect: vectors, target and evaluated"),
        ({"buffers": "average"}, "args.buffers is 'average', which has no effect: vectors, target"),
        ({"target": "teacher", "detach_global": False}, "args.detach_global is False"),
        ({"vectors": "teacher"}, "Only the positive pair"),
        ({"vectors": "teacher", "anchor": "tile", "detach_local": True}, "Only the positive pair"),
        ({"anchor": "tile", "negatives": "local", "detach_local": True}, "Only the positive pair"),
        ({"positives": "mixed", "same_class": "left_out"}, "Choose same_class 'negative'"),
        ({"depth": 2}, r"args.depth is 2; .* levels 0 to 1"),
        ({"queue": -1}, "args.queue is -1; it must be at least 0"),
        ({"further_tiles": [0]}, r"args.further_tiles\[0\] is 0; it must be at least 1"),
        ({"further_tiles": [3]}, "size of 32 px cannot be used"),
    ],
)  # fmt: skip
def test_options__that_cannot_work_are_refused(args, message):
    with pytest.raises(InputError, match=message):
        build_method(tiny_config("clcc", args={"tiles": 2, "stages": BOTH, **args}))


def test_options__of_the_model_are_checked_where_they_are_used_only():
    """The combinations a table needs: contrast alone with a teacher, and both."""
    clcc(CONTRAST, vectors="teacher", anchor="tile")
    clcc(CONSISTENCY, target="teacher", evaluated="teacher", decay=0.9)
    clcc(BOTH, vectors="teacher", negatives="local")


def test_teacher__gives_vectors_and_target_with_running_statistics():
    method, batch = clcc(vectors="teacher", anchor="tile", target="teacher"), tiny_batch()
    images = torch.cat([batch.images, batch.unlabelled])
    taught = copy.deepcopy(method.teacher.module).eval()
    features = taught.net.f(images)
    tiles = method.net.f(to_tiles(images, 2))
    contrast = cross_level_contrastive_loss(
        from_tiles(method.p(tiles), 2),
        taught.p(features),
        temperature=method.args.temperature,
        negatives="local",
    )
    consistency = cross_level_consistency_loss(
        taught.net.h(features), method.net.h(tiles), 2, reduction="mean"
    )
    found = method.training_step(batch, CLOCK)
    torch.testing.assert_close(found["contrast"], 0.5 * contrast)
    torch.testing.assert_close(found["consistency"], 2 * consistency)


def test_teacher__spares_the_student_the_unlabelled_images_in_full():
    method, seen = clcc(CONSISTENCY, target="teacher"), []
    method.net.f.register_forward_hook(lambda m, inputs, output: seen.append(len(inputs[0])))
    method.training_step(tiny_batch(), CLOCK)
    assert seen == [2, 20], "the labelled images and the tiles"


def test_teacher__follows_after_the_step_and_can_be_evaluated():
    method = clcc(target="teacher", evaluated="teacher")
    assert method.inference_model is method.teacher.module.net
    for p in [*method.net.parameters(), *method.p.parameters()]:
        p.data.fill_(0.5)
    method.after_step(Clock(0, 10))
    assert all((p == 0.5).all() for p in method.teacher.module.parameters())
    assert clcc().teacher is None


def test_buffers__of_the_teacher_and_its_p_can_be_averages():
    """After two steps, with a decay of ½ then: the mean of the student's two values."""
    method, seen = clcc(target="teacher", buffers="average", decay=0.5), []
    assert isinstance(method.teacher, MovingAverage)
    student = torch.nn.ModuleDict({"net": method.net, "p": method.p})
    for step in range(2):
        losses(method)
        method.after_step(Clock(step, 30))
        seen.append({k: v.clone() for k, v in student.state_dict().items() if "running" in k})
    taught = method.teacher.module.state_dict()
    assert seen[0].keys() == {name for name in taught if "running" in name}
    for name, value in seen[0].items():
        torch.testing.assert_close(taught[name], (value + seen[1][name]) / 2)
        if name.startswith("p.") or "encoder.0.1" in name:
            assert not torch.equal(taught[name], seen[1][name])


def test_further_tiles__are_a_mean_over_all_n():
    method, batch = clcc(CONSISTENCY, further_tiles=[4, 1]), tiny_batch()
    images = torch.cat([batch.images, batch.unlabelled])
    whole = method.net(images)
    of_n = [
        cross_level_consistency_loss(
            whole, method.net(to_tiles(images, n)), n, reduction="mean"
        ).item()
        for n in (2, 4, 1)
    ]
    assert losses(method)["consistency"] == pytest.approx(2 * sum(of_n) / 3)


def test_depth__projects_the_deeper_map_of_both_levels():
    args = {"tiles": 2, "stages": CONTRAST, "depth": 2}
    config = tiny_config("clcc", model=ModelConfig(widths=(4, 6, 8)), args=args)
    method, batch = build_method(config).train(), tiny_batch()
    assert isinstance(method, CLCC)
    images, f = torch.cat([batch.images, batch.unlabelled]), method.net.f
    whole, tiles = (f.decode_pyramid(f.encode(x))[2] for x in (images, to_tiles(images, 2)))
    assert whole.shape[1:] == (8, 8, 8)
    expected = cross_level_contrastive_loss(
        method.p(whole), from_tiles(method.p(tiles), 2), temperature=method.args.temperature
    )
    assert losses(method)["contrast"] == pytest.approx(0.5 * expected.item(), rel=1e-4)


def test_classes__of_labelled_places_are_those_of_the_masks():
    """With every mask a lesion and no unlabelled image, no negative is left: the loss is 0."""
    method, batch = clcc(CONTRAST, same_class="left_out"), tiny_batch()
    batch = type(batch)(batch.images, torch.ones_like(batch.masks), batch.unlabelled[:0])
    assert method.training_step(batch, CLOCK)["contrast"].item() == pytest.approx(0, abs=1e-6)


def test_detail__compares_finer_tiles_with_what_the_full_image_says_there():
    """A place of the full map and the k×k cells of the finer tile that show it, one by one."""
    method, batch = clcc(detail=2, confidence="weighed"), tiny_batch()
    assert method.detail == 2
    assert batch.finer is not None
    images, p = torch.cat([batch.images, batch.unlabelled]), method.p
    features = method.net.f(images)
    whole = torch.nn.functional.interpolate(method.net.h(features), (64, 64), mode="bilinear")
    tiles = method.net.f(to_tiles(batch.finer, 2))
    cells = [tiles[:, :, r::2, c::2] for r in (0, 1) for c in (0, 1)]
    contrast = cross_level_contrastive_loss(
        p(features), from_tiles(p(sum(cells) / 4), 2), temperature=method.args.temperature
    )
    consistency = cross_level_consistency_loss(
        whole, method.net.h(tiles), 2, reduction="mean", confidence="weighed"
    )
    found = losses(method)
    assert found["contrast"] == pytest.approx(0.5 * contrast.item(), rel=1e-4)
    assert found["consistency"] == pytest.approx(2 * consistency.item(), rel=1e-4)


def test_detail__is_of_a_batch_that_has_it():
    batch = dataclasses.replace(tiny_batch(), finer=None)
    with pytest.raises(InputError, match=r"args.detail is 2, but the batch has no finer images"):
        clcc(detail=2).training_step(batch, CLOCK)


def test_detail__of_images_that_have_none_is_refused(lesions, tmp_path):
    config = tiny_config("clcc", args={"tiles": 2, "detail": 2})
    with pytest.raises(DataError, match=r"32×32 px, no more than the 32 px .*\n.*args.detail"):
        train(lesions, tmp_path / "run", config)


def test_resume__of_a_run_with_queue_teacher_and_views_is_exact(lesions, tmp_path, monkeypatch):
    args = {
        "tiles": 2, "stages": BOTH, "view": "all", "tile_flips": True, "queue": 8,
        "vectors": "teacher", "anchor": "tile", "target": "teacher", "evaluated": "teacher",
        "same_class": "weighed", "anchors": "balanced", "confidence": "weighed", "detail": 2,
    }  # fmt: skip
    config = tiny_config("clcc", args=args, size=16)
    whole = train(lesions, tmp_path / "whole", config)
    with monkeypatch.context() as patch:
        stop_at(patch, step=3)
        with pytest.raises(KeyboardInterrupt):
            train(lesions, tmp_path / "again", config)
    assert_equal_runs(whole, train(lesions, tmp_path / "again", config))
