from typing import Any

import numpy as np
import pytest
import torch

from crosslevel.config.model import ModelConfig
from crosslevel.methods.base import Clock
from crosslevel.methods.build import build_method
from support.doubles import dice_ce, double_batch, double_method, probabilities, ramp
from support.tiny import tiny_config


@pytest.mark.parametrize("classes", [{}, {"polyp": 1, "tool": 2}])
def test_losses__are_those_of_the_paper(classes):
    method = double_method("mc_net", classes, weight=0.5, temperature=0.5)
    batch = double_batch()
    losses = method.training_step(batch, Clock(6, 10))
    features = method.net.f.encode(torch.cat([batch.images, batch.unlabelled]))
    decoders = (method.net, method.second)
    logits = [decoder.h(decoder.f.decode(features)) for decoder in decoders]
    supervised = np.mean([dice_ce(x[:2], batch.masks) for x in logits])
    p, q = map(probabilities, logits)
    sharp_p, sharp_q = (x**2 / (x**2 + (1 - x) ** 2) for x in (p, q))
    consistency = ((p - sharp_q) ** 2).mean() + ((q - sharp_p) ** 2).mean()
    assert losses["supervised"].item() == pytest.approx(supervised, rel=1e-9)
    assert losses["consistency"].item() == pytest.approx(0.5 * ramp(0.6) * consistency, rel=1e-9)


def test_decoders__enlarge_in_two_ways_on_a_unet():
    method: Any = build_method(tiny_config("mc_net"))
    assert isinstance(method.net.f.upsample[0], torch.nn.ConvTranspose2d)
    convolution, enlarge = method.second.f.upsample[0]
    assert convolution.kernel_size == (1, 1)
    corners = enlarge(torch.tensor([[[[0.0, 3.0]]]]))
    assert corners.tolist() == [[[[0.0, 1.0, 2.0, 3.0]] * 2]]


def test_decoders__on_another_network_differ_in_their_start():
    config = tiny_config("mc_net", model=ModelConfig(name="segformer"))
    method: Any = build_method(config)
    assert not torch.equal(method.net.f.decoder[0].weight, method.second.f.decoder[0].weight)
