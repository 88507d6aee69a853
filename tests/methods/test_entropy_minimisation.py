import numpy as np
import pytest

from crosslevel.methods.base import Clock
from support.doubles import dice_ce, double_batch, double_method, probabilities, ramp, together


@pytest.mark.parametrize("classes", [{}, {"polyp": 1, "tool": 2}])
def test_losses__are_those_of_the_paper(classes):
    method, batch = double_method("entropy_minimisation", classes, weight=0.5), double_batch()
    losses = method.training_step(batch, Clock(6, 10))
    labelled, unlabelled = together(method.net, batch.images, batch.unlabelled)
    p = probabilities(unlabelled)
    entropies = -(p * np.log(p)).sum(axis=1) / np.log(p.shape[1])
    assert losses["supervised"].item() == pytest.approx(dice_ce(labelled, batch.masks), rel=1e-9)
    assert losses["entropy"].item() == pytest.approx(0.5 * ramp(0.6) * entropies.mean(), rel=1e-9)
