import numpy as np
import pytest
import torch

from crosslevel.methods import r_drop
from crosslevel.methods.base import Clock
from support.doubles import dice_ce, double_batch, double_method, probabilities, ramp


def running(method):
    return {k: v.clone() for k, v in method.net.state_dict().items() if "running" in k}


def decode(method, features, factor):
    return method.net.h(method.net.f.decode([factor * level for level in features]))


def test_losses__are_those_of_the_paper(monkeypatch):
    """What is dropped is known here: the first pass halves all features, the second keeps them."""
    method, batch = double_method("r_drop", weight=2.0), double_batch()
    factors = iter([0.5, 0.5, 1.0, 1.0])  # two levels a pass
    monkeypatch.setattr(r_drop, "dropout2d", lambda x, share: x * next(factors))
    losses = method.training_step(batch, Clock(6, 10))
    features = method.net.f.encode(torch.cat([batch.images, batch.unlabelled]))
    first, second = (decode(method, features, factor) for factor in (0.5, 1.0))
    supervised = [dice_ce(logits[:2], batch.masks) for logits in (first, second)]
    p, q = (probabilities(logits[2:]) for logits in (first, second))
    kl = [(a * np.log(a / b)).sum(axis=1).mean() for a, b in ((p, q), (q, p))]
    assert losses["supervised"].item() == pytest.approx(np.mean(supervised), rel=1e-9)
    expected = 2.0 * ramp(0.6) * sum(kl) / 2
    assert losses["agreement"].item() == pytest.approx(expected, rel=1e-9)


def test_running_statistics__are_those_of_one_pass(monkeypatch):
    monkeypatch.setattr(r_drop, "dropout2d", lambda x, share: x)
    method, plain = (double_method("r_drop") for _ in range(2))
    batch = double_batch()
    method.training_step(batch, Clock(6, 10))
    plain.net(torch.cat([batch.images, batch.unlabelled]))
    for name, value in running(method).items():
        torch.testing.assert_close(value, running(plain)[name])


def test_passes__drop_different_channels():
    method, batch = double_method("r_drop", dropout=0.5), double_batch()
    assert method.training_step(batch, Clock(6, 10))["agreement"] > 0.01
    method = double_method("r_drop", dropout=0.0)
    assert method.training_step(batch, Clock(6, 10))["agreement"].item() == 0
