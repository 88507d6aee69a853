"""Suggestions for a tool hold the objects of the masks that are written, with their scores."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from crosslevel.data.annotations import TOOLS
from crosslevel.data.annotations.painting import inspect_shapes
from crosslevel.errors import InputError
from crosslevel.inference.options import Outputs
from crosslevel.inference.predict import predict
from crosslevel.training.train import train
from crosslevel.types import Classes, ShapeMask
from support.tiny import tiny_config


@pytest.fixture(scope="module")
def run(lesions, tmp_path_factory):
    return train(lesions, tmp_path_factory.mktemp("runs") / "run", tiny_config("supervised"))


FILES = {"coco": "instances.json", "cvat": "annotations.xml", "yolo": "data.yaml"}


@pytest.mark.parametrize("tool", FILES)
def test_predict__suggestions_are_the_masks(run, lesions, tmp_path, tool):
    predict(run.path, lesions / "images", tmp_path, outputs=Outputs(format=tool))
    found = TOOLS[tool].read(tmp_path / f"suggestions-{tool}" / FILES[tool])
    assert len(found.images) == 24
    for listed in found.images:
        stem = Path(listed.name).stem
        with Image.open(tmp_path / f"{stem}.png") as image:
            mask = np.asarray(image) > 0
        drawn = ShapeMask(found.file, stem, tool, mask.shape, tmp_path, listed.shapes)
        np.testing.assert_array_equal(inspect_shapes(drawn, Classes()).indices > 0, mask)


def test_predict__scores_are_between_half_and_one(run, lesions, tmp_path):
    out = tmp_path / "out"
    predict(run.path, lesions / "images", out, outputs=Outputs(format="label-studio"))
    tasks = json.loads((out / "suggestions-label-studio" / "tasks.json").read_text())
    scores = [r["score"] for t in tasks for p in t["predictions"] for r in p["result"]]
    assert scores
    assert all(0.4 < score <= 1 for score in scores)
    with pytest.raises(InputError, match="nothing of it is replaced"):
        predict(run.path, lesions / "images", out, outputs=Outputs(format="label-studio"))
    with pytest.raises(InputError, match="format"):
        Outputs(format="voc")  # type: ignore[arg-type]


def test_predict__shards_write_suggestions_of_their_own(run, lesions, tmp_path):
    """Under the names that the images have together."""
    for folder in ("one", "two"):
        (tmp_path / "set" / folder).mkdir(parents=True)
        shutil.copy(next((lesions / "images").iterdir()), tmp_path / "set" / folder / "a.jpg")
    names = []
    for shard in ("1/2", "2/2"):
        outputs = Outputs(format="coco", shard=shard)
        predict(run.path, tmp_path / "set", tmp_path / "out", outputs=outputs)
        own = tmp_path / "out" / f"suggestions-coco-{shard[0]}-of-2" / "instances.json"
        names += [image["file_name"] for image in json.loads(own.read_text())["images"]]
    assert names == ["one/a.jpg", "two/a.jpg"]
