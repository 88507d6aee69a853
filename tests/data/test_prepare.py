import dataclasses
import shutil

import numpy as np
import pytest
from PIL import Image

from crosslevel.data.formats.readers import read_hashed_picture
from crosslevel.data.prepare import prepare
from crosslevel.data.reading import content_hash
from crosslevel.errors import DataError
from crosslevel.system.console import Reporter
from support.tiny import tiny_config

SILENT = Reporter(quiet=True)


@pytest.fixture
def data(lesions, tmp_path):
    """A copy to spoil."""
    return shutil.copytree(lesions, tmp_path / "data")


@pytest.fixture(scope="module")
def parts(lesions):
    return prepare(lesions, tiny_config(), SILENT).parts


def ids(cases):
    return [case.id for case in cases]


def mask_of(data, case):
    return data / "masks" / f"{case.id}.png"


def refuse(*_, **__):
    pytest.fail("the check, or the reading of the images, is repeated")


def test_prepare__sizes_of_the_parts(parts):
    assert {name: len(cases) for name, cases in parts.items()} == {
        "train_labelled": 4,
        "train_unlabelled": 10,
        "val": 5,
        "test": 5,
    }
    assert all(case.mask is None for case in parts["train_unlabelled"])


def test_prepare__hashes_every_image(lesions):
    prepared = prepare(lesions, tiny_config(), SILENT)
    assert len(prepared.split.hashes) == 24


def test_prepare__reads_each_image_once(lesions, monkeypatch):
    read = []

    def count(path, *more):
        read.append(path)
        return read_hashed_picture(path, *more)

    monkeypatch.setattr("crosslevel.data.quality.findings.read_hashed_picture", count)
    monkeypatch.setattr("crosslevel.data.split.case_hash", refuse)
    monkeypatch.setattr("crosslevel.data.prepare.image_hashes", refuse)
    prepared = prepare(lesions, tiny_config(), SILENT)
    assert sorted(read) == sorted((lesions / "images").iterdir())
    for case in prepared.parts["val"]:
        assert prepared.split.hashes[case.id] == content_hash(case.image)


def test_prepare__of_a_given_split_only_its_images_are_read(data, parts, tmp_path):
    split = prepare(data, tiny_config(), SILENT).split
    (tmp_path / "split.json").write_text(split.to_json())
    (data / "images" / "stranger.png").write_text("not an image")
    prepare(data, tiny_config(split=tmp_path / "split.json"), SILENT)


def test_prepare__tells_what_it_found(lesions, capsys):
    prepare(lesions, tiny_config(), Reporter())
    assert capsys.readouterr().err.splitlines()[-1] == (
        f"{lesions}: 4 labelled and 10 unlabelled images to train on, 5 to validate, 5 to test"
    )


def test_prepare__all_problems_at_once(data, parts):
    damaged, labelled = parts["train_unlabelled"][0], parts["train_labelled"][0]
    (data / "images" / f"{damaged.id}.jpg").write_text("not an image")
    Image.new("L", (10, 12), 255).save(mask_of(data, labelled))
    mask_of(data, parts["test"][0]).write_bytes(b"")
    with pytest.raises(DataError) as caught:
        prepare(data, tiny_config(), SILENT)
    named = sorted(line.partition(":")[0] for line in caught.value.problems)
    assert named == sorted(
        [
            str(data / "images" / f"{damaged.id}.jpg"),
            str(mask_of(data, labelled)),
            str(mask_of(data, parts["test"][0])),
        ]
    )


def test_prepare__problems_of_names_and_of_contents_at_once(data, parts):
    (data / "masks" / "nobody.png").write_bytes(mask_of(data, parts["val"][0]).read_bytes())
    mask_of(data, parts["val"][1]).write_text("not a mask")
    with pytest.raises(DataError) as caught:
        prepare(data, tiny_config(), SILENT)
    assert "nobody.png" in str(caught.value)
    assert str(mask_of(data, parts["val"][1])) in str(caught.value)


def test_prepare__images_without_any_mask(data):
    shutil.rmtree(data / "masks")
    with pytest.raises(DataError, match=r"none of the 24 images has a mask\. Put masks"):
        prepare(data, tiny_config(), SILENT)


def test_prepare__one_labelled_image_is_enough(lesions):
    prepared = prepare(lesions, tiny_config(labelled=1, batch_labelled=4), SILENT)
    assert len(prepared.parts["train_labelled"]) == 1


def test_prepare__unlabelled_masks_may_be_broken(data, parts):
    for case in parts["train_unlabelled"]:
        mask_of(data, case).write_text("not a mask")
    assert ids(prepare(data, tiny_config(), SILENT).parts["train_unlabelled"]) == ids(
        parts["train_unlabelled"]
    )


