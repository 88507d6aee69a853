"""Kinds of files that other packages read."""

import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest

from crosslevel.data.formats import added
from crosslevel.data.formats.added import GROUP, added_readers
from crosslevel.errors import DataError
from support.pictures import save

PACKAGE = """
import numpy as np
from crosslevel.data.formats.picture import Picture

def read_grid(path, stream, frame, axis):
    rows = [list(map(int, line.split())) for line in stream.read().decode().splitlines()]
    return Picture(np.array(rows, np.uint8))

def read_nothing(path, stream, frame, axis):
    return None
"""


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Install a package for this test, whose entry points are the lines given."""

    def install(*lines):
        site = tmp_path / "site"
        site.mkdir()
        (site / "grids.py").write_text(PACKAGE)
        info = site / "grids-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: grids\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text("\n".join([f"[{GROUP}]", *lines, ""]))
        monkeypatch.syspath_prepend(str(site))
        return site

    return install


def read(reader, path):
    with path.open("rb") as stream:
        return reader(path, stream, None, 2)


def test_added__a_package_s_files_are_images_of_every_command(package, tmp_path):
    """In a process of its own, as installed packages are seen when it begins."""
    site = package("Grid = grids:read_grid")
    for kind in ("images", "masks"):
        (tmp_path / "data" / kind).mkdir(parents=True)
    for number in range(3):
        rows = np.full((4 + number, 4), 7, np.uint8)
        rows[:, 2:] = 250
        text = "\n".join(" ".join(map(str, row)) for row in rows)
        (tmp_path / "data" / "images" / f"{number}.grid").write_text(text)
        save(tmp_path / "data" / "masks" / f"{number}.png", np.uint8(255) * (rows > 99))
    code = (
        f"import sys; sys.path.insert(0, {str(site)!r}); from crosslevel.cli import main; "
        f"sys.exit(main(['data', 'check', {str(tmp_path / 'data')!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "3 (3 with a mask, 0 without)" in done.stdout
    assert "50.0% of a mask on average" in done.stdout


def test_added__what_cannot_work_is_one_line(package, tmp_path):
    package("grid = grids:read_grid", "none = grids:read_nothing", "lost = grids:read_lost")
    readers = added_readers({".png"})
    file = tmp_path / "a.grid"
    file.write_text("1 2\n3 4\n")
    np.testing.assert_array_equal(read(readers[".grid"], file).pixels, [[1, 2], [3, 4]])
    file.write_text("1 x\n")
    with pytest.raises(DataError, match=r"a.grid: cannot be read by grids:read_grid: ValueError"):
        read(readers[".grid"], file)
    with pytest.raises(DataError, match="grids:read_nothing gave a NoneType, not a Picture"):
        read(readers[".none"], file)
    with pytest.raises(DataError, match="cannot be read by grids:read_lost"):
        read(readers[".lost"], file)


@pytest.mark.parametrize(
    ("names", "ours", "claims"),
    [(["png"], {".png"}, "crosslevel and x:read"), (["a", ".A"], set(), "x:read and x:read")],
)
def test_added__two_readers_of_one_kind_are_refused(monkeypatch, tmp_path, names, ours, claims):
    entries = [EntryPoint(name, "x:read", GROUP) for name in names]
    monkeypatch.setattr(added, "entry_points", lambda group: entries)
    [reader] = added_readers(ours).values()
    file = tmp_path / Path("a.png")
    file.write_bytes(b"")
    with pytest.raises(DataError, match=f"{claims} all read such files"):
        read(reader, file)
