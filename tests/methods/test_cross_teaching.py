import pytest
import torch

from crosslevel.methods.base import Clock
from crosslevel.methods.build import build_method
from crosslevel.models.segformer import SegFormer
from support.doubles import dice, dice_ce, double_batch, double_method, ramp, together
from support.tiny import tiny_config


def classes_of(logits):
    return (logits[:, 0] > 0).long() if logits.shape[1] == 1 else logits.argmax(dim=1)


@pytest.mark.parametrize("classes", [{}, {"polyp": 1, "tool": 2}])
def test_losses__are_those_of_the_paper(classes):
    method, batch = double_method("cross_teaching", classes, weight=0.5), double_batch()
    losses = method.training_step(batch, Clock(6, 10))
    nets = (method.net, method.transformer)
    both = [together(net, batch.images, batch.unlabelled) for net in nets]
    supervised = sum(dice_ce(labelled, batch.masks) for labelled, _ in both)
    first, second = (unlabelled for _, unlabelled in both)
    cross = dice(first, classes_of(second)) + dice(second, classes_of(first))
    assert losses["supervised"].item() == pytest.approx(supervised, rel=1e-9)
    assert losses["cross"].item() == pytest.approx(0.5 * ramp(0.6) * cross, rel=1e-9)


def test_networks__are_of_two_kinds_and_the_convolutional_one_is_evaluated():
    method = build_method(tiny_config("cross_teaching"))
    assert isinstance(method.transformer, torch.nn.Module)
    assert isinstance(method.transformer.f, SegFormer)
    assert method.inference_model is method.net


def test_size__must_suit_the_transformer_too():
    with pytest.raises(ValueError, match="Choose 32 or 64"):
        build_method(tiny_config("cross_teaching", size=48))
