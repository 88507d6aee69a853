import mmap
import os
import threading
from pathlib import Path

import numpy as np
import pytest

from crosslevel.data.cache import cache_folder, packed, take
from crosslevel.errors import DataError

SHAPE = (2, 3)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("CROSSLEVEL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def item(index):
    return np.full(SHAPE, index, np.uint8)


def refuse(index):
    pytest.fail(f"item {index} is loaded again")


def build(keys=("a", "b", "c"), shape=SHAPE, kind="images"):
    return packed(keys, lambda i: np.full(shape, i, np.uint8), shape, kind)


def test_packed__holds_the_items_in_their_order():
    keys = [f"key {index}" for index in range(40)]  # more than one window of threads
    pack = packed(keys, item, SHAPE, "images")
    np.testing.assert_array_equal(pack, np.stack([item(index) for index in range(40)]))
    assert pack.dtype == np.uint8


def test_packed__loads_each_item_once_and_never_again():
    loaded = []

    def load(index):
        loaded.append(index)
        return item(index)

    for _ in range(2):
        np.testing.assert_array_equal(packed(["a", "b"], load, SHAPE, "images")[1], item(1))
    assert sorted(loaded) == [0, 1]


@pytest.mark.parametrize(
    "changes",
    [
        {"keys": ("a", "b", "d")},
        {"keys": ("b", "a", "c")},
        {"keys": ("a", "b")},
        {"kind": "masks"},
        {"kind": "images:{}"},
        {"shape": (3, 2)},
    ],
    ids=str,
)
def test_packed__anything_else_is_another_pack(folder, changes):
    build()
    assert len(os.listdir(folder)) == 1
    pack = build(**changes)
    assert len(os.listdir(folder)) == 2
    assert pack.shape == (len(changes.get("keys", "abc")), *changes.get("shape", SHAPE))


def test_packed__is_mapped_and_read_only():
    pack = build()
    assert isinstance(pack, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        pack[0] = 1


def test_take__copies_items_in_the_order_asked_for():
    pack = build()
    taken = take(pack, np.array([2, 0, 2]))
    np.testing.assert_array_equal(taken, np.stack([item(2), item(0), item(2)]))
    taken[0] = 9
    np.testing.assert_array_equal(pack[2], item(2))


def test_take__of_an_empty_pack():
    assert take(packed([], refuse, SHAPE, "images"), np.zeros(0, np.int64)).shape == (0, *SHAPE)


@pytest.mark.skipif(not hasattr(mmap, "MADV_DONTNEED"), reason="needs madvise")
@pytest.mark.skipif(not Path("/proc/self/smaps").is_file(), reason="needs /proc")
def test_take__leaves_nothing_of_the_pack_resident(folder):
    large = (1024, 1024)
    pack = packed(["a", "b"], lambda i: np.full(large, i + 1, np.uint8), large, "images")
    take(pack, np.array([0, 1]))
    [file] = folder.iterdir()
    _, _, mapping = Path("/proc/self/smaps").read_text().partition(str(file))
    resident = next(line for line in mapping.splitlines() if line.startswith("Rss:"))
    assert int(resident.split()[1]) < 1024


def test_packed__of_nothing_is_empty_and_makes_no_file(folder):
    pack = packed([], refuse, SHAPE, "images")
    assert pack.shape == (0, *SHAPE)
    assert pack.dtype == np.uint8
    assert not folder.exists()


def test_packed__an_error_leaves_no_half_pack(folder):
    def load(index):
        if index == 2:
            raise DataError(["third.png: damaged"])
        return item(index)

    with pytest.raises(DataError, match=r"third\.png: damaged"):
        packed(["a", "b", "c"], load, SHAPE, "images")
    assert os.listdir(folder) == []
    np.testing.assert_array_equal(build()[2], item(2))


def test_packed__an_item_of_another_shape_is_refused(folder):
    with pytest.raises(AssertionError, match=r"item 1 is \(3, 2\), expected \(2, 3\)"):
        packed(["a", "b"], lambda i: item(i).reshape((3, 2) if i else SHAPE), SHAPE, "images")
    assert os.listdir(folder) == []


def test_packed__two_runs_may_build_the_same_pack_at_once(folder):
    both = threading.Barrier(2)

    def load(index):
        both.wait(timeout=5)
        return item(index)

    packs = []
    threads = [
        threading.Thread(target=lambda: packs.append(packed(["a"], load, SHAPE, "images")))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(os.listdir(folder)) == 1
    np.testing.assert_array_equal(packs[0], packs[1])


@pytest.mark.parametrize("content", [b"", b"no pack", None], ids=["empty", "text", "cut off"])
def test_packed__a_damaged_file_is_built_again(folder, content):
    build()
    (file,) = folder.iterdir()
    file.write_bytes(file.read_bytes()[:-1] if content is None else content)
    np.testing.assert_array_equal(build()[2], item(2))


def test_packed__a_builder_killed_long_ago_leaves_nothing(folder):
    folder.mkdir()
    fresh, old = folder / ".images-a.npy.0123abcd", folder / ".images-b.npy.0123abcd"
    for file in (fresh, old):
        file.touch()
    os.utime(old, (0, 0))
    build()
    assert fresh.exists()
    assert not old.exists()


def test_cache_folder__is_the_users_own_unless_told(monkeypatch, folder):
    assert cache_folder() == folder
    monkeypatch.delenv("CROSSLEVEL_CACHE")
    assert "crosslevel" in str(cache_folder())
