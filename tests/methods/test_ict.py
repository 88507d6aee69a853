import pytest
import torch

from crosslevel.methods import ict
from crosslevel.methods.base import Clock
from support.doubles import double_batch, double_method, probabilities, ramp, together


def test_loss__is_that_of_the_paper(monkeypatch):
    """Image by image: the student on a mix, against the same mix of what the teacher says."""
    shares = [0.1, 0.7, 0.4]
    tensor = torch.tensor(shares, dtype=torch.float64).view(3, 1, 1, 1)
    monkeypatch.setattr(ict, "draw_shares", lambda images, alpha: tensor)
    method, batch = double_method("ict", weight=0.5), double_batch()
    losses = method.training_step(batch, Clock(6, 10))
    u = batch.unlabelled
    mixed = torch.stack([(1 - s) * u[i] + s * u[(i + 1) % 3] for i, s in enumerate(shares)])
    _, student = together(method.net, batch.images, mixed)
    p, q = probabilities(student), probabilities(method.teacher(u))
    assert abs(p - q).mean() > 0.05, "the two have opinions of their own"
    squares = [(p[i] - ((1 - s) * q[i] + s * q[(i + 1) % 3])) ** 2 for i, s in enumerate(shares)]
    expected = 0.5 * ramp(0.6) * sum(x.mean() for x in squares) / 3
    assert losses["consistency"].item() == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("alpha", [0.2, 1.0, 4.0])
def test_shares__have_mean_and_variance_of_their_distribution(alpha):
    torch.manual_seed(0)
    shares = ict.draw_shares(torch.zeros(20_000, 3, 1, 1), alpha)
    assert shares.shape == (20_000, 1, 1, 1)
    assert shares.mean().item() == pytest.approx(0.5, abs=0.01)
    assert shares.var().item() == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.03)
