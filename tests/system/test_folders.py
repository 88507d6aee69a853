"""Folders behind links are seen once, in place of a loop."""

from pathlib import Path

from crosslevel.system.folders import walk
from support.names import touch


def found(top: Path) -> list[str]:
    return [(place / n).relative_to(top).as_posix() for place, _, names in walk(top) for n in names]


def test_walk__links_come_last_and_nothing_twice(tmp_path: Path) -> None:
    top, other = tmp_path / "top", tmp_path / "other"
    touch(top, "b/x", "b/.hidden", ".store/y", "__MACOSX/z")
    touch(other, "deep/w")
    (top / "a").symlink_to(top / "b")
    (top / "c").symlink_to(other)
    (top / "d").symlink_to(other / "deep")
    (top / "e").symlink_to(top / ".store")
    assert found(top) == ["b/x", "c/deep/w", "e/y"]
    assert found(top / "c") == ["deep/w"]


def test_walk__no_loop_is_entered(tmp_path: Path) -> None:
    top, other = tmp_path / "top", tmp_path / "other"
    touch(top, "x")
    touch(other, "y")
    touch(tmp_path, "z")
    (top / "self").symlink_to(top / "self")
    (top / "up").symlink_to(tmp_path)
    (top / "aside").symlink_to(other)
    (other / "back").symlink_to(top)
    assert found(top) == ["self", "x", "aside/y"]


def test_walk__what_is_removed_is_not_entered(tmp_path: Path) -> None:
    touch(tmp_path, "top/x", "top/a/y", "other/z")
    (tmp_path / "top" / "b").symlink_to(tmp_path / "other")
    seen = []
    for _, folders, names in walk(tmp_path / "top"):
        folders.clear()
        seen += names
    assert seen == ["x"]
