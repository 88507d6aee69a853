"""The generated images: fixed by their seed, varied, and separable by texture but not by colour."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from crosslevel.data.cases import index_cases
from crosslevel.data.synthetic import make_lesion, write_synthetic
from crosslevel.errors import InputError

Sample = tuple[NDArray[np.uint8], NDArray[np.bool_]]


@pytest.fixture(scope="module")
def samples() -> list[Sample]:
    return [make_lesion(np.random.default_rng((1, index)), 96) for index in range(60)]


def best_dice(feature: NDArray[np.float32], mask: NDArray[np.bool_]) -> float:
    """Dice of the best cut-off, on the better side of it, chosen with the mask in hand."""
    scores = []
    for cut in np.quantile(feature, np.linspace(0.02, 0.98, 49)):
        for predicted in (feature > cut, feature < cut):
            scores.append(2 * (predicted & mask).sum() / (predicted.sum() + mask.sum()))
    return float(max(scores))


def colour_features(image: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
    smooth = ndimage.gaussian_filter(image.astype(np.float32), (2, 2, 0))
    red, green, blue = smooth[..., 0], smooth[..., 1], smooth[..., 2]
    return [red, green, blue, smooth.mean(axis=-1), red - green]


def texture_feature(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """How strong the fine detail is around each pixel; the median disregards hairs and gloss."""
    green = image[..., 1].astype(np.float32)
    detail = np.abs(green - ndimage.gaussian_filter(green, 2))
    return np.asarray(ndimage.gaussian_filter(ndimage.median_filter(detail, 9), 2), np.float32)


@pytest.mark.parametrize("size", [32, 33, 96, 160, 1024])
def test_make_lesion__sizes(size: int) -> None:
    image, mask = make_lesion(np.random.default_rng(0), size)
    assert image.shape == (size, size, 3)
    assert mask.shape == (size, size)
    assert image.dtype == np.uint8
    assert mask.dtype == np.bool_
    assert mask.any()
    assert image.std() > 5


def test_make_lesion__same_scene_at_every_size() -> None:
    for index in range(8):
        _, small = make_lesion(np.random.default_rng(index), 64)
        _, large = make_lesion(np.random.default_rng(index), 192)
        shrunk = large[1::3, 1::3]
        assert 2 * (small & shrunk).sum() / (small.sum() + shrunk.sum()) > 0.9


def test_make_lesion__too_small() -> None:
    with pytest.raises(InputError, match="at least 32 pixels, got 31"):
        make_lesion(np.random.default_rng(0), 31)


def test_make_lesion__areas_vary_widely(samples: list[Sample]) -> None:
    areas = np.array([mask.mean() for _, mask in samples])
    assert areas.min() > 0.015
    assert areas.max() < 0.37
    assert np.quantile(areas, 0.1) < 0.035
    assert np.quantile(areas, 0.9) > 0.2


def test_make_lesion__sometimes_two_at_varied_places(samples: list[Sample]) -> None:
    counts = [ndimage.label(mask)[1] for _, mask in samples]
    assert 1 <= sum(count == 2 for count in counts) < 30
    centres = np.array([ndimage.center_of_mass(mask) for _, mask in samples]) / 96
    assert centres.std(axis=0).min() > 0.1


def test_make_lesion__mean_colour_matches_the_surroundings(samples: list[Sample]) -> None:
    differences = []
    for image, mask in samples:
        ring = ndimage.binary_dilation(mask, iterations=6) & ~mask
        differences.append(np.abs(image[mask].mean(axis=0) - image[ring].mean(axis=0)).max())
    assert np.median(differences) < 10


def test_make_lesion__texture_separates_and_colour_does_not(samples: list[Sample]) -> None:
    colour = [max(best_dice(f, mask) for f in colour_features(image)) for image, mask in samples]
    texture = [best_dice(texture_feature(image), mask) for image, mask in samples]
    assert np.mean(colour) < 0.4
    assert np.mean(texture) > 0.6
    assert np.mean(texture) > np.mean(colour) + 0.3


def test_write_synthetic__files_and_values(tmp_path: Path) -> None:
    folder = write_synthetic(tmp_path / "set", 3, size=48, masks=2)
    assert sorted(str(path.relative_to(folder)) for path in folder.rglob("*.*")) == [
        "images/lesion_0000.jpg",
        "images/lesion_0001.jpg",
        "images/lesion_0002.jpg",
        "masks/lesion_0000.png",
        "masks/lesion_0001.png",
    ]
    image = np.asarray(Image.open(folder / "images/lesion_0001.jpg")).astype(int)
    mask = np.asarray(Image.open(folder / "masks/lesion_0001.png"))
    drawn, inside = make_lesion(np.random.default_rng((0, 1)), 48)
    assert np.abs(image - drawn).mean() < 3
    assert set(np.unique(mask)) == {0, 255}
    assert ((mask == 255) == inside).all()


def test_write_synthetic__read_as_cases(tmp_path: Path) -> None:
    some = index_cases(write_synthetic(tmp_path / "some", 3, size=32, masks=1))
    assert [case.mask is None for case in some] == [False, True, True]
    none = index_cases(write_synthetic(tmp_path / "none", 2, size=32, masks=0) / "images")
    assert [case.id for case in none] == ["lesion_0000", "lesion_0001"]


def test_write_synthetic__larger_set_begins_with_the_smaller(tmp_path: Path) -> None:
    small = write_synthetic(tmp_path / "small", 2, size=32, seed=4)
    large = write_synthetic(tmp_path / "large", 5, size=32, seed=4)
    other = write_synthetic(tmp_path / "other", 2, size=32, seed=5)
    for name in ("images/lesion_0001.jpg", "masks/lesion_0001.png"):
        assert (small / name).read_bytes() == (large / name).read_bytes()
        assert (small / name).read_bytes() != (other / name).read_bytes()


def test_write_synthetic__again_and_over_strangers(tmp_path: Path) -> None:
    write_synthetic(tmp_path, 3, size=32, masks=1)
    write_synthetic(tmp_path, 4, size=32, masks=2)
    with pytest.raises(InputError, match=r"masks: holds 1 file.*lesion_0001\.png.*empty folder"):
        write_synthetic(tmp_path, 4, size=32, masks=1)


@pytest.mark.parametrize(
    ("num_images", "masks", "seed"), [(0, None, 0), (2, 3, 0), (2, -1, 0), (2, 1, -1)]
)
def test_write_synthetic__bad_numbers(
    tmp_path: Path, num_images: int, masks: int | None, seed: int
) -> None:
    with pytest.raises(InputError, match=f"got num_images={num_images}, masks={masks}"):
        write_synthetic(tmp_path, num_images, masks=masks, seed=seed)
