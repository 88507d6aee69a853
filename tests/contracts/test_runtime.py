"""What every runtime keeps by its name: the probabilities of PyTorch, for every backbone."""

from importlib.util import find_spec
from typing import get_args

import numpy as np
import pytest
import torch

from crosslevel.export.write import export
from crosslevel.inference.runtimes import EXPORTED, load_runtime
from crosslevel.models.segmenter import build_segmentation_net
from crosslevel.training.train import train
from crosslevel.types import Format, RuntimeName
from support.registered import every_backbone, random_start
from support.tiny import tiny_config

FORMATS = [format for format in get_args(Format) if format in EXPORTED]
RUNTIMES = [name for name in get_args(RuntimeName) if name != "auto"]
CPU = torch.device("cpu")
NUM_THREADS = 3
"""As many images a runtime takes at a time."""
IS_COMPLETE = all(find_spec(package) for package in ("onnx", *(p for p, _ in EXPORTED.values())))

pytestmark = pytest.mark.skipif(not IS_COMPLETE, reason="needs the `export` extra")


@pytest.fixture(scope="module", autouse=True)
def _threads():
    torch.set_num_threads(NUM_THREADS)
    yield
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def folders(lesions, tmp_path_factory):
    """A model folder for each backbone asked for, with an export for every runtime."""
    made = {}

    def folder(backbone):
        if backbone not in made:
            model = random_start(backbone)
            size = 2 * build_segmentation_net(model, 1).f.stride
            config = tiny_config("supervised", model=model, size=size, epochs=1)
            run = train(lesions, tmp_path_factory.mktemp("runs") / backbone, config)
            for format in FORMATS:
                export(run.path, format)
            made[backbone] = run.model_folder, size
        return made[backbone]

    return folder


def some_images(num, size):
    return np.random.default_rng(0).integers(0, 256, (num, size, size, 3), np.uint8)


@every_backbone
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_runtime__gives_the_probabilities_of_pytorch(folders, backbone, runtime):
    folder, size = folders(backbone)
    loaded, reference = load_runtime(folder, runtime, CPU), load_runtime(folder, "torch", CPU)
    for num in range(1, loaded.batch_size + 1):
        images = some_images(num, size)
        before = images.copy()
        found = loaded(images)
        assert found.shape == (num, 1, size, size)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, reference(images), atol=1e-4)
        np.testing.assert_array_equal(loaded(images), found)
        np.testing.assert_array_equal(images, before)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_runtime__keeps_its_answer_when_asked_again(folders, runtime):
    folder, size = folders("unet")
    loaded = load_runtime(folder, runtime, CPU)
    black = np.zeros((1, size, size, 3), np.uint8)
    first = loaded(black)
    kept = first.copy()
    assert not np.array_equal(loaded(black + 255), kept)
    np.testing.assert_array_equal(first, kept)


def test_runtimes__take_an_image_a_thread_and_have_names_of_their_own(folders):
    loaded = [load_runtime(folders("unet")[0], runtime, CPU) for runtime in RUNTIMES]
    assert {runtime.batch_size for runtime in loaded} == {NUM_THREADS}
    assert len({runtime.name for runtime in loaded}) == len(RUNTIMES)
