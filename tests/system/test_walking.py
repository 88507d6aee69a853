"""Files are found through links to folders, each of them once."""

from __future__ import annotations

from pathlib import Path

from crosslevel.system.walking import walk_linked


def listed(folder: Path) -> list[str]:
    return [
        (at / name).relative_to(folder).as_posix() for at, _, n in walk_linked(folder) for name in n
    ]


def test_walk__goes_through_links(tmp_path: Path) -> None:
    (tmp_path / "elsewhere" / "deep").mkdir(parents=True)
    (tmp_path / "elsewhere" / "deep" / "a.png").touch()
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "images").symlink_to(tmp_path / "elsewhere")
    assert listed(tmp_path / "data") == ["images/deep/a.png"]


def test_walk__a_folder_is_listed_once_where_it_lies(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.png").touch()
    (tmp_path / "first").symlink_to(tmp_path / "real")
    (tmp_path / "second").symlink_to(tmp_path / "real")
    assert listed(tmp_path) == ["real/a.png"]


def test_walk__links_that_lead_back_are_not_followed(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "a.png").touch()
    (tmp_path / "other.png").touch()
    (data / "up").symlink_to(tmp_path)
    (data / "self").symlink_to(data)
    assert listed(data) == ["a.png"]


def test_walk__folders_that_are_removed_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "images").symlink_to(tmp_path / "elsewhere")
    seen = []
    for place, folders, _ in walk_linked(tmp_path / "data"):
        seen.append(place.name)
        folders.clear()
    assert seen == ["data"]
