"""Models go to a hub and come back, over the protocol and by the commands that users call."""

import pytest

from crosslevel import cli
from crosslevel.errors import InputError, RunError
from crosslevel.inference.segmenter import Segmenter
from crosslevel.models import hub
from crosslevel.models.hub import Address, fetch, is_address, push
from support.hub_server import MAIN, served

huggingface_hub = pytest.importorskip("huggingface_hub", reason="the extra `hub` is missing")
from huggingface_hub import constants, errors  # noqa: E402


@pytest.fixture
def server(tmp_path, monkeypatch):
    with served() as (known, address):
        monkeypatch.setenv("HF_ENDPOINT", address)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub-cache"))
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setenv("HF_TOKEN", "a-token")
        yield known


@pytest.fixture
def run(bench):
    return bench / "runs" / "supervised-draw0-seed0"


@pytest.mark.parametrize(
    "text", ["hf:", "hf:name", "hf:a/b/c", "hf:../x", "hf:a/b@", "hf:a/b@x y", "a/b", "hf:/etc/x"]
)
def test_address__of_another_form_is_refused(text):
    with pytest.raises(InputError, match="hf:owner/name"):
        Address.parse(text)


def test_address__is_pinned_by_a_commit_alone():
    assert Address.parse("hf:a/b@" + 40 * "0").is_pinned
    assert not Address.parse("hf:a/b@v1.0").is_pinned
    assert not is_address("runs/hf")


def test_push__and_predict_by_the_commands(server, run, lesions, tmp_path, capsys):
    words = ["hub", "push", str(run), "hf:clinic/polyps", "--license", "cc-by-nc-4.0"]
    assert cli.main(words) == 0
    said = capsys.readouterr().err
    oid = server.branches["clinic/polyps"][MAIN]
    assert f"hf:clinic/polyps@{oid}" in said
    files = server.commits["clinic/polyps"][oid]
    sent = ["README.md", "calibration.json", "model.json", "model.safetensors"]
    assert sorted(files) == sent
    assert files["model.safetensors"] == (run / "model" / "model.safetensors").read_bytes()

    images = str(lesions / "images")
    for model, out in (("hf:clinic/polyps", "far"), (str(run), "near")):
        assert cli.main(["predict", model, images, "--out", str(tmp_path / out)]) == 0
    masks = sorted((tmp_path / "near").glob("*.png"))
    assert masks
    assert all(mask.read_bytes() == (tmp_path / "far" / mask.name).read_bytes() for mask in masks)


def test_card__names_counts_and_scores_but_no_image(run, capsys):
    words = ["hub", "push", str(run), "hf:clinic/polyps", "--license", "mit", "--dry_run"]
    assert cli.main(words) == 0
    text = capsys.readouterr().out
    assert text.startswith("---\nlicense: mit\n")
    assert "crosslevel predict hf:clinic/polyps IMAGES" in text
    assert "part `test`" in text
    assert "| Dice |" in text
    ids = [line.partition(",")[0] for line in (run / "per_image.csv").read_text().splitlines()[1:]]
    assert ids
    assert not any(name in text for name in [*ids, str(run.parent)])


def test_fetch__a_commit_goes_on_to_give_the_same_weights(server, run):
    first = push(run / "model", Address("clinic/polyps"), card="one", is_private=False)
    server.commit("clinic/polyps", MAIN, {"model.safetensors": b"other"})
    assert (fetch(str(first)) / "README.md").read_text() == "one"
    assert fetch(str(first)).name == first.revision
    assert (fetch("hf:clinic/polyps") / "model.safetensors").read_bytes() == b"other"


def test_fetch__takes_no_code_and_no_pickle(server):
    server.create("a/b")
    server.commit("a/b", MAIN, dict.fromkeys(("model.json", "x.py", "model.pt", "y.bin"), b"{}"))
    assert [path.name for path in fetch("hf:a/b").iterdir()] == ["model.json"]


def test_load__of_what_is_no_model_says_so(server):
    server.create("a/b")
    server.commit("a/b", MAIN, {"model.json": b"{}"})
    with pytest.raises(InputError, match=r"model\.json"):
        Segmenter.load("hf:a/b")


def test_fetch__without_a_network_uses_the_cache(server, run, monkeypatch):
    pinned = push(run / "model", Address("clinic/polyps"), card="", is_private=False)
    there = fetch(str(pinned))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert fetch(str(pinned)) == there
    with pytest.raises(RunError, match="HF_HUB_OFFLINE"):
        fetch("hf:another/one")


def test_fetch__names_a_repository_or_revision_that_is_not_there(server):
    with pytest.raises(InputError, match="HF_TOKEN"):
        fetch("hf:nobody/nothing")
    server.create("a/b")
    with pytest.raises(InputError, match="no such revision"):
        fetch("hf:a/b@v9")


def test_fetch__names_a_hub_that_cannot_be_reached(monkeypatch):
    def unreachable(*words, **options):
        raise errors.LocalEntryNotFoundError("no connection")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", unreachable)
    with pytest.raises(RunError, match="Check the network"):
        fetch("hf:a/b")


def test_push__of_a_private_repository(server, run):
    push(run / "model", Address("clinic/secret"), card="", is_private=True)
    assert server.private == {"clinic/secret"}


def test_hub__without_the_extra_names_it(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "huggingface_hub", None)
    with pytest.raises(InputError, match=r"crosslevel\[hub\]"):
        hub.fetch("hf:a/b")
