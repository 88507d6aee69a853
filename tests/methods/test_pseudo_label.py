import numpy as np
import pytest

from crosslevel.methods.base import Clock
from support.doubles import dice_ce, double_batch, double_method, probabilities, together


@pytest.mark.parametrize(("step", "share"), [(0, 0), (3, 0.5), (6, 1), (9, 1)])
@pytest.mark.parametrize("classes", [{}, {"polyp": 1, "tool": 2}])
def test_losses__are_those_of_the_paper(classes, step, share):
    method, batch = double_method("pseudo_label", classes, weight=3.0), double_batch()
    losses = method.training_step(batch, Clock(step, 10))
    labelled, unlabelled = together(method.net, batch.images, batch.unlabelled)
    expected = 3 * share * -np.log(probabilities(unlabelled).max(axis=1)).mean()
    assert losses["supervised"].item() == pytest.approx(dice_ce(labelled, batch.masks), rel=1e-9)
    assert losses["pseudo"].item() == pytest.approx(expected, rel=1e-9)
