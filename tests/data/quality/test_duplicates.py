"""Copies of a picture are found among many others, without comparing all with all."""

import io

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from crosslevel.data.quality import duplicates
from crosslevel.data.quality.duplicates import SIDE, look_alikes, thumbnail


def scene(seed, width=240, height=180):
    """A smooth random picture with structure at several scales."""
    noise = np.random.default_rng(seed)
    layers = [
        np.asarray(
            Image.fromarray(noise.integers(0, 256, (n, n, 3), np.uint8)).resize((width, height)),
            np.float32,
        )
        for n in (3, 6, 12)
    ]
    return Image.fromarray(np.mean(layers, axis=0).astype(np.uint8))


def compressed(image, quality):
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")


CHANGES = {
    "compressed": lambda image: compressed(image, 40),
    "halved": lambda image: image.resize((120, 90)),
    "stretched": lambda image: image.resize((300, 200)),
    "brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.02),
}


def thumbnails(images):
    return np.stack([thumbnail(np.asarray(image)) for image in images])


@pytest.mark.parametrize("name", CHANGES)
def test_look_alikes__finds_a_changed_copy_among_others(name):
    images = [scene(seed) for seed in range(60)]
    images.append(CHANGES[name](images[17]))
    assert look_alikes(thumbnails(images)) == [[17, 60]]


def test_look_alikes__other_pictures_are_others():
    mirrored = scene(0).transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    assert look_alikes(thumbnails([*(scene(seed) for seed in range(80)), mirrored])) == []


def test_look_alikes__copies_of_copies_are_one_set():
    images = [scene(1), scene(2), compressed(scene(1), 50), scene(1).resize((100, 80))]
    assert look_alikes(thumbnails(images)) == [[0, 2, 3]]


def test_look_alikes__plain_images_are_alike_only_if_equal():
    plain = [np.full((9, 9, 3), grey, np.uint8) for grey in (0, 0, 50, 255)]
    assert look_alikes(thumbnails(plain)) == [[0, 1]]


@pytest.mark.parametrize("count", [0, 1])
def test_look_alikes__of_nothing(count):
    assert look_alikes(np.zeros((count, SIDE, SIDE, 3), np.uint8)) == []


def test_look_alikes__compares_few_of_many(monkeypatch):
    compared = []

    def count(first, second):
        compared.append(len(first))
        return difference(first, second)

    difference = duplicates._difference
    monkeypatch.setattr(duplicates, "_difference", count)
    many = np.random.default_rng(0).integers(0, 9, (5000, SIDE, SIDE, 3), np.uint8)
    many[:2500] = many[0]  # as a camera that shows nothing
    assert look_alikes(many) == [list(range(2500))]
    assert sum(compared) < 20 * len(many)
