import pytest
import torch

from crosslevel.losses import (
    cross_level_consistency_loss,
    cross_level_contrastive_loss,
    dice_ce_loss,
)
from crosslevel.methods.base import Clock
from crosslevel.methods.build import build_method
from crosslevel.methods.parts.stages import Stage
from crosslevel.tiles import from_tiles, to_tiles
from crosslevel.types import Batch
from support.tiny import tiny_batch, tiny_config

STAGES = [{"epochs": 1, "alpha": 0.5, "beta": 0.0}, {"epochs": 2, "alpha": 0.0, "beta": 2.0}]
FIRST, SECOND = Clock(0, 30), Clock(10, 30)


def clcc(batchnorm="joint", **args):
    args = {"tiles": 2, "stages": STAGES, **args}
    return build_method(tiny_config("clcc", batchnorm=batchnorm, args=args)).train()


@pytest.fixture
def batch():
    return tiny_batch()


def running_statistics(method):
    return {k: v.clone() for k, v in method.net.f.state_dict().items() if "running" in k}


def count_calls(module):
    shapes = []
    module.register_forward_hook(lambda m, inputs, output: shapes.append(inputs[0].shape))
    return shapes


def test_first_stage__is_equation_3_with_the_contrast_alone(batch):
    method = clcc()
    images = torch.cat([batch.images, batch.unlabelled])
    features = method.net.f(images)
    vectors = method.p(method.net.f(to_tiles(images, 2)))
    expected = 0.5 * cross_level_contrastive_loss(
        method.p(features), from_tiles(vectors, 2), temperature=method.args.temperature
    )
    losses = method.training_step(batch, FIRST)
    assert set(losses) == {"supervised", "contrast"}
    torch.testing.assert_close(losses["contrast"], expected)
    supervised = dice_ce_loss(method.net.h(features[:2]), batch.masks)
    torch.testing.assert_close(losses["supervised"], supervised)


def test_default_stages__masks_alone_for_a_third_then_both_losses(batch):
    method = build_method(tiny_config("clcc", args={"tiles": 2})).train()
    everything = {"supervised", "contrast", "consistency"}
    names = [set(method.training_step(batch, Clock(step, 30))) for step in (0, 9, 10, 29)]
    assert names == [{"supervised"}, {"supervised"}, everything, everything]
    assert method.args.stages[1] == Stage(epochs=200, alpha=0.1, beta=3.0)


def test_detach_local__alone_sees_tiles_without_a_graph(batch):
    method, has_graph = clcc(detach_local=True), []
    method.net.f.register_forward_hook(lambda m, i, output: has_graph.append(output.requires_grad))
    method.training_step(batch, FIRST)
    assert has_graph == [True, False]


def test_both_losses_at_once__share_one_pass_of_the_tiles(batch):
    method = clcc(stages=[{"epochs": 1, "alpha": 0.5, "beta": 2.0}])
    backbone = count_calls(method.net.f)
    assert set(method.training_step(batch, FIRST)) == {"supervised", "contrast", "consistency"}
    assert [tuple(s) for s in backbone] == [(5, 3, 32, 32), (20, 3, 16, 16)]


def test_batchnorm_apart__unlabelled_images_have_a_graph_only_where_a_loss_needs_it(batch):
    method = clcc(batchnorm="apart")
    has_graph = []
    method.net.f.register_forward_hook(lambda m, i, output: has_graph.append(output.requires_grad))
    for clock in (FIRST, SECOND):
        method.training_step(batch, clock)
    assert has_graph[:3] == [True, True, True], "the contrast learns from all three passes"
    assert has_graph[3:] == [True, False, True], "the consistency from labelled images and tiles"


@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_second_stage__is_equation_3_with_the_consistency_alone(batch, reduction):
    method = clcc(reduction=reduction)
    images = torch.cat([batch.images, batch.unlabelled])
    logits = method.net(images)
    tiles = method.net(to_tiles(images, 2))
    expected = 2.0 * cross_level_consistency_loss(logits, tiles, 2, reduction=reduction)
    losses = method.training_step(batch, SECOND)
    assert set(losses) == {"supervised", "consistency"}
    torch.testing.assert_close(losses["consistency"], expected)


def test_branches__that_the_stage_does_not_use_do_not_run(batch):
    method = clcc()
    projected, backbone = count_calls(method.p), count_calls(method.net.f)
    predicted = count_calls(method.net.h)
    method.training_step(batch, FIRST)
    assert [tuple(s) for s in backbone] == [(5, 3, 32, 32), (20, 3, 16, 16)]
    assert len(projected) == 2
    assert [s[0] for s in predicted] == [2], "h sees labelled images only"
    projected.clear()
    method.training_step(batch, SECOND)
    assert projected == []


def test_ablation__without_weights_no_tile_is_seen(batch):
    method = clcc(stages=[{"epochs": 1, "alpha": 0.0, "beta": 0.0}])
    backbone = count_calls(method.net.f)
    assert set(method.training_step(batch, FIRST)) == {"supervised"}
    assert len(backbone) == 1


@pytest.mark.parametrize("clock", [FIRST, SECOND])
def test_batchnorm__tiles_leave_running_statistics_alone_by_default(batch, clock):
    method, full_images_only = clcc(), clcc()
    method.training_step(batch, clock)
    full_images_only.net.f(torch.cat([batch.images, batch.unlabelled]))
    expected = running_statistics(full_images_only)
    for name, value in running_statistics(method).items():
        torch.testing.assert_close(value, expected[name])


def test_batchnorm__tiles_move_running_statistics_if_asked_to(batch):
    frozen, updated = clcc(), clcc(tile_batchnorm="update")
    for method in (frozen, updated):
        method.training_step(batch, FIRST)
    changed = [
        not torch.equal(a, b)
        for a, b in zip(
            running_statistics(frozen).values(), running_statistics(updated).values(), strict=True
        )
    ]
    assert all(changed)


def test_batchnorm__is_as_before_after_an_error_in_the_tile_pass(batch):
    method = clcc()
    method.net.f.forward = lambda x: 1 / 0
    with pytest.raises(ZeroDivisionError):
        method.see_tiles(method.net.f, batch.images, 2)
    norms = [m for m in method.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert all(norm.track_running_stats for norm in norms)


def test_detach_local__gives_the_same_loss_and_no_gradient_through_tiles(batch):
    graph, detached = clcc(), clcc(detach_local=True)
    losses = [m.training_step(batch, FIRST)["contrast"] for m in (graph, detached)]
    torch.testing.assert_close(losses[0], losses[1])
    for method, loss in zip((graph, detached), losses, strict=True):
        loss.backward()
        method.first = method.net.f.encoder[0][0].weight.grad
    assert not torch.allclose(graph.first, detached.first)


def test_unlabelled_images__reach_the_losses(batch):
    method = clcc()
    other = Batch(batch.images, batch.masks, batch.unlabelled * 0.5)
    for clock, name in ((FIRST, "contrast"), (SECOND, "consistency")):
        a, b = (method.training_step(x, clock)[name].item() for x in (batch, other))
        assert a != b
