import os
import stat

import pytest

from crosslevel.system.files import atomic_file, remove_leftovers, write_text


def fail_halfway(path):
    with atomic_file(path) as file:
        file.write(b"half")
        raise KeyboardInterrupt


def test_atomic_file__shows_nothing_before_the_end(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "old")
    with atomic_file(path) as file:
        file.write(b"new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_atomic_file__an_error_keeps_the_old_content(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "old")
    with pytest.raises(KeyboardInterrupt):
        fail_halfway(path)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_atomic_file__an_error_leaves_no_new_file(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        fail_halfway(tmp_path / "a.txt")
    assert os.listdir(tmp_path) == []


def test_atomic_file__cannot_take_the_place_of_a_folder(tmp_path):
    (tmp_path / "a").mkdir()
    with pytest.raises(OSError, match="directory"):
        write_text(tmp_path / "a", "text")
    assert os.listdir(tmp_path) == ["a"]


def test_atomic_file__makes_its_folder(tmp_path):
    write_text(tmp_path / "a" / "b" / "c.txt", "é")
    assert (tmp_path / "a" / "b" / "c.txt").read_text(encoding="utf-8") == "é"


@pytest.mark.parametrize(("umask", "expected"), [(0o022, 0o644), (0o027, 0o640), (0o077, 0o600)])
def test_atomic_file__has_the_permissions_of_any_new_file(tmp_path, umask, expected):
    before = os.umask(umask)
    try:
        write_text(tmp_path / "a.txt", "text")
        assert os.umask(umask) == umask
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a.txt").stat().st_mode) == expected


def test_atomic_file__leaves_the_umask_alone_that_threads_share(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "umask", lambda mask: pytest.fail(f"umask is set to {mask:o}"))
    write_text(tmp_path / "a.txt", "text")


def test_atomic_file__a_full_disk_is_an_error_that_names_the_file(tmp_path, monkeypatch):
    def refuse(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", refuse)
    with pytest.raises(OSError, match=r"No space left on device: '.*a\.txt'"):
        write_text(tmp_path / "a.txt", "new")


def test_remove_leftovers__removes_what_a_killed_writer_left_and_nothing_else(tmp_path):
    child = os.fork()
    if not child:
        with atomic_file(tmp_path / "last.ckpt") as file:
            file.write(b"half")
            os._exit(9)
    os.waitpid(child, 0)
    kept = ["last.ckpt", ".lock", ".hidden.txt"]
    for name in kept:
        (tmp_path / name).touch()
    assert len(os.listdir(tmp_path)) == 4
    remove_leftovers(tmp_path, older_than_s=3600)
    assert len(os.listdir(tmp_path)) == 4
    remove_leftovers(tmp_path)
    assert sorted(os.listdir(tmp_path)) == sorted(kept)
    remove_leftovers(tmp_path / "nowhere")
