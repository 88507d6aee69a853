import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from crosslevel.data.cases import index_cases
from crosslevel.data.datamodule import DataModule, Sampling, step_seed
from crosslevel.data.reading import content_hash, read_hashed_case
from crosslevel.errors import DataError
from crosslevel.images.preprocess import IMAGENET_MEAN, IMAGENET_STD
from crosslevel.types import Case, Classes

SIZE = 8
THREE = Classes({"one": 1, "two": 2})


@pytest.fixture(scope="module")
def cases(tmp_path_factory):
    """15 cases; an image's red is its number, its green repeats its mask of the values 0, 1, 2."""
    folder = tmp_path_factory.mktemp("numbered")
    made = []
    for number in range(15):
        mask = np.random.default_rng(number).integers(0, 3, (SIZE, SIZE), np.uint8)
        image = np.stack([np.full_like(mask, number), mask, np.zeros_like(mask)], axis=2)
        paths = folder / f"{number:02}.png", folder / f"{number:02}_mask.png"
        for path, array in zip(paths, (image, mask), strict=True):
            Image.fromarray(array).save(path)
        made.append(Case(f"{number:02}", *paths))
    return made


def make(cases, *, num_labelled=7, num_unlabelled=5, batches=(2, 3), seed=0, classes=THREE):
    """Labelled first, then unlabelled, validation last."""
    labelled, rest = cases[:num_labelled], cases[num_labelled:]
    parts = {
        "train_labelled": labelled,
        "train_unlabelled": rest[:num_unlabelled],
        "val": cases[12:],
    }
    hashes = {case.id: content_hash(case.image) for case in cases}
    sampling = Sampling(batch_labelled=batches[0], batch_unlabelled=batches[1], seed=seed)
    return DataModule(parts, hashes, classes, SIZE, sampling)


def pixels(images):
    """Normalised (B, 3, H, W) → 0…255 (B, 3, H, W)."""
    mean, std = (torch.tensor(x).reshape(3, 1, 1) for x in (IMAGENET_MEAN, IMAGENET_STD))
    return ((images * std + mean) * 255).round().long()


def numbers(images):
    return pixels(images)[:, 0, 0, 0].tolist()


def seen(datamodule, num_steps):
    """Numbers of the labelled and of the unlabelled images, in the order of the steps."""
    batches = [datamodule.batch(step) for step in range(num_steps)]
    labelled = [number for batch in batches for number in numbers(batch.images)]
    unlabelled = [number for batch in batches for number in numbers(batch.unlabelled)]
    return labelled, unlabelled


def assert_same(first, second):
    for name in ("images", "masks", "unlabelled"):
        assert torch.equal(getattr(first, name), getattr(second, name)), name


def is_same(first, second):
    return torch.equal(first.images, second.images) and torch.equal(first.masks, second.masks)


def test_batch__is_what_a_method_expects(cases):
    batch = make(cases).batch(0)
    assert batch.images.shape == (2, 3, SIZE, SIZE)
    assert batch.masks.shape == (2, SIZE, SIZE)
    assert batch.unlabelled.shape == (3, 3, SIZE, SIZE)
    assert (batch.images.dtype, batch.masks.dtype) == (torch.float32, torch.int64)


def test_batch__depends_on_seed_and_step_and_nothing_else(cases):
    used, fresh = make(cases), make(cases)
    for step in (9, 0, 9, 3):
        used.batch(step)
    torch.manual_seed(99)
    assert_same(used.batch(5), fresh.batch(5))
    assert not is_same(fresh.batch(5), fresh.batch(6))
    assert not is_same(fresh.batch(5), make(cases, seed=1).batch(5))


@pytest.mark.parametrize("batch_labelled", [1, 2, 3, 7])
def test_batch__each_pass_sees_each_labelled_image_once(cases, batch_labelled):
    found, _ = seen(make(cases, batches=(batch_labelled, 1)), 7)
    passes = [found[start : start + 7] for start in range(0, len(found), 7)]
    assert all(sorted(order) == list(range(7)) for order in passes)
    assert len({tuple(order) for order in passes}) == len(passes)


def test_batch__unlabelled_images_have_passes_of_their_own(cases):
    _, found = seen(make(cases), 5)
    assert [sorted(found[start : start + 5]) for start in (0, 5, 10)] == [[7, 8, 9, 10, 11]] * 3
    _, beside_larger_batches = seen(make(cases, batches=(4, 3)), 5)
    assert beside_larger_batches == found


def test_batch__masks_fit_their_images_pixel_by_pixel(cases):
    for step in range(7):
        batch = make(cases).batch(step)
        assert torch.equal(pixels(batch.images)[:, 1], batch.masks)
    assert set(batch.masks.unique().tolist()) == {0, 1, 2}


