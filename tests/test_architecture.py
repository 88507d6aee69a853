"""The house: imports point one way, nothing lies loose, files and functions stay small."""

import ast
import io
import subprocess
import sys
import tokenize
from pathlib import Path

import pytest

import crosslevel

SOURCE = Path(crosslevel.__file__).parent
ROOT = Path(__file__).parents[1]
FLOORS = (
    ("errors",),
    ("types",),
    ("logits", "tiles", "config", "system"),
    ("losses", "images"),
    ("data",),
    ("models",),
    ("methods", "runs"),
    ("pretraining", "inference", "report"),
    ("evaluation", "annotate"),
    ("serving",),
    ("training",),
    ("export",),
    ("bench",),
    ("commands",),
    ("cli",),
    ("__main__",),
)
"""Rooms, lower floors first: a room imports from lower floors only."""
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
LOOSE = {"__init__", "__main__", "cli", "errors", "logits", "tiles", "types"}
WITHOUT_A_ROOM = {"bad_input", "benchmarks", "contracts", "fuzz", "support", "survival"}
"""Folders of tests that belong to no room."""

MOST_LINES, USUAL_LINES = 350, 260
TOO_LONG_FILES: dict[str, int] = {}
"""What is longer still, and its lines; whoever shortens one removes it here."""
MOST_CODE, USUAL_CODE = 60, 25
TOO_LONG_FUNCTIONS: dict[str, int] = {}
"""Likewise, in lines of code."""

MODULES = sorted(path for path in SOURCE.rglob("*.py") if path != SOURCE / "__init__.py")
FILES = sorted(
    path
    for folder in ("src", "tests", "benchmarks", "examples")
    for path in ROOT.glob(f"{folder}/**/*.py")
)
NOT_CODE = {
    *(tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE),
    *(tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER),
}


def name_of(path):
    return path.relative_to(ROOT).as_posix()


def room(path):
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def imported_rooms(path):
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(path)}:{node.lineno}: import by the full name"
            names = [node.module or ""]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for name in names:
            assert name != "crosslevel", f"{name_of(path)}: import from the module itself"
            if name.startswith("crosslevel."):
                yield name.split(".")[1]


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports__point_one_way(path):
    own = room(path)
    for other in imported_rooms(path):
        assert other == own or FLOOR[other] < FLOOR[own], f"{own} must not import {other}"


def test_rooms__no_module_lies_loose():
    assert {path.stem for path in SOURCE.glob("*.py")} == LOOSE


def test_rooms__tests_lie_as_what_they_test():
    folders = {path.parent.relative_to(ROOT / "tests") for path in ROOT.glob("tests/**/*.py")}
    of_rooms = [folder for folder in folders if str(folder) not in WITHOUT_A_ROOM]
    assert [folder for folder in of_rooms if not (SOURCE / folder).is_dir()] == []


def code_lines(path):
    """Yield each function's name and its lines of code, without docstrings and comments."""
    text = path.read_text()
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    spans = (range(t.start[0], t.end[0] + 1) for t in tokens if t.type not in NOT_CODE)
    lines = {line for span in spans for line in span}
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            lines -= set(range(node.lineno, (node.end_lineno or 0) + 1))
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            own = range(node.lineno, (node.end_lineno or 0) + 1)
            yield f"{name_of(path)}:{node.name}", len(lines.intersection(own))


def check_sizes(sizes, usual, most, exceptions):
    """At least nine in ten are of the usual size; nothing is above the most, nor grows there."""
    assert sum(size > usual for _, size in sizes) <= len(sizes) / 10
    above = {name: size for name, size in sizes if size > most}
    assert exceptions.keys() - above.keys() == set(), "is short now: remove it from the exceptions"
    assert {name: size for name, size in above.items() if size > exceptions.get(name, most)} == {}


def test_files__are_short():
    sizes = [(name_of(path), len(path.read_text().splitlines())) for path in FILES]
    check_sizes(sizes, USUAL_LINES, MOST_LINES, TOO_LONG_FILES)


def test_functions__are_short():
    sizes = [size for path in FILES for size in code_lines(path)]
    check_sizes(sizes, USUAL_CODE, MOST_CODE, TOO_LONG_FUNCTIONS)


def test_code_lines__leave_docstrings_and_comments_out(monkeypatch, tmp_path):
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    (tmp_path / "x.py").write_text(
        'def f(\n    a,\n):\n    """Doc.\n\n    More.\n    """\n'
        "    # why\n\n    return [\n        a\n    ]\n"
    )
    assert list(code_lines(tmp_path / "x.py")) == [("x.py:f", 6)]


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
