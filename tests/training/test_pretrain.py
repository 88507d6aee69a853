"""From images to an encoder, and from it to a training: no mask, no test image, exactly resumed."""

import json
import math
import shutil
from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from crosslevel.cli import main
from crosslevel.config.model import ModelConfig
from crosslevel.data.images_only import prepare_images
from crosslevel.data.prepare import prepare
from crosslevel.data.split import Split
from crosslevel.models.pretrained import CARD, read_card
from crosslevel.models.segmenter import build_backbone
from crosslevel.pretraining import TASKS
from crosslevel.runs.folder import RunFolder
from crosslevel.system.console import Reporter
from crosslevel.system.devices import Place
from crosslevel.training.leaks import check_pretraining
from crosslevel.training.loop import Loop
from crosslevel.training.plan import choose_folds
from crosslevel.training.pretrain import pretrain
from crosslevel.training.train import train
from support.equal_runs import weights
from support.fake_device import other_device
from support.tiny import tiny_config, tiny_pretraining

SMALL = ModelConfig(widths=(4, 8))


@pytest.fixture(scope="module")
def encoder(lesions, tmp_path_factory):
    return pretrain(lesions, tmp_path_factory.mktemp("enc") / "enc", tiny_pretraining())


def with_weights(folder):
    return ModelConfig(widths=(4, 8), weights=str(folder))


def test_pretrain__leaves_these_files_and_sees_no_test_image(lesions, encoder):
    files = {str(p.relative_to(encoder)) for p in encoder.rglob("*") if p.is_file()}
    assert {f for f in files if not f.startswith(("tensorboard", "."))} == {
        *("pretrain.yaml", "split.json", "environment.json", "log.csv", CARD),
        *("pretrained.safetensors", "checkpoints/last.ckpt"),
    }
    split, card = Split.load(encoder / "split.json"), read_card(encoder)
    not_seen = {split.hashes[case_id] for case_id in split.test}
    assert set(card.images) == set(split.hashes.values()) - not_seen
    assert len(not_seen) == 5
    log = pd.read_csv(encoder / "log.csv")
    assert log["step"].tolist() == [5, 10]  # 19 images in batches of 4
    assert "loss/contrast" in log


@pytest.mark.parametrize("task", sorted(TASKS))
def test_pretrain__killed_and_repeated_equals_uninterrupted(lesions, tmp_path, monkeypatch, task):
    config, original = tiny_pretraining(task), Loop._losses
    whole = pretrain(lesions, tmp_path / "whole", config)

    def interrupted(self, number):
        if number == 7:
            raise KeyboardInterrupt
        return original(self, number)

    monkeypatch.setattr("crosslevel.training.loop.SAVE_EVERY", 0.0)
    monkeypatch.setattr("crosslevel.training.writing.SAVE_SHARE", math.inf)
    with monkeypatch.context() as patch:
        patch.setattr(Loop, "_losses", interrupted)
        with pytest.raises(KeyboardInterrupt):
            pretrain(lesions, tmp_path / "killed", config)
    assert not (tmp_path / "killed" / CARD).exists()
    killed = pretrain(lesions, tmp_path / "killed", config)
    first, second = weights(RunFolder(whole)), weights(RunFolder(killed))
    assert all(torch.equal(first[name], second[name]) for name in first | second)
    files = [(folder / "pretrained.safetensors").read_bytes() for folder in (whole, killed)]
    assert files[0] == files[1]


def test_pretrain__on_a_device_hardly_ever_waits_for_it(lesions, tmp_path, monkeypatch):
    with other_device(monkeypatch) as waits:
        found = pretrain(lesions, tmp_path / "enc", tiny_pretraining("densecl", epochs=8))
    assert waits.count < 120  # 40 steps; most waits are those of checkpoints
    assert len(pd.read_csv(found / "log.csv")) == 8


