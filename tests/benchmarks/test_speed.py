"""The speed benchmarks compare what computes the same, and write what the docs are made from."""

import json

import numpy as np
import pytest

from benchmarks import __main__ as speed
from benchmarks import contest, costs, epoch, step
from benchmarks.plain.predict import predict_plain
from benchmarks.plain.registry import PLAIN_METHODS
from benchmarks.prediction import foreground, make_run
from crosslevel.data.synthetic import write_synthetic
from crosslevel.inference.predict import predict
from crosslevel.types import Batch
from support.fake_device import DEVICE, other_device


def in_float64(batch):
    return Batch(batch.images.double(), batch.masks, batch.unlabelled.double())


@pytest.mark.parametrize("name", step.SETTINGS)
def test_step__ours_and_plain_have_the_same_losses_and_gradients(name):
    method, progress = step.SETTINGS[name]
    size = step.quick_size(method)
    ours = step.OurStep(method, progress, size=size, num_images=2)
    plain = step.PlainStep(method, progress, size=size, num_images=2)
    for contender, module in ((ours, ours.optimisation.method), (plain, plain.method)):
        contender.batch = in_float64(contender.batch)
        module.double()
    found = ours.check()
    assert all(value > 0 for value in found.values())
    contest.expect_agreement(found, plain.check(), 1e-5)
    ours.optimisation.method.after_step(ours.clock)
    plain.method.after_step()
    assert queue_of(plain.method) == pytest.approx(queue_of(ours.optimisation.method))


@pytest.mark.parametrize("name", PLAIN_METHODS)
def test_plain_step__computes_where_its_images_are(name, monkeypatch):
    plain = step.PlainStep(name, 0.5, size=step.quick_size(name), num_images=2)
    with other_device(monkeypatch):
        plain.method.to(DEVICE)
        batch = plain.batch.to(DEVICE)
        losses = plain.method.losses(batch.images, batch.masks, batch.unlabelled, 0.5)
        plain.method.after_step()
        assert all(loss.device == DEVICE for loss in losses.values())


def queue_of(module):
    state = module.state_dict()
    return {name[-7:]: float(state[name].abs().sum()) for name in state if "queue." in name}


@pytest.mark.parametrize(
    ("build", "name"), [(costs.MethodStep, "bcp"), (costs.TaskStep, "moco")], ids=["method", "task"]
)
def test_costs__are_of_a_step_in_which_something_is_learned(build, name):
    contender = build(name, 48)
    losses = [contender.run() for _ in range(2)][-1]  # a queue has something in it
    assert len(losses) >= 1
    assert all(value > 0 for value in losses.values())


@pytest.mark.parametrize("trains", [False, True])
def test_epoch__ours_and_plain_see_the_same_images(tmp_path, trains, monkeypatch):
    monkeypatch.setenv("CROSSLEVEL_CACHE", str(tmp_path / "cache"))
    data = write_synthetic(tmp_path / "data", 20, size=48)
    ours = epoch.OurEpoch(data, tmp_path / "cache", 48, trains=trains)
    plain = epoch.PlainEpoch(data, tmp_path / "cache", 48, trains=trains)
    contest.expect_agreement(ours.check(), plain.check())
    assert ours.data.steps_per_epoch == len(list(plain.batches()))
    first = next(plain.batches())
    assert first.images.shape == ours.data.batch(0).images.shape
    assert len(first.unlabelled) == (0 if trains else 4)


def test_predict_plain__writes_the_same_masks(tmp_path):
    images = write_synthetic(tmp_path / "data", 3, size=80, masks=0) / "images"
    run = make_run(tmp_path / "run", 64)
    predict(run, images, tmp_path / "ours")
    predict_plain(run, images, tmp_path / "plain")
    names = [sorted(p.name for p in (tmp_path / n).glob("*.png")) for n in ("ours", "plain")]
    assert names[0] == names[1]
    assert foreground(tmp_path / "ours") == pytest.approx(foreground(tmp_path / "plain"), rel=1e-3)


def test_main__writes_every_field(tmp_path, capsys):
    out = tmp_path / "speed.json"
    assert speed.main(["--quick", "--only", "step-supervised", "--out", str(out)]) == 0
    content = json.loads(out.read_text())
    needed = {"commit", "processor", "cpu_capability", "threads", "packages", "command"}
    assert needed <= set(content["machine"])
    assert [row["what"] for row in content["rows"]] == [
        "step supervised, 32 px, time",
        "step supervised, 32 px, peak memory",
    ]
    for row in content["rows"]:
        assert row["ratio"] == pytest.approx(row["plain"] / row["ours"])
        assert set(row["samples"]) == {"ours", "plain"}
    assert "| step supervised, 32 px, time" in capsys.readouterr().out


def test_scale__prepares_and_trains_on_every_size(tmp_path):
    out = tmp_path / "scale.json"
    assert speed.main(["--quick", "--only", "scale", "--out", str(out)]) == 0
    rows = json.loads(out.read_text())["rows"]
    assert [row["what"].split(" (")[0] for row in rows] == [
        f"{count} images: {what}"
        for count in (60, 120)
        for what in ("index + check", "cache", "step", "resident")
    ]
    assert all(row["ours"] > 0 for row in rows)


def test_main__fails_if_the_plain_one_computes_something_else(tmp_path, capsys, monkeypatch):
    def refuse(effort):
        contest.expect_agreement({"loss": 1.0}, {"loss": 1.01})

    monkeypatch.setitem(speed.MEASUREMENTS, "epoch", refuse)
    assert speed.main(["--only", "epoch", "--out", str(tmp_path / "x.json")]) == 1
    assert "epoch: loss is 1 here and 1.01 in the plain one" in capsys.readouterr().err
    assert not (tmp_path / "x.json").exists()


def test_main__an_unknown_name_is_wrong_usage(capsys):
    with pytest.raises(SystemExit) as caught:
        speed.main(["--only", "nothing"])
    assert caught.value.code == 2
    assert "no measurement 'nothing': choose from step-clcc-stage-1" in capsys.readouterr().err


def test_expect_agreement__a_missing_number_is_a_difference():
    with pytest.raises(contest.Disagreement, match="contrast is 1 here and nan"):
        contest.expect_agreement({"contrast": 1.0}, {"supervised": np.pi})
