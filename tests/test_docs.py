"""What README and docs show works, what they link to is there, and how they say it."""

import ast
import re
import shlex
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from crosslevel import cli
from crosslevel.config.files import preset_names, to_yaml
from crosslevel.config.train import TrainConfig
from crosslevel.data.layouts import Folder
from crosslevel.data.synthetic import write_synthetic
from test_architecture import FLOOR, SOURCE

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]
LINKED = [*PAGES, *sorted((ROOT / "results").rglob("*.md"))]
EXTRAS = (
    "pip install .",
    "pip install '.[hub]'",
    "pip install '.[encoders]'",
    "pip install '.[export]'",
    "pip install '.[serve]'",
)
GENERATED = re.compile(r"<!-- table: .*?<!-- end -->", re.DOTALL)
QUOTED = re.compile(r"^## English\n.*", re.DOTALL | re.MULTILINE)
"""In CONTRIBUTING the words are named."""
NOT_SAID = (
    r"\btrainings\b",
    r"\b[Tt]old apart",
    r"\b[Pp]retend",
    r"(?<![Tt]here )\bis no (?!longer|more\b)\w+",
    r"\bTODO\b",
    r"\bbeats\b",
)
"""How we do not say it, and why not is in CONTRIBUTING; to be extended."""


def name_of(page):
    return str(page.relative_to(ROOT))


def blocks(page, language):
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(), re.DOTALL)


def anchors(page):
    """Names of a page's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


COMMANDS = [
    line for page in PAGES for block in blocks(page, "bash") for line in block.splitlines() if line
]
EXAMPLES = [
    line.strip()
    for module, _ in cli.COMMANDS.values()
    for line in import_module(module).EXAMPLE.splitlines()
    if line.startswith("  crosslevel")
]


@pytest.mark.parametrize("line", dict.fromkeys([*COMMANDS, *EXAMPLES]))
def test_command__is_understood(line, tmp_path, monkeypatch):
    (tmp_path / "runs" / "first").mkdir(parents=True)
    (tmp_path / "runs" / "first" / "config.yaml").write_text(to_yaml(TrainConfig()))
    monkeypatch.chdir(tmp_path)
    words = shlex.split(line, comments=True)
    if words[0] == "torchrun":
        words = words[words.index("-m") + 1 :]
    if words[0] == "make":
        assert f"\n{words[1]}:" in (ROOT / "Makefile").read_text()
    elif words[0] == "crosslevel":
        name = next(n for n in cli.COMMANDS if words[1 : 1 + len(n.split())] == n.split())
        parser = cli._parser(name, import_module(cli.COMMANDS[name][0]))
        arguments = [word for word in words[1 + len(name.split()) :] if word != "--print_config"]
        parser.parse_args(arguments)
    else:
        assert line in EXTRAS


@pytest.mark.parametrize("page", LINKED, ids=name_of)
def test_links__lead_somewhere(page):
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)]+)\)", text):
        file, _, anchor = target.partition("#")
        if not file.startswith("https://"):
            found = (page.parent / file).resolve() if file else page
            assert found.exists(), target
            if anchor and found.suffix == ".md":
                assert anchor in anchors(found), target


@pytest.mark.parametrize("page", LINKED, ids=name_of)
def test_lines__are_short(page):
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    shown = re.sub(r"\]\([^)]+\)", "]", text)  # an address cannot be broken
    assert [line for line in shown.splitlines() if len(line) > 100 and line[0] != "|"] == []


@pytest.mark.parametrize("page", LINKED, ids=name_of)
def test_english__is_plain(page):
    text = re.sub(r"\s+", " ", QUOTED.sub("", GENERATED.sub("", page.read_text())))
    assert [words for words in NOT_SAID if re.search(words, text)] == []


def test_english__of_the_code_is_plain():
    texts = [re.sub(r"\s+", " ", path.read_text()) for path in SOURCE.rglob("*.py")]
    assert [words for words in NOT_SAID if any(re.search(words, text) for text in texts)] == []


@pytest.mark.parametrize("page", LINKED, ids=name_of)
def test_python__is_python(page):
    for block in blocks(page, "python"):
        ast.parse(block)


def run_block(page):
    [block] = blocks(DOCS / "how-to" / page, "python")
    names: dict[str, Any] = {"__name__": "block"}
    exec(block.replace("budget=15 * 60", "crosslevel.TrainConfig(epochs=1, size=64)"), names)
    return names


def test_your_folder__runs_in_python_as_it_stands(tmp_path, monkeypatch, capsys):
    write_synthetic(tmp_path / "polyps", 20, size=80)
    monkeypatch.chdir(tmp_path)
    assert run_block("your-folder.md")["mask"].shape == (80, 80)
    assert "Dice" in capsys.readouterr().out


def test_add_a_method__is_the_example():
    [block] = blocks(DOCS / "how-to" / "add-a-method.md", "python")
    example = ast.parse((ROOT / "examples" / "add_a_method.py").read_text())
    steps = [
        ast.dump(ast.Module(node.body[1:], []))
        for tree in (ast.parse(block), example)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.name == "training_step"
    ]
    assert len(steps) == 2
    assert steps[0] == steps[1]


def test_add_a_format__finds_cases(tmp_path):
    for name in ("a.jpg", "a_mask.png", "b.jpg"):
        (tmp_path / name).touch()
    layout = run_block("add-a-format.md")["beside_each_other"]
    found = layout(Folder.scan(tmp_path))
    assert [(case.id, case.mask) for case in found.cases] == [
        ("a", tmp_path / "a_mask.png"),
        ("b", None),
    ]
    (tmp_path / "a_mask.png").unlink()
    assert layout(Folder.scan(tmp_path)) is None


def first_cells(page):
    """Names in `code` in the first column of the tables of a page."""
    rows = [line for line in page.read_text().splitlines() if line.startswith("|")]
    return {name for row in rows for name in re.findall(r"`([^`]+)`", row.split("|")[1])}


def test_house__has_every_room_on_its_floor():
    rooms = {p.stem for p in SOURCE.iterdir() if not p.stem.startswith("_") and p.stem != "py"}
    shown: dict[str, int] = {}
    page = (DOCS / "explanation" / "the-house.md").read_text()
    for row in re.findall(r"^\| (\d+) \| (.+?) \|", page, re.MULTILINE):
        shown |= {room: int(row[0]) for room in re.findall(r"`(\w+)`", row[1])}
    assert shown == {room: FLOOR[room] + 1 for room in rooms}


def test_configuration__has_every_preset():
    assert set(preset_names()) <= first_cells(DOCS / "reference" / "configuration.md")


def test_command_line__has_every_command():
    assert set(cli.COMMANDS) <= first_cells(DOCS / "reference" / "command-line.md")


def test_entry__links_every_page():
    entry = (DOCS / "README.md").read_text()
    pages = [str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md") if page.name != "README.md"]
    assert [page for page in pages if f"]({page})" not in entry] == []
