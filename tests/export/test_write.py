"""A trained run, exported in each format, predicts and scores as before, or is refused."""

import ast
import json
import re
import shutil
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from crosslevel.cli import main
from crosslevel.export import write as exporting
from crosslevel.inference import runtimes
from crosslevel.inference.segmenter import Segmenter
from crosslevel.training.train import train
from support.tiny import tiny_config
from support.versions import newer_torch

needs_packages = pytest.mark.skipif(
    not all(map(find_spec, ("onnx", "onnxruntime", "openvino"))),
    reason="needs the `export` extra",
)
KINDS = [("onnx", "fp32"), ("onnx", "int8"), ("openvino", "fp32"), ("openvino", "int8")]
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "export.md"


@pytest.fixture(scope="module")
def trained(lesions, tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "run"
    train(lesions, path, tiny_config("supervised", epochs=40))
    return path


@pytest.fixture
def run(trained, tmp_path):
    return shutil.copytree(trained, tmp_path / "run")


def record(run, name):
    return json.loads((run / "model" / "exported" / f"{name}.json").read_text())


def change_record(run, name, **changes):
    file = run / "model" / "exported" / f"{name}.json"
    file.write_text(json.dumps(record(run, name) | changes))


def masks(folder):
    return {path.name: np.asarray(Image.open(path)) for path in sorted(folder.glob("*.png"))}


def agreement(run, one, other, images, tmp_path):
    """Share of pixels that two runtimes see alike."""
    found = []
    for runtime in (one, other):
        out = tmp_path / runtime
        assert (
            main(["predict", str(run), str(images), "--out", str(out), "--runtime", runtime]) == 0
        )
        found.append(masks(out))
    assert found[0].keys() == found[1].keys()
    return np.mean([(found[0][name] == found[1][name]).mean() for name in found[0]])


@needs_packages
@pytest.mark.parametrize(("format", "precision"), KINDS)
def test_export__then_predict_and_evaluate(run, lesions, tmp_path, capsys, format, precision):
    name = f"model-{precision}{'.onnx' if format == 'onnx' else '.xml'}"
    words = ["export", str(run), "--format", format, "--precision", precision]
    assert main(words) == 0
    said = capsys.readouterr().err
    assert "Dice on 5 validation images: " in said
    assert said.rstrip().endswith(f"Done: {run / 'model' / 'exported' / name}")
    written = record(run, name)
    assert (written["size"], written["classes"]) == (32, ["foreground"])
    if precision == "fp32":
        assert written["dice_exported"] == pytest.approx(written["dice_original"], abs=0.1)
    change_record(run, name, dice_exported=written["dice_original"])  # 5 images tell little
    share = agreement(run, "torch", format, lesions / "images", tmp_path)
    assert {0, 255} == set(np.unique(np.concatenate([*masks(tmp_path / format).values()])))
    assert share == pytest.approx(1, abs=1e-3 if precision == "fp32" else 0.05)
    assert main(["evaluate", str(run), "--runtime", format]) == 0
    scores = run / f"scores-test-original-{format}"
    assert name in json.loads((scores / "summary.json").read_text())["runtime"]
    assert not (run / "summary.json").exists()


def test_export__torchscript_computes_the_same_in_plain_pytorch(run, lesions, capsys):
    assert main(["export", str(run), "--format", "torchscript"]) == 0
    file = str(run / "model" / "exported" / "model-fp32.pt")
    module = torch.jit.load(file)
    image = np.asarray(Image.open(next((lesions / "images").iterdir())).convert("RGB"))
    found = module(torch.from_numpy(image.copy())[None])[0].detach().numpy()
    expected = Segmenter.load(run, runtime="torch").probabilities(image)
    np.testing.assert_allclose(found, expected, atol=1e-5)


@newer_torch("convolves on no device but real ones")
def test_export__torchscript_computes_on_another_device(run):
    file = exporting.export(run, "torchscript").file
    elsewhere = torch.jit.load(str(file), map_location="meta")
    found = elsewhere(torch.empty(1, 32, 32, 3, dtype=torch.uint8, device="meta"))
    assert (found.device.type, found.shape) == ("meta", (1, 1, 32, 32))


@needs_packages
def test_export__of_several_classes(lesions, tmp_path):
    data = shutil.copytree(lesions, tmp_path / "data")
    for index, path in enumerate(sorted((data / "masks").iterdir())):
        mask = np.asarray(Image.open(path)) > 0
        Image.fromarray((mask * (1 + index % 2)).astype(np.uint8)).save(path)
    config = tiny_config("supervised", classes={"light": 1, "dark": 2})
    run = train(data, tmp_path / "run", config)
    done = exporting.export(run.path, "onnx")
    assert (done.record.classes, done.record.threshold) == (["light", "dark"], 0.5)
    image = next((data / "images").iterdir())
    found = [Segmenter.load(run.path, runtime=r).probabilities(image) for r in ("torch", "onnx")]
    assert found[0].shape == (3, 32, 32)
    np.testing.assert_allclose(found[0], found[1], atol=1e-5)


@needs_packages
def test_auto__takes_int8_before_fp32_and_openvino_before_onnx(run, capsys, lesions, tmp_path):
    def computing_with():
        image = str(next((lesions / "images").iterdir()))
        assert main(["predict", str(run), image, "--out", str(tmp_path / "out")]) == 0
        return re.findall("Computing with (.*)", capsys.readouterr().err)[0]

    assert computing_with() == "PyTorch"
    exporting.export(run, "onnx")
    assert computing_with() == "ONNX Runtime (model-fp32.onnx)"
    exporting.export(run, "openvino")
    assert computing_with() == "OpenVINO (model-fp32.xml)"
    exporting.export(run, "onnx", "int8")
    change_record(
        run, "model-int8.onnx", dice_exported=record(run, "model-int8.onnx")["dice_original"]
    )
    assert computing_with() == "ONNX Runtime (model-int8.onnx)"
    change_record(run, "model-int8.onnx", dice_exported=0.0)
    assert computing_with() == "OpenVINO (model-fp32.xml)"


@needs_packages
def test_auto__never_uses_an_export_of_other_weights(run):
    exporting.export(run, "onnx")
    assert Segmenter.load(run).runtime.name.startswith("ONNX")
    change_record(run, "model-fp32.onnx", weights="0" * 64)
    assert Segmenter.load(run).runtime.name == "PyTorch"


def test_auto__without_the_packages_is_pytorch(run, monkeypatch):
    monkeypatch.setattr(runtimes, "find_spec", lambda package: None)
    assert Segmenter.load(run).runtime.name == "PyTorch"


def test_auto__never_loads_torchscript(run, monkeypatch):
    exporting.export(run, "torchscript")
    monkeypatch.setattr(torch.jit, "load", lambda *_: pytest.fail("loads a program"))
    assert Segmenter.load(run).runtime.name == "PyTorch"
    assert main(["evaluate", str(run), "--runtime", "auto"]) == 0


@pytest.mark.parametrize(
    "words", [["predict", "x", "--out", "y", "--runtime", "openvino"], ["export"]]
)
def test_missing_packages__one_line_with_the_command_that_installs_them(
    run, lesions, tmp_path, monkeypatch, capsys, words
):
    monkeypatch.setattr(runtimes, "find_spec", lambda package: None)
    image = str(next((lesions / "images").iterdir()))
    there = {"x": image, "y": str(tmp_path / "out")}
    command, *options = [there.get(word, word) for word in words]
    assert main([command, str(run), *options]) == 2
    said = capsys.readouterr().err
    assert "pip install 'crosslevel[export]'" in said
    assert "Traceback" not in said


@needs_packages
def test_runtime__without_an_export_says_how_to_write_one(run, lesions, tmp_path, capsys):
    words = ["predict", str(run), str(lesions / "images"), "--out", str(tmp_path / "out")]
    assert main([*words, "--runtime", "onnx"]) == 2
    assert "`crosslevel export RUN --format onnx`" in capsys.readouterr().err


@needs_packages
@pytest.mark.parametrize("format", ["onnx", "openvino"])
def test_export__a_damaged_file_is_named(run, format):
    file = exporting.export(run, format).file
    content = file.read_bytes()
    for damage in (b"", b"\0" * 100, content[: len(content) // 2], b"<net/>"):
        file.write_bytes(damage)
        with pytest.raises(ValueError, match=f"{file.name} cannot be used: export again"):
            Segmenter.load(run)


@needs_packages
def test_export__a_file_that_asks_for_code_of_others_is_refused(run):
    import onnx

    file = exporting.export(run, "onnx").file
    model = onnx.load(str(file))
    model.graph.node[0].domain = "evil"
    model.opset_import.append(onnx.helper.make_opsetid("evil", 1))
    file.write_bytes(model.SerializeToString())
    with pytest.raises(ValueError, match=r"cannot be used.*evil:\w+\S* is not a registered"):
        Segmenter.load(run)


@needs_packages
def test_export__a_file_that_reads_other_files_is_refused(run, tmp_path):
    import onnx

    file = exporting.export(run, "onnx").file
    model = onnx.load(str(file))
    largest = max(model.graph.initializer, key=lambda one: len(one.raw_data))
    file.parent.parent.joinpath("secret").write_bytes(largest.raw_data)
    largest.ClearField("raw_data")
    largest.data_location = onnx.TensorProto.EXTERNAL
    largest.external_data.add(key="location", value="../secret")
    file.write_bytes(model.SerializeToString())
    with pytest.raises(ValueError, match="cannot be used"):
        Segmenter.load(run)


@needs_packages
def test_export__a_file_of_another_network_is_refused(run, trained, lesions, tmp_path):
    other = train(lesions, tmp_path / "other", tiny_config("supervised", size=64))
    theirs = exporting.export(other.path, "onnx").file
    shutil.copy(theirs, exporting.export(run, "onnx").file)
    with pytest.raises(ValueError, match=r"model-fp32\.onnx (gives|cannot be used)"):
        Segmenter.load(run)


@needs_packages
@pytest.mark.parametrize("content", ["", "[]", "{}", '{"file": 3}', "[" * 100_000, "\udcff"])
def test_export__a_damaged_record_is_named(run, content):
    file = exporting.export(run, "onnx").file
    file.with_name(f"{file.name}.json").write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(ValueError, match=r"model-fp32\.onnx\.json"):
        Segmenter.load(run)


def test_export__that_scores_otherwise_is_not_kept(run, monkeypatch, capsys):
    dices = iter([80.0, 80.11])
    monkeypatch.setattr(exporting, "_dice", lambda *_: next(dices))
    assert main(["export", str(run), "--format", "torchscript"]) == 1
    assert "a Dice of 80.11 on the validation images, the model scores 80.00" in (
        capsys.readouterr().err
    )
    assert not (run / "model" / "exported").exists()


@needs_packages
def test_export__int8_that_scores_otherwise_is_written_but_never_used(run, monkeypatch, capsys):
    dices = iter([80.0, 79.0, 79.5])
    monkeypatch.setattr(exporting, "_dice", lambda *_: next(dices))
    assert main(["export", str(run), "--format", "onnx", "--precision", "int8"]) == 0
    assert "so predict does not use this file" in capsys.readouterr().err
    assert record(run, "model-int8.onnx")["dice_exported"] == 79.5
    assert Segmenter.load(run).runtime.name == "PyTorch"
    with pytest.raises(ValueError, match="holds no onnx export"):
        Segmenter.load(run, runtime="onnx")


def test_export__wrong_use_is_named_before_any_work(run, tmp_path, capsys):
    words = ["export", str(run), "--format", "torchscript", "--precision", "int8"]
    assert main(words) == 2
    assert "in fp32 only" in capsys.readouterr().err
    assert main(["export", str(tmp_path)]) == 2
    assert "not a run folder" in capsys.readouterr().err


@needs_packages
def test_page__its_example_runs_without_crosslevel_and_gives_the_same_mask(run, lesions, tmp_path):
    [example] = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    imported = {
        name.name if isinstance(node, ast.Import) else node.module
        for node in ast.walk(ast.parse(example))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in node.names
    }
    assert imported <= {"json", "numpy", "onnxruntime", "PIL"}
    exporting.export(run, "onnx", out=tmp_path / "shipped")
    image = next((lesions / "images").iterdir())
    Image.open(image).resize((50, 40)).save(tmp_path / "image.png")
    expected = Segmenter.load(run, runtime="torch").predict(tmp_path / "image.png")
    names = {"shipped": str(tmp_path / "shipped"), "image.png": str(tmp_path / "image.png")}
    names["mask.png"] = str(tmp_path / "mask.png")
    for name, path in names.items():
        assert name in example
        example = example.replace(f'"{name}', f'"{path}')
    exec(example, {})
    found = np.asarray(Image.open(tmp_path / "mask.png"))
    assert found.shape == expected.shape == (40, 50)
    assert ((found > 0) == (expected > 0)).mean() > 0.97