def test_pretrain__opens_no_mask_and_needs_none(lesions, tmp_path):
    for image in sorted((lesions / "images").iterdir()):
        (tmp_path / "data" / "images").mkdir(parents=True, exist_ok=True)
        (tmp_path / "data" / "masks").mkdir(exist_ok=True)
        (tmp_path / "data" / "images" / image.name).write_bytes(image.read_bytes())
        (tmp_path / "data" / "masks" / image.name).write_bytes(b"not an image")
    broken = pretrain(tmp_path / "data", tmp_path / "broken", tiny_pretraining(epochs=1))
    assert len(read_card(broken).images) == 19
    without = pretrain(tmp_path / "data" / "images", tmp_path / "none", tiny_pretraining(epochs=1))
    assert len(read_card(without).images) == 24


def test_pretrain__one_mask_is_no_split_and_all_images_are_seen(lesions, tmp_path):
    data = tmp_path / "data"
    shutil.copytree(lesions / "images", data / "images")
    first = min((lesions / "masks").iterdir())
    (data / "masks").mkdir()
    shutil.copy(first, data / "masks" / first.name)
    encoder = pretrain(data, tmp_path / "enc", tiny_pretraining("rotation", epochs=1))
    assert len(read_card(encoder).images) == len(list((data / "images").iterdir()))


def test_train__starts_from_the_encoder_and_says_so(lesions, encoder, tmp_path):
    fresh, loaded = build_backbone(SMALL), build_backbone(with_weights(encoder))
    assert loaded.is_pretrained
    assert not fresh.is_pretrained
    state = loaded.encoder_state()
    assert set(loaded.state_dict()) - set(state), "the decoder is not of the pretraining"
    learned = weights(RunFolder(encoder))
    assert all(torch.equal(value, learned[f"f.{name}"]) for name, value in state.items())
    config = tiny_config("supervised", epochs=1, model=with_weights(encoder))
    run = train(lesions, tmp_path / "run", config)
    assert run.environment().pretrained_weights
    assert str(encoder) not in (run.model_folder / "model.json").read_text()
    assert main(["evaluate", str(run.path)]) == 0


def test_train__refuses_an_encoder_that_saw_its_test_images(lesions, encoder, tmp_path):
    config = tiny_config("supervised", epochs=1, split_seed=1, model=with_weights(encoder))
    with pytest.raises(ValueError, match=r"of the 5 test images .* were seen .*same --split"):
        train(lesions, tmp_path / "run", config)


@pytest.mark.parametrize(
    ("folds", "fixed", "num_test", "why"),
    [
        ("auto", False, 0, "24 images to learn from, none left out: `train` of this folder holds"),
        ("auto", True, 4, "20 images to learn from, 4 left out, on which `train` of this folder"),
        (0, False, 5, "19 images to learn from, 5 left out, on which `train` of this folder"),
    ],
)
def test_pretrain__leaves_out_what_a_training_of_the_same_options_tests_on(
    lesions, tmp_path, capsys, folds, fixed, num_test, why
):
    table = ["image,mask,part"]
    for place, image in enumerate(sorted((lesions / "images").iterdir())):
        part = ("test" if place < 4 else "train") if fixed else ""
        table.append(f"{image},{next((lesions / 'masks').glob(f'{image.stem}.*'))},{part}")
    (tmp_path / "data.csv").write_text("\n".join(table))
    asked = tiny_pretraining(folds=folds).for_data
    choose = partial(choose_folds, asked, Place(torch.device("cpu")))
    seen = prepare_images(
        tmp_path / "data.csv", asked, Reporter(), with_test=False, choose_folds=choose
    )
    assert why in capsys.readouterr().err
    trained = prepare(tmp_path / "data.csv", asked, Reporter(), choose_folds=choose)
    assert seen.split.test == trained.split.test
    assert len(trained.split.test) == num_test
    left = {case.id for case in seen.parts["train_unlabelled"]}
    assert left == trained.split.case_ids - {*trained.split.test}


