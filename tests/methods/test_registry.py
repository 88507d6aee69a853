"""Methods that other packages add, and what a user's file that knows an old name is told."""

import hashlib
import inspect
from pathlib import Path

import pytest
from torch.testing import assert_close

from crosslevel.methods import (
    METHODS,
    WITHOUT_UNLABELLED,
    find_method,
    method_names,
    source_hash,
)
from crosslevel.methods.base import Clock
from crosslevel.methods.build import build_method
from crosslevel.methods.supervised import Supervised
from support.tiny import tiny_batch, tiny_config

SOURCE = """
from crosslevel.methods.supervised import Supervised

class Theirs(Supervised):
    def training_step(self, batch, clock):
        return {"theirs": 2 * super().training_step(batch, clock)["supervised"]}
"""
OUTDATED = """
from crosslevel import Method

class Old(Method):
    def training_step(self, batch, clock):
        logits = self.predict(batch.images, batch.unlabelled)
        return {"supervised": self.task.supervised_loss(logits[: len(batch.images)], batch.masks)}
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Put a package with one module and these entry points where Python finds it."""

    def put(package, names):
        module = f"{package}_methods"
        (tmp_path / f"{module}.py").write_text(SOURCE)
        information = tmp_path / f"{package}-1.0.dist-info"
        information.mkdir()
        (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\n")
        lines = "".join(f"{name} = {module}:Theirs\n" for name in names)
        (information / "entry_points.txt").write_text(f"[crosslevel.methods]\n{lines}")
        monkeypatch.syspath_prepend(tmp_path)
        return tmp_path / f"{module}.py"

    return put


def test_find_method__finds_those_of_other_packages(install):
    file = install("first", ["theirs"])
    assert method_names() == sorted([*METHODS, "theirs"])
    assert issubclass(find_method("theirs"), Supervised)
    assert source_hash("theirs") == hashlib.sha256(file.read_bytes()).hexdigest()
    method = build_method(tiny_config("theirs"))
    assert set(method.training_step(tiny_batch(), Clock(0, 10))) == {"theirs"}
    with pytest.raises(ValueError, match="Did you mean 'theirs'"):
        find_method("their")


def test_find_method__a_name_of_ours_is_not_theirs_to_take(install):
    install("second", ["clcc", "another"])
    expected = r"'clcc' must be one class; found .*clcc:CLCC and second_methods:Theirs.*'second'"
    with pytest.raises(ValueError, match=expected):
        find_method("clcc")
    assert find_method("another").__name__ == "Theirs"
    assert find_method("supervised") is Supervised


def test_find_method__two_packages_with_one_name_are_refused(install):
    install("third", ["same"])
    install("fourth", ["same"])
    with pytest.raises(ValueError, match=r"fourth_methods:Theirs and third.*'fourth', 'third'"):
        find_method("same")


def test_predict__says_what_has_replaced_it(tmp_path):
    (tmp_path / "old.py").write_text(OUTDATED)
    method = build_method(tiny_config(f"{tmp_path / 'old.py'}:Old"))
    with pytest.raises(ValueError, match=r"Old calls Method.predict.*labelled, unlabelled = "):
        method.training_step(tiny_batch(), Clock(0, 10))


@pytest.mark.parametrize("name", sorted(METHODS))
def test_method__is_one_small_file(name):
    assert len(Path(inspect.getfile(find_method(name))).read_text().splitlines()) <= 120


def test_without_unlabelled__are_those_whose_class_says_so():
    of_masks_alone = {name for name in METHODS if not find_method(name).uses_unlabelled}
    assert of_masks_alone == set(WITHOUT_UNLABELLED)


TAUGHT = {"tiles": 2, "target": "teacher", "evaluated": "teacher"}
"""Options with which CLCC averages network and projector together."""


@pytest.mark.parametrize(
    ("name", "options"),
    [*((name, {}) for name in method_names()), ("clcc", {"args": TAUGHT})],
    ids=[*method_names(), "clcc-taught"],
)
def test_start_from__any_method_takes_the_weights_of_a_network(name, options):
    method = build_method(tiny_config(name, **options))
    weights = {key: value + 1 for key, value in method.inference_model.state_dict().items()}
    method.start_from(weights)
    assert_close(dict(method.net.state_dict()), weights)
    assert_close(dict(method.inference_model.state_dict()), weights)
