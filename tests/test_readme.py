"""What the README shows works: commands are parsed by the real parser, Python is run."""

import re
import shlex
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from crosslevel import cli
from crosslevel.data.synthetic import write_synthetic

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
COMMAND_LINES = [
    line
    for page in PAGES
    for block in re.findall(r"```bash\n(.*?)```", page.read_text(), re.DOTALL)
    for line in block.splitlines()
]
EXAMPLES = [
    line.strip()
    for module, _ in cli.COMMANDS.values()
    for line in import_module(module).EXAMPLE.splitlines()
    if line.startswith("  crosslevel")
]


@pytest.mark.parametrize("line", [*COMMAND_LINES, *EXAMPLES])
def test_command__is_understood(line):
    words = shlex.split(line, comments=True)
    if words[0] == "make":
        assert f"\n{words[1]}:" in (ROOT / "Makefile").read_text()
    elif words[0] == "crosslevel":
        name = next(n for n in cli.COMMANDS if words[1 : 1 + len(n.split())] == n.split())
        parser = cli._parser(name, import_module(cli.COMMANDS[name][0]))
        parser.parse_args(words[1 + len(name.split()) :])
    else:
        assert line in ("pip install .", "pip install '.[export]'")


def test_python__runs_as_it_stands(tmp_path, monkeypatch, capsys):
    [block] = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    quick = block.replace("budget=15 * 60", "crosslevel.TrainConfig(epochs=1, size=64)")
    assert quick != block
    write_synthetic(tmp_path / "polyps", 20, size=80)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(quick, names)
    assert names["mask"].shape == (80, 80)
    assert "Dice" in capsys.readouterr().out


def test_links__lead_somewhere():
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).exists(), target