def test_train__warns_if_images_that_folds_hold_out_were_seen(encoder, capsys):
    seen, *_ = read_card(encoder).images
    names = {"a": seen, "b": "another"}
    split = Split(("a", "b"), (), (), (), 0, 0, names, folds={"a": "1", "b": "2"})
    model = ModelConfig(widths=(4, 8), weights=str(encoder))
    check_pretraining(model, split, Reporter())
    assert "1 of the 2 images that folds hold out were seen" in capsys.readouterr().err


def test_train__warns_if_test_images_were_asked_for(lesions, tmp_path, capsys):
    words = ["--data", str(lesions), "--model.name", "unet", "--model.widths", "[4, 8]"]
    words += ["--size", "32", "--epochs", "1"]
    out = str(tmp_path / "enc")
    asked = ["--test_images", "--folds", "0", "--batch", "8"]
    assert main(["pretrain", "--out", out, *asked, *words]) == 0
    said = capsys.readouterr().err
    assert "24 images to learn from, none left out, test images" in said
    assert f"--model.name unet --model.widths '[4, 8]' --model.weights {out}`" in said
    more = ["--method", "supervised", "--labelled", "4", "--model.weights", out]
    assert main(["train", "--out", str(tmp_path / "run"), *words, *more]) == 0
    assert "warning: 5 of the 5 test images" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ({"widths": (4, 8), "weights": "nowhere"}, "weights is 'nowhere'; a U-Net has null, or a"),
        ({"widths": (4, 8), "weights": "/no/where"}, "holds no finished pretraining"),
        ({"widths": (4, 16), "weights": "ENCODER"}, r"of another model \(widths \(4, 8\)\)"),
        ({"name": "segformer", "weights": "ENCODER"}, r"of another model \(decoder .*name unet"),
    ],
)
def test_weights__that_do_not_fit_are_refused(encoder, model, message):
    values = {**model, "weights": model["weights"].replace("ENCODER", str(encoder))}
    with pytest.raises(ValueError, match=message):
        build_backbone(ModelConfig(**values))


def test_weights__a_damaged_file_is_named(encoder, tmp_path):
    for file in (CARD, "pretrained.safetensors"):
        (tmp_path / file).write_bytes((encoder / file).read_bytes())
    (tmp_path / "pretrained.safetensors").write_bytes(b"x" * 99)
    with pytest.raises(ValueError, match="cannot be read"):
        build_backbone(with_weights(tmp_path))
    card = json.loads((encoder / CARD).read_text())
    (tmp_path / CARD).write_text(json.dumps(card | {"has_decoder": True}))
    (tmp_path / "pretrained.safetensors").write_bytes(
        (encoder / "pretrained.safetensors").read_bytes()
    )
    with pytest.raises(ValueError, match=r"do not fit their pretrained\.json at decoder"):
        build_backbone(with_weights(tmp_path))


def test_pretrain__another_configuration_or_place_is_refused(lesions, encoder, tmp_path):
    with pytest.raises(ValueError, match=r"learning_rate: 0\.001 → 0\.1"):
        pretrain(lesions, encoder, tiny_pretraining(learning_rate=0.1))
    (tmp_path / "mine.txt").touch()
    with pytest.raises(ValueError, match="is not a pretraining: choose another --out"):
        pretrain(lesions, tmp_path, tiny_pretraining())
    with pytest.raises(ValueError, match=r"it has no config\.yaml"):
        RunFolder(encoder).config()


def test_pretrain__a_bad_image_is_set_aside_if_asked(lesions, tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    for number in range(5):
        pixels = np.random.default_rng(number).integers(0, 255, (32, 32, 3), np.uint8)
        Image.fromarray(pixels).save(data / f"{number}.png")
    (data / "bad.png").write_bytes(b"no")
    with pytest.raises(ValueError, match="--skip_bad"):
        pretrain(data, tmp_path / "enc", tiny_pretraining(epochs=1))
    found = pretrain(data, tmp_path / "enc", tiny_pretraining(epochs=1, skip_bad=True))
    assert "bad.png" in (found / "set_aside.txt").read_text()
    assert len(read_card(found).images) == 5
