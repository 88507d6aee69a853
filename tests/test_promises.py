"""The page of promises: every test it names is there."""

import ast
import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[1] / "docs" / "explanation" / "promises.md"
LINKS = re.findall(r"\]\(([^)#]+\.py)#(\w+)\)", PAGE.read_text())


@pytest.mark.parametrize(("file", "name"), LINKS, ids=[name for _, name in LINKS])
def test_promise__is_held_by_a_test_that_exists(file, name):
    tree = ast.parse((PAGE.parent / file).read_text())
    assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_promises__each_has_a_link():
    promises = re.findall(r"^- \*\*.*?(?=^- |^$)", PAGE.read_text(), flags=re.MULTILINE | re.DOTALL)
    assert len(promises) >= 15
    assert [promise for promise in promises if "](" not in promise] == []