def test_batch__augments_anew_in_every_pass(cases):
    datamodule = make(cases, num_labelled=1, batches=(1, 0))
    views = {tuple(datamodule.batch(step).masks.flatten().tolist()) for step in range(60)}
    assert len(views) == 8


@pytest.mark.parametrize(("num_unlabelled", "batch_unlabelled"), [(0, 3), (5, 0), (0, 0)])
def test_batch__without_unlabelled_images(cases, num_unlabelled, batch_unlabelled):
    datamodule = make(cases, num_unlabelled=num_unlabelled, batches=(2, batch_unlabelled))
    assert datamodule.batch(3).unlabelled.shape == (0, 3, SIZE, SIZE)
    assert torch.equal(datamodule.batch(3).images, make(cases).batch(3).images)


def test_datamodule__never_opens_an_unlabelled_mask(cases, tmp_path):
    poisoned = tmp_path / "poisoned.png"
    poisoned.write_text("not a mask")
    paths = {7: poisoned, 8: tmp_path / "deleted.png", 9: None}
    changed = [replace(c, mask=paths.get(i, c.mask)) for i, c in enumerate(cases)]
    for step in range(5):
        assert_same(make(changed).batch(step), make(cases).batch(step))


def test_datamodule__never_opens_images_it_does_not_use(cases, tmp_path, monkeypatch):
    monkeypatch.setenv("CROSSLEVEL_CACHE", str(tmp_path))
    opened = []

    def read_and_tell(case, how):
        opened.append(case.image)
        return read_hashed_case(case, how)

    monkeypatch.setattr("crosslevel.data.datamodule.read_hashed_case", read_and_tell)
    make(cases, batches=(2, 0))
    assert sorted(opened) == [case.image for case in cases[:7] + cases[12:]]


def test_datamodule__one_pack_of_images_serves_every_labelled_draw(cases, tmp_path, monkeypatch):
    monkeypatch.setenv("CROSSLEVEL_CACHE", str(tmp_path))
    make(cases)
    make(cases[5:12] + cases[:5] + cases[12:])
    assert len(list(tmp_path.glob("images-*"))) == 2  # to train on, to validate
    assert len(list(tmp_path.glob("masks-*"))) == 3


def test_datamodule__reads_masks_anew_for_other_classes(cases):
    merged = make(cases, classes=Classes({"two": 2}))
    for step in range(3):
        expected = (make(cases).batch(step).masks == 2).long()
        assert torch.equal(merged.batch(step).masks, expected)


def test_datamodule__paints_shapes_anew_for_an_image_of_another_size(tmp_path):
    drawn = {"name": "polygon", "all_points_x": [1, 8, 8, 1], "all_points_y": [1, 1, 8, 8]}
    regions = [{"shape_attributes": drawn, "region_attributes": {"kind": "polyp"}}]
    metadata = {"a.png1": {"filename": "a.png", "size": 1, "regions": regions}}
    (tmp_path / "via.json").write_text(json.dumps({"_via_img_metadata": metadata}))
    for side, expected in ((8, 49), (16, 16)):
        Image.new("RGB", (side, side)).save(tmp_path / "a.png")
        [case] = index_cases(tmp_path / "via.json")
        parts = {"train_labelled": [case], "train_unlabelled": [], "val": []}
        sampling = Sampling(batch_labelled=1, batch_unlabelled=0, seed=0)
        data = DataModule(parts, {"a": content_hash(case.image)}, Classes(), SIZE, sampling)
        assert data.training_arrays().masks.sum() == expected


@pytest.mark.parametrize(
    ("num_labelled", "batch", "steps"), [(7, 1, 7), (7, 2, 4), (6, 2, 3), (7, 7, 1), (1, 1, 1)]
)
def test_steps_per_epoch__the_last_step_may_start_the_next_pass(cases, num_labelled, batch, steps):
    assert make(cases, num_labelled=num_labelled, batches=(batch, 1)).steps_per_epoch == steps


@pytest.mark.parametrize("batch_size", [1, 2, 3, 8])
def test_validation_batches__in_order_and_not_augmented(cases, batch_size):
    batches = list(make(cases).validation_batches(batch_size))
    assert [len(images) for images, _ in batches] == [len(masks) for _, masks in batches]
    assert max(len(images) for images, _ in batches) == min(batch_size, 3)
    images = torch.cat([images for images, _ in batches])
    masks = np.concatenate([masks for _, masks in batches])
    assert numbers(images) == [12, 13, 14]
    np.testing.assert_array_equal(masks, [np.asarray(Image.open(c.mask)) for c in cases[12:]])
    np.testing.assert_array_equal(pixels(images)[:, 1], masks)


