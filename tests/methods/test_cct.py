from typing import Any

import numpy as np
import pytest
import torch

from crosslevel.methods import cct
from crosslevel.methods.base import Clock
from crosslevel.methods.build import build_method
from support.doubles import dice_ce, double_batch, double_method, probabilities, ramp
from support.tiny import tiny_batch, tiny_config

FACTORS = (0.5, 1.5, 2.0)


@pytest.mark.parametrize("classes", [{}, {"polyp": 1, "tool": 2}])
def test_losses__are_those_of_the_paper(classes, monkeypatch):
    """Perturbations are known here: each multiplies all features by a factor of its own."""
    scaled = tuple((lambda x, factor=factor: factor * x) for factor in FACTORS)
    monkeypatch.setattr(cct, "PERTURBATIONS", scaled)
    method, batch = double_method("cct", classes, weight=0.5), double_batch()
    losses = method.training_step(batch, Clock(6, 10))
    features = method.net.f.encode(torch.cat([batch.images, batch.unlabelled]))
    logits = method.net.h(method.net.f.decode(features))
    target = probabilities(logits[2:])
    squares = []
    for decoder, factor in zip(method.decoders, FACTORS, strict=True):
        found = decoder.h(decoder.f.decode([factor * level[2:] for level in features]))
        squares.append(((probabilities(found) - target) ** 2).mean())
    expected = 0.5 * ramp(0.6) * np.mean(squares)
    assert losses["supervised"].item() == pytest.approx(dice_ce(logits[:2], batch.masks), rel=1e-9)
    assert losses["consistency"].item() == pytest.approx(expected, rel=1e-9)


def test_consistency__teaches_the_encoder_and_the_further_decoders():
    method = build_method(tiny_config("cct")).train()
    method.training_step(tiny_batch(), Clock(6, 10))["consistency"].backward()
    taught = {n for n, p in method.named_parameters() if p.grad is not None and p.grad.any()}
    parts = {name.split(".")[0] for name in taught}
    assert parts == {"net", "decoders"}
    assert all(name.startswith(("net.f.encoder.", "decoders.")) for name in taught)


def test_further_decoders__start_apart_and_have_no_encoder():
    method: Any = build_method(tiny_config("cct"))
    first, second, third = (decoder.h.weight for decoder in method.decoders)
    assert not torch.equal(first, second)
    assert not torch.equal(second, third)
    names = [name for name, _ in method.decoders.named_parameters()]
    assert not [name for name in names if "encoder" in name]
