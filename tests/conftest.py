"""One thread for every test, a cache of its own, and a small data set that tests share."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from crosslevel.data.synthetic import write_synthetic


@pytest.fixture(autouse=True, scope="session")
def _isolated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    torch.set_num_threads(1)
    os.environ["CROSSLEVEL_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    yield
    del os.environ["CROSSLEVEL_CACHE"]


@pytest.fixture(scope="session")
def lesions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 generated images of 32 px, all with masks: 14 to train, 5 to validate, 5 to test."""
    return write_synthetic(tmp_path_factory.mktemp("lesions"), 24, size=32, seed=0)
