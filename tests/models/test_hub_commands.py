"""An address on a hub in every command that needs a model alone; the others refuse it."""

import json
from pathlib import Path

import pandas as pd
import pytest

from crosslevel import cli
from crosslevel.annotate.looking import Looker
from crosslevel.models.hub import Address, push
from crosslevel.serving.options import ServerOptions, ServiceOptions
from support.hub_server import served

pytest.importorskip("huggingface_hub", reason="the extra `hub` is missing")
from huggingface_hub import constants

POLYPS = "hf:clinic/polyps"


@pytest.fixture(scope="module")
def run(bench):
    return bench / "runs" / "supervised-draw0-seed0"


@pytest.fixture(scope="module", autouse=True)
def _polyps(run, tmp_path_factory):
    """The run's model on a hub, as this address."""
    with served() as (_, server), pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_ENDPOINT", server)
        patch.setattr(constants, "HF_HUB_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        patch.setenv("HF_TOKEN", "a-token")
        push(run / "model", Address("clinic/polyps"), card="", is_private=False)
        yield


def test_evaluate__of_an_address_scores_as_the_run_does(run, lesions, tmp_path, capsys):
    words = ["--data", str(lesions), "--subset", "all"]
    near = ["evaluate", str(run), *words, "--allow_overlap", "--out", str(tmp_path / "near")]
    assert cli.main(near) == 0
    assert cli.main(["evaluate", POLYPS, *words, "--out", str(tmp_path / "far")]) == 0
    assert f"warning: nothing says which images {POLYPS} learned from" in capsys.readouterr().err
    there, here = (pd.read_csv(tmp_path / name / "per_image.csv") for name in ("far", "near"))
    pd.testing.assert_frame_equal(there, here)
    summary = json.loads((tmp_path / "far" / "summary.json").read_text())
    assert (summary["model"], summary["num_trained_on"]) == (POLYPS, 0)


@pytest.mark.parametrize("command", ["evaluate", "export"])
@pytest.mark.parametrize("given", [[], ["--out", "OUT"]])
def test_address__needs_images_and_a_folder_for_what_is_written(command, given, capsys):
    assert cli.main([command, POLYPS, *given]) == 2
    said = capsys.readouterr().err
    assert f"{POLYPS} is a model without its run" in said
    assert f"`crosslevel {command} {POLYPS} --data DIR" in said


def test_evaluate__of_a_model_folder_is_that_of_an_address(run, lesions, tmp_path):
    words = ["--data", str(lesions), "--subset", "all", "--out", str(tmp_path / "scores")]
    assert cli.main(["evaluate", str(run / "model"), *words]) == 0
    assert (tmp_path / "scores" / "per_image.csv").is_file()


def test_export__of_an_address_is_compared_on_the_masks_that_are_named(lesions, tmp_path, capsys):
    pytest.importorskip("onnxruntime", reason="the extra `export` is missing")
    words = ["--data", str(lesions), "--out", str(tmp_path / "exported")]
    assert cli.main(["export", POLYPS, *words]) == 0
    assert "Dice on 24 images with masks: " in capsys.readouterr().err
    assert len(list((tmp_path / "exported").glob("*.onnx"))) == 1


def test_adapt__and_rank_take_an_address(lesions, tmp_path):
    images = lesions / "images"
    assert cli.main(["adapt", POLYPS, str(images), "--out", str(tmp_path / "theirs")]) == 0
    source = json.loads((tmp_path / "theirs" / "adaptation.json").read_text())["source"]
    assert source == POLYPS
    words = ["--data", str(lesions), "--subset", "all", "--out", str(tmp_path / "scores")]
    assert cli.main(["evaluate", str(tmp_path / "theirs"), *words]) == 0
    (tmp_path / "new").mkdir()
    for image in sorted(images.iterdir())[:3]:
        (tmp_path / "new" / image.name).write_bytes(image.read_bytes())
    out = tmp_path / "next.csv"
    assert cli.main(["rank", POLYPS, str(tmp_path / "new"), "--out", str(out)]) == 0
    assert len(pd.read_csv(out)) == 3


def test_serve__and_annotate_load_an_address():
    pytest.importorskip("fastapi", reason="the extra `serve` is missing")
    from crosslevel.serving.service import create_service

    create_service(POLYPS, ServerOptions(), ServiceOptions())
    assert Looker(Path(POLYPS)).card.method == "supervised"


@pytest.mark.parametrize(
    "words",
    [
        ["report", POLYPS],
        ["hub", "push", POLYPS, "hf:clinic/other", "--license", "mit"],
        ["train", "--data", "DATA", "--out", "OUT", "--from", POLYPS],
        ["train", "--data", "DATA", "--out", "OUT", "--model.weights", POLYPS],
    ],
)
def test_address__where_a_run_is_needed_is_refused_in_one_line(lesions, tmp_path, capsys, words):
    places = {"DATA": str(lesions), "OUT": str(tmp_path / "out")}
    assert cli.main([places.get(word, word) for word in words]) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if POLYPS in line]
    assert len(lines) == 1
    assert f"{POLYPS} is a model on a hub, without the split, log and scores of its run" in lines[0]
