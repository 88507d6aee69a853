import numpy as np
import pytest
import torch

from crosslevel.methods.base import Clock
from crosslevel.methods.build import build_method
from crosslevel.training.step import parameter_groups
from support.doubles import dice_ce, double_batch, double_method, probabilities, ramp, together
from support.tiny import tiny_config


def verdicts(method, logits, images):
    """Probability that the critic takes each prediction for one of an image with a mask."""
    p = torch.from_numpy(probabilities(logits))
    z = method.critic.eval()(p, images).detach().numpy()
    return 1 / (1 + np.exp(z[:, 0] - z[:, 1]))


@pytest.mark.parametrize("classes", [{}, {"polyp": 1, "tool": 2}])
def test_losses__are_those_of_the_paper(classes):
    method, batch = double_method("dan", classes, weight=0.5), double_batch()
    method.critic.dropout.p = 0.0
    losses = method.training_step(batch, Clock(6, 10))
    labelled, unlabelled = together(method.net, batch.images, batch.unlabelled)
    real = verdicts(method, labelled, batch.images)
    fake = verdicts(method, unlabelled, batch.unlabelled)
    adversarial = -np.log(fake).mean()
    critic = -np.concatenate([np.log(real), np.log(1 - fake)]).mean()
    assert losses["supervised"].item() == pytest.approx(dice_ce(labelled, batch.masks), rel=1e-9)
    assert losses["adversarial"].item() == pytest.approx(0.5 * ramp(0.6) * adversarial, rel=1e-9)
    assert losses["critic"].item() == pytest.approx(critic, rel=1e-9)


def test_gradients__each_loss_teaches_one_of_the_two():
    method, batch = double_method("dan"), double_batch()
    for name, taught in (("adversarial", method.net), ("critic", method.critic)):
        method.zero_grad()
        method.training_step(batch, Clock(6, 10))[name].backward()
        with_gradient = {p for p in method.parameters() if p.grad is not None and p.grad.any()}
        assert with_gradient == set(taught.parameters())


def test_critic__has_a_learning_rate_of_its_own():
    method = build_method(tiny_config("dan", args={"critic_rate": 0.25}))
    segmenter, critic = parameter_groups(method, 1.0)
    assert (segmenter["rate"], critic["rate"]) == (1.0, 0.25)
    assert set(segmenter["params"]) == set(method.net.parameters())
    assert set(critic["params"]) == set(method.parameters()) - set(method.net.parameters())


def test_size__must_leave_the_critic_pixels():
    with pytest.raises(ValueError, match="at least 16 px; found 8"):
        build_method(tiny_config("dan", size=8))
