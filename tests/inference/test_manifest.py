"""A prediction that is repeated goes on; processes share images; a person's masks are kept."""

import csv
import os
import re
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from crosslevel.cli import main
from crosslevel.errors import InputError
from crosslevel.inference.manifest import Shard, fingerprint
from crosslevel.inference.options import Outputs
from crosslevel.inference.predict import predict
from crosslevel.inference.segmenter import Segmenter
from crosslevel.system.console import Reporter
from crosslevel.training.train import train
from support.tiny import tiny_config

RESUME = Outputs(resume=True)


@pytest.fixture(scope="module")
def run(lesions, tmp_path_factory):
    config = tiny_config("supervised", epochs=1)
    return train(lesions, tmp_path_factory.mktemp("runs") / "run", config)


@pytest.fixture
def images(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    for index in range(10):
        pixels = np.random.default_rng(index).integers(0, 256, (32, 32, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{index}.png")
    return folder


def computed(monkeypatch):
    """Count the images that a network sees."""
    seen: list[int] = []
    original = Segmenter.forward

    def forward(self, batch):
        seen.append(len(batch))
        return original(self, batch)

    monkeypatch.setattr(Segmenter, "forward", forward)
    return seen


def test_resume__computes_what_is_missing_or_changed_alone(run, images, tmp_path, monkeypatch):
    out = tmp_path / "out"
    whole = predict(run.path, [images], out, outputs=RESUME)
    table = (out / "confidence.csv").read_bytes()
    (out / "3.png").unlink()
    os.utime(images / "4.png", ns=(1, 1))
    lines = (out / "manifest.csv").read_text().splitlines(keepends=True)
    (out / "manifest.csv").write_text("".join(lines)[:-9])  # killed while it wrote the last
    seen = computed(monkeypatch)
    again = predict(run.path, [images], out, outputs=RESUME)
    assert sum(seen) == 3
    assert again.confidence == pytest.approx(whole.confidence, abs=1e-6)
    assert (out / "confidence.csv").read_bytes() == table
    seen.clear()
    predict(run.path, [images], out, outputs=RESUME)
    assert seen == []


def test_resume__keeps_a_mask_that_a_person_changed(run, images, tmp_path):
    out = tmp_path / "out"
    predict(run.path, [images], out, outputs=RESUME)
    (out / "5.png").write_bytes(b"corrected")
    predict(run.path, [images], out, outputs=RESUME)
    assert (out / "5.png").read_bytes() == b"corrected"


def test_resume__of_other_options_is_computed_anew(run, images, tmp_path, monkeypatch):
    out = tmp_path / "out"
    predict(run.path, [images], out, outputs=RESUME)
    seen = computed(monkeypatch)
    predict(run.path, [images], out, outputs=RESUME, flips=True)
    assert sum(seen) == 10


@pytest.mark.parametrize("between", [RESUME, Outputs()])
def test_resume__after_other_options_in_between_is_computed_anew(
    run, images, tmp_path, monkeypatch, between
):
    out = tmp_path / "out"
    for outputs, threshold in ((RESUME, 0.0), (between, 1.0)):
        predict(run.path, [images], out, outputs=outputs, threshold=threshold)
    assert not np.asarray(Image.open(out / "0.png")).any()
    seen = computed(monkeypatch)
    predict(run.path, [images], out, outputs=RESUME, threshold=0.0)
    assert sum(seen) == 10
    assert np.asarray(Image.open(out / "0.png")).all()


def test_manifest__of_somebody_else_is_left_alone(run, images, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "manifest.csv").write_text("patient,scan\n")
    predict(run.path, [images], out)
    with pytest.raises(InputError, match="is not a list that predict wrote"):
        predict(run.path, [images], out, outputs=RESUME)
    assert (out / "manifest.csv").read_text() == "patient,scan\n"


def test_shards__are_the_whole_together(run, images, tmp_path):
    out, whole = tmp_path / "out", tmp_path / "whole"
    shares = [
        predict(run.path, [images], out, outputs=Outputs(resume=True, shard=f"{number}/3"))
        for number in (1, 2, 3)
    ]
    assert [share.num_written for share in shares] == [4, 3, 3]
    predict(run.path, [images], whole)
    for index in range(10):
        assert (out / f"{index}.png").read_bytes() == (whole / f"{index}.png").read_bytes()
    names = {path.name for path in out.glob("*.csv")}
    assert names == {f"{k}-{n}-of-3.csv" for k in ("confidence", "manifest") for n in (1, 2, 3)}


def test_resume__reads_the_lists_of_other_numbers_of_shards(run, images, tmp_path, monkeypatch):
    out, said = tmp_path / "out", []
    for number in (1, 2):
        predict(run.path, [images], out, outputs=Outputs(resume=True, shard=f"{number}/3"))
    seen, reporter = computed(monkeypatch), Reporter()
    monkeypatch.setattr(Reporter, "say", lambda self, line: said.append(line))
    result = predict(run.path, [images], out, outputs=RESUME, reporter=reporter)
    assert sum(seen) == result.num_computed == 3
    assert (
        "7 of 10 masks are done already, also by manifest-1-of-3.csv, manifest-2-of-3.csv" in said
    )


def test_shards__whose_masks_another_call_replaced_are_computed_anew(run, images, tmp_path):
    out, shard = tmp_path / "out", Outputs(resume=True, shard="1/2")
    predict(run.path, [images], out, outputs=shard, threshold=0.0)
    predict(run.path, [images], out, threshold=1.0)  # no list is asked for
    predict(run.path, [images], out, outputs=shard, threshold=0.0)
    assert np.asarray(Image.open(out / "0.png")).all()
    assert not np.asarray(Image.open(out / "1.png")).any()


def test_manifest__says_what_failed_which_is_tried_again(run, images, tmp_path):
    out, whole = tmp_path / "out", (images / "7.png").read_bytes()
    (images / "7.png").write_bytes(whole[:50])
    predict(run.path, [images], out, outputs=RESUME)
    rows = {Path(row["image"]).name: row for row in csv.DictReader((out / "manifest.csv").open())}
    assert {name: row["status"] for name, row in rows.items()} == {
        f"{index}.png": "failed" if index == 7 else "done" for index in range(10)
    }
    assert str(images / "7.png") in rows["7.png"]["problem"]
    assert rows["7.png"]["mask"] == rows["6.png"]["problem"] == ""
    (images / "7.png").write_bytes(whole)
    assert predict(run.path, [images], out, outputs=RESUME).num_computed == 1


def test_fingerprint__depends_on_the_export_that_computes(run, tmp_path):
    model = tmp_path / "model"
    shutil.copytree(run.model_folder, model)
    (model / "exported").mkdir()
    torch_runtime, onnx = Segmenter.load(model).runtime, SimpleNamespace(name="ONNX Runtime")
    before: dict[str, str] = {}
    made: dict[str, str] = {}
    for content, found in ((b"one", before), (b"two", made)):
        (model / "exported" / "model.onnx").write_bytes(content)
        for runtime in (torch_runtime, onnx):
            found[runtime.name] = fingerprint(model, runtime, {}, Outputs())
    assert before["PyTorch"] == made["PyTorch"]
    assert len({before["PyTorch"], before["ONNX Runtime"], made["ONNX Runtime"]}) == 3


@pytest.mark.parametrize("text", ["0/3", "4/3", "1", "a/b", "1/0"])
def test_shard__that_is_not_a_part_is_refused(text):
    with pytest.raises(InputError, match="write it like 2/4"):
        Shard.parse(text)


@pytest.mark.parametrize("other", [["--overwrite"], ["--format", "coco"]])
def test_command__resume_contradicts_what_needs_every_image(run, images, tmp_path, capsys, other):
    words = ["predict", str(run.path), str(images), "--out", str(tmp_path / "out")]
    assert main([*words, "--resume", *other]) == 2
    assert "does not go with --overwrite or --format" in capsys.readouterr().err


def test_command__says_how_fast_it_was_and_how_busy_the_processor(run, images, tmp_path, capsys):
    words = ["predict", str(run.path), str(images), "--out", str(tmp_path / "out"), "--resume"]
    assert main(words) == 0
    done, correct = capsys.readouterr().err.strip().splitlines()[-2:]
    assert re.fullmatch(
        r"Done: 10 masks in .*/out \(\d+\.\d images/s, processor \d+ % busy\)", done
    )
    assert correct == f"Correct them with `crosslevel annotate {images} --run {run.path}`"
    assert main(words) == 0
    done, _ = capsys.readouterr().err.strip().splitlines()[-2:]
    assert done.endswith("out")  # nothing was left to compute
