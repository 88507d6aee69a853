"""Whoever trains in a notebook draws on as if nothing had been trained between."""

import pytest
import torch

from crosslevel import train
from crosslevel.methods.build import build_method
from crosslevel.system.randomness import preserved_generators, seed_generators
from support.tiny import tiny_config


class Generator:
    """One of a GPU, as far as it is asked for its state."""

    def __init__(self):
        self.state = 0

    def manual_seed(self, seed):
        self.state = seed

    def get_state(self):
        return self.state

    def set_state(self, state):
        self.state = state


@pytest.fixture
def gpus(monkeypatch):
    generators = Generator(), Generator()
    monkeypatch.setattr(torch.cuda, "init", lambda: None)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 1)
    monkeypatch.setattr(torch.cuda, "default_generators", generators)
    return generators


def test_preserved_generators__give_back_the_state_after_an_error_too():
    drawn = []

    def draw_then_fail():
        with preserved_generators():
            for seed in (5, 6, 5):
                seed_generators(seed)
                drawn.append(torch.rand(3).tolist())
            raise ZeroDivisionError

    before = torch.get_rng_state()
    with pytest.raises(ZeroDivisionError):
        draw_then_fail()
    assert torch.equal(torch.get_rng_state(), before)
    assert drawn[0] == drawn[2] != drawn[1]


def test_preserved_generators__those_of_the_gpu_in_use_and_of_no_other(gpus):
    other, current = gpus
    with preserved_generators(torch.device("cuda")):
        seed_generators(5, torch.device("cuda"))
        assert (other.state, current.state) == (0, 5)
        seed_generators(6, torch.device("cuda:1"))
        assert (other.state, current.state) == (0, 6)
    assert (other.state, current.state) == (0, 0)


def test_train__leaves_the_generators_as_they_were(lesions, tmp_path):
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    train(lesions, tmp_path / "run", tiny_config("fixmatch", epochs=1))
    assert torch.equal(torch.rand(4), expected)


def test_build_method__depends_on_its_seed_alone():
    weights = []
    for state in (1, 2):
        torch.manual_seed(state)
        weights.append(build_method(tiny_config(seed=7)).net.h.weight)
    assert torch.equal(*weights)
