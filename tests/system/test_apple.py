"""An Apple GPU is used if its results are the CPU's; there is none here, so it is a fake one."""

import pytest
import torch

from crosslevel.errors import InputError
from crosslevel.evaluation import counts
from crosslevel.system import apple, devices
from crosslevel.system.devices import Place, pick_device, widest_float
from crosslevel.system.randomness import preserved_generators, seed_generators
from support.fake_device import DEVICE, other_device

MPS = torch.device("mps")


@pytest.fixture
def on_a_mac(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    monkeypatch.delenv("CROSSLEVEL_DEVICE", raising=False)


def test_difference__of_a_device_that_computes_rightly_is_none(monkeypatch):
    before = torch.get_rng_state()
    with other_device(monkeypatch):
        assert apple.difference_from_cpu(DEVICE) == ""
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("wrong", [lambda x: x * 1.01, lambda x: x * float("nan")])
def test_difference__of_wrong_results_is_named(monkeypatch, wrong):
    trial = apple._trial

    def spoilt(device):
        found = trial(torch.device("cpu"))
        return found | {"sampling": wrong(found["sampling"])} if device == MPS else found

    monkeypatch.setattr(apple, "_trial", spoilt)
    assert apple.difference_from_cpu(MPS).startswith("its sampling differs from the CPU's by ")


def test_difference__of_a_device_without_an_operation_is_its_error():
    assert apple.difference_from_cpu(DEVICE).startswith("it cannot compute a training step (")


@pytest.mark.usefixtures("on_a_mac")
def test_pick_device__takes_an_apple_gpu_that_computes_rightly_alone(monkeypatch, caplog):
    for problem, expected in (("", "mps"), ("its loss differs", "cpu")):
        monkeypatch.setattr(devices, "apple_gpu_problem", lambda problem=problem: problem)
        assert pick_device().type == expected
    assert caplog.messages == [
        "The Apple GPU is not used, since its loss differs: computing on the CPU."
    ]


@pytest.mark.usefixtures("on_a_mac")
def test_pick_device__can_be_told_to_take_the_cpu(monkeypatch):
    monkeypatch.setattr(devices, "apple_gpu_problem", lambda: pytest.fail("nobody asked"))
    monkeypatch.setenv("CROSSLEVEL_DEVICE", "cpu")
    assert pick_device().type == "cpu"
    monkeypatch.setenv("CROSSLEVEL_DEVICE", "gpu")
    with pytest.raises(InputError, match="CROSSLEVEL_DEVICE is 'gpu'; write cpu"):
        pick_device()


def test_precision__of_an_apple_gpu_is_not_measured_on_the_cpu(monkeypatch):
    monkeypatch.setattr(devices, "bf16_speedup", lambda: pytest.fail("that is the CPU's"))
    assert Place(MPS).faster_precision == "fp32"


def test_generators__of_an_apple_gpu_are_seeded_and_given_back(monkeypatch):
    state = [torch.tensor([7])]
    monkeypatch.setattr(torch.mps, "manual_seed", lambda seed: state.append(torch.tensor([seed])))
    monkeypatch.setattr(torch.mps, "get_rng_state", lambda: state[-1])
    monkeypatch.setattr(torch.mps, "set_rng_state", state.append)
    with preserved_generators(MPS):
        seed_generators(3, MPS)
        assert state[-1].item() == 3
    assert state[-1].item() == 7


def test_counts__need_no_float64_there(monkeypatch):
    assert widest_float(MPS) == torch.float32
    assert widest_float(DEVICE) == torch.float64
    generator = torch.Generator().manual_seed(0)
    probabilities = torch.rand(2, 1, 64, 64, generator=generator)
    truths = torch.randint(0, 2, (2, 64, 64), generator=generator)
    expected = counts.Counts()
    expected.update(probabilities, truths)
    monkeypatch.setattr(counts, "widest_float", lambda _: widest_float(MPS))
    with other_device(monkeypatch) as waits:
        found = counts.Counts()
        found.update(probabilities.to(DEVICE), truths.to(DEVICE))
        score = found.mean_score()
    assert not [op for op in waits.operations if torch.float64 in op]
    assert score.mae == pytest.approx(expected.mean_score().mae, rel=1e-6)
    assert score.dice == expected.mean_score().dice
