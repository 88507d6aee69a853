import errno

import pytest

from crosslevel.annotate.work_folder import WorkFolder
from crosslevel.errors import InputError
from support.annotating import (
    write_images,
)


def test_second_server__is_told_where_the_first_one_is(tmp_path):
    work = WorkFolder(write_images(tmp_path, 1))
    with work.locked() as tell_others:
        with pytest.raises(InputError, match="annotated already, by a server that is just st"):
            work.locked().__enter__()
        tell_others("http://127.0.0.1:8642")
        with pytest.raises(InputError, match=r"annotated already, at http://127.0.0.1:8642"):
            work.locked().__enter__()
    with work.locked():
        pass


def test_server__starts_where_its_address_cannot_be_written(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("crosslevel.annotate.work_folder.write_text", full)
    with WorkFolder(tmp_path).locked() as tell_others:
        tell_others("http://127.0.0.1:8642")
        with pytest.raises(InputError, match="annotated already, by a server"):
            WorkFolder(tmp_path).locked().__enter__()


def test_token__is_the_same_each_time_and_for_the_owner_alone(tmp_path):
    work = WorkFolder(tmp_path)
    assert work.token() == WorkFolder(tmp_path).token()
    assert len(work.token()) >= 16
    assert (work.path / "token").stat().st_mode & 0o077 == 0
    (work.path / "token").write_text("")  # as a full disk leaves it
    assert len(work.token()) >= 16