def test_datamodule__an_image_that_is_not_the_one_checked_is_never_packed(
    cases, tmp_path, monkeypatch
):
    monkeypatch.setenv("CROSSLEVEL_CACHE", str(tmp_path / "cache"))
    changed = tmp_path / "changed.png"
    changed.write_bytes(cases[0].image.read_bytes())
    given = [replace(cases[0], image=changed), *cases[1:]]
    monkeypatch.setattr(Path, "read_bytes", lambda path: _changing(path, changed))
    with pytest.raises(DataError, match=f"{changed}: changed since it was checked"):
        make(given)
    assert list((tmp_path / "cache").iterdir()) == []


def _changing(path, changed):
    """The bytes of a file, of which one is overwritten just before."""
    if path == changed:
        Image.new("RGB", (SIZE, SIZE)).save(changed)
    with path.open("rb") as file:
        return file.read()


@pytest.fixture(scope="module")
def large_cases(tmp_path_factory):
    """15 images of twice the size: noise, and of the last a ramp."""
    folder = tmp_path_factory.mktemp("large")
    ramp = np.stack(np.meshgrid(np.arange(32), np.arange(32), [0]), axis=-1)[:, :, 0] * 8
    made = []
    for number in range(15):
        noise = np.random.default_rng(number).integers(0, 256, (32, 32, 3), np.uint8)
        image = ramp.astype(np.uint8) if number == 0 else noise
        paths = folder / f"{number:02}.png", folder / f"{number:02}_mask.png"
        Image.fromarray(image).save(paths[0])
        Image.fromarray(np.full((32, 32), number % 3, np.uint8)).save(paths[1])
        made.append(Case(f"{number:02}", *paths))
    return made


def in_detail(cases, **options):
    data = make(cases, **options)
    sampling = replace(data.sampling, detail=2)
    hashes = {case.id: content_hash(case.image) for case in cases}
    parts = {"train_labelled": cases[:7], "train_unlabelled": cases[7:12], "val": cases[12:]}
    return DataModule(parts, hashes, THREE, SIZE, sampling)


def orientations(image):
    """(3, H, W) in its eight orientations, always in the same order."""
    turned = [torch.rot90(image, k, (1, 2)) for k in range(4)]
    return torch.stack([*turned, *(x.flip(1) for x in turned)])


def test_finer__has_the_images_of_the_batch_in_their_orientations(large_cases):
    data, plain = in_detail(large_cases), make(large_cases)
    for step in range(4):
        batch = data.batch(step)
        assert_same(batch, plain.batch(step))
        assert plain.batch(step).finer is None
        assert batch.finer.shape == (5, 3, 2 * SIZE, 2 * SIZE)
        for small, large in zip(
            torch.cat([batch.images, batch.unlabelled]), batch.finer, strict=True
        ):
            found = 0
            for case in large_cases:
                picture = Image.open(case.image)
                sides = (SIZE, 2 * SIZE)
                raw = [np.asarray(picture.resize((s, s), Image.Resampling.BILINEAR)) for s in sides]
                views = [orientations(torch.tensor(x).permute(2, 0, 1)) for x in raw]
                is_it = (views[0] == pixels(small[None])).flatten(1).all(dim=1)
                if is_it.any():
                    assert (views[1][is_it] == pixels(large[None])).all()
                    found += 1
            assert found == 1


def test_finer__is_warped_alike(large_cases):
    ramps = [replace(large_cases[0], id=case.id) for case in large_cases]
    data, plain = in_detail(ramps), make(ramps)
    data.sampling = replace(data.sampling, warp=True)
    for step in range(3):
        batch = data.batch(step)
        images = torch.cat([batch.images, batch.unlabelled])
        pooled = torch.nn.functional.avg_pool2d(batch.finer, 2)
        assert (pooled - images).abs().mean() < 0.05
        assert not is_same(batch, plain.batch(step))


def test_finer__is_packed_apart_from_full_images_of_its_size(large_cases, tmp_path, monkeypatch):
    monkeypatch.setenv("CROSSLEVEL_CACHE", str(tmp_path))
    in_detail(large_cases)
    assert len(list(tmp_path.glob("images-*"))) == 3


def test_finer__of_an_image_no_larger_than_its_view_is_refused(cases):
    with pytest.raises(DataError, match=r"8×8 px, no more than the 8 px"):
        in_detail(cases)


def test_step_seed__differs_from_step_to_step_and_seed_to_seed():
    assert len({step_seed(seed, step) for seed in range(10) for step in range(100)}) == 1000
