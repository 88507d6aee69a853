"""The house: imports point one way, public names stay few, nothing heavy is loaded too early."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import crosslevel

SOURCE = Path(crosslevel.__file__).parent
FLOORS = [
    {"errors", "types"},
    {"logits", "tiles", "config", "system"},
    {"losses", "images"},
    {"data"},
    {"models"},
    {"methods", "runs"},
    {"inference"},
    {"report", "evaluation"},
    {"training"},
    {"export"},
    {"bench"},
    {"commands"},
    {"cli"},
    {"__main__"},
]
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}


def room(path):
    relative = path.relative_to(SOURCE)
    return relative.parts[0].removesuffix(".py")


def imported_rooms(path):
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        yield from (name.split(".")[1] for name in names if name.startswith("crosslevel."))


MODULES = sorted(path for path in SOURCE.rglob("*.py") if path != SOURCE / "__init__.py")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports__point_one_way(path):
    own = room(path)
    for other in imported_rooms(path):
        assert other == own or FLOOR[other] < FLOOR[own], f"{own} must not import {other}"


def test_package__has_at_most_15_public_names_and_all_exist():
    assert len(crosslevel.__all__) <= 15
    for name in crosslevel.__all__:
        assert getattr(crosslevel, name).__name__ == name


@pytest.mark.parametrize("words", [["--help"], ["train", "--help"], ["predict", "--help"]])
def test_help__loads_no_torch(words):
    code = (
        "import sys\nfrom crosslevel.cli import main\n"
        f"try:\n    main({words!r})\nexcept SystemExit:\n    pass\n"
        "sys.exit('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