def test_prepare__a_given_split_is_checked_too(data, parts, tmp_path):
    split = prepare(data, tiny_config(draw=2), SILENT).split
    (tmp_path / "split.json").write_text(split.to_json())
    config = tiny_config(split=tmp_path / "split.json")
    assert prepare(data, config, SILENT).split == split
    mask_of(data, parts["val"][0]).write_text("not a mask")
    with pytest.raises(DataError, match="not an image"):
        prepare(data, config, SILENT)


def test_prepare__images_that_a_given_split_has_not_are_counted(lesions, tmp_path, capsys):
    split = prepare(lesions, tiny_config(), SILENT).split
    file = tmp_path / "split.json"
    for left_out, said in ((0, ""), (2, f"warning: not in {file}, and not used: 2 of 24 images.")):
        kept = split.train_unlabelled[left_out:]
        file.write_text(dataclasses.replace(split, train_unlabelled=kept).to_json())
        prepare(lesions, tiny_config(split=file), Reporter())
        printed = capsys.readouterr().err
        assert said in printed
        assert ("and not used" in printed) == bool(said)


def test_prepare__a_given_split_without_hashes_gets_them(lesions, tmp_path):
    drawn = prepare(lesions, tiny_config(), SILENT).split
    text = drawn.to_json()
    (tmp_path / "split.json").write_text(text[: text.index(' "hashes"')].rstrip(",\n") + "}")
    found = prepare(lesions, tiny_config(split=tmp_path / "split.json"), SILENT).split
    assert found == drawn


@pytest.fixture
def resumed(data, tmp_path, monkeypatch):
    """The split of a run that goes on, whose check must not be repeated."""
    split = prepare(data, tiny_config(), SILENT).split
    (tmp_path / "split.json").write_text(split.to_json())
    monkeypatch.setattr("crosslevel.data.prepare.examine_images", refuse)
    return tmp_path / "split.json"


def test_prepare__a_resumed_run_is_not_checked_again(data, resumed, parts):
    found = prepare(data, tiny_config(draw=5), SILENT, resumed).parts
    assert {name: ids(cases) for name, cases in found.items()} == {
        name: ids(cases) for name, cases in parts.items()
    }


@pytest.mark.parametrize("part", ["train_labelled", "train_unlabelled", "val", "test"])
def test_prepare__a_resumed_run_notices_another_image(data, resumed, parts, part):
    changed = data / "images" / f"{parts[part][0].id}.jpg"
    changed.write_bytes((data / "images" / f"{parts[part][1].id}.jpg").read_bytes())
    with pytest.raises(DataError, match=f"{changed}: not the same image as before"):
        prepare(data, tiny_config(), SILENT, resumed)


@pytest.mark.parametrize("part", ["train_labelled", "val"])
def test_prepare__a_resumed_run_notices_another_mask(data, resumed, parts, part):
    changed, other = (mask_of(data, case) for case in parts[part][:2])
    changed.write_bytes(other.read_bytes())
    with pytest.raises(DataError, match=f"{changed}: not the same mask.*\n.*with another --out"):
        prepare(data, tiny_config(), SILENT, resumed)


def test_prepare__a_resumed_run_does_not_open_other_masks(data, resumed, parts):
    for case in (*parts["train_unlabelled"], *parts["test"]):
        mask_of(data, case).write_text("not a mask")
    prepare(data, tiny_config(), SILENT, resumed)


def test_prepare__a_resumed_run_notices_missing_files(data, resumed, parts):
    (data / "images" / f"{parts['train_unlabelled'][0].id}.jpg").unlink()
    mask_of(data, parts["train_unlabelled"][0]).unlink()
    mask_of(data, parts["val"][0]).unlink()
    with pytest.raises(DataError) as caught:
        prepare(data, tiny_config(), SILENT, resumed)
    missing, unmasked = caught.value.problems
    assert f"{parts['train_unlabelled'][0].id}: not in the data" in missing
    assert f"{parts['val'][0].id}: without a mask" in unmasked


def test_prepare__warns_of_a_class_that_no_labelled_mask_shows(lesions, tmp_path, capsys):
    data = shutil.copytree(lesions, tmp_path / "data")
    config = tiny_config("supervised", classes={"lesion": 255, "tool": 128})
    split = prepare(data, config, Reporter(quiet=True)).split
    shown = data / "masks" / f"{split.val[0]}.png"
    pixels = np.array(Image.open(shown))
    pixels[:4, :4] = 128
    Image.fromarray(pixels).save(shown)
    prepare(data, config, Reporter())
    said = capsys.readouterr().err
    assert "none of the 4 labelled masks shows tool: it cannot be learned" in said
    assert "shows lesion" not in said
