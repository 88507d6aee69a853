"""The page of methods knows all of them, and says of each where it is from."""

import inspect
import re
from pathlib import Path

import pytest

from crosslevel.methods import METHODS, find_method
from support.cards import choose_it

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "methods.md"
MOST_LINES = 120
OWN = {"clcc", "fixmatch_clcc"}
"""What the project is about may be longer."""


def test_page__has_a_row_for_every_method():
    rows = re.findall(r"^\| `(\w+)` \|.*\| \d.* \| \S+ \+ \d+ \|$", PAGE.read_text(), re.MULTILINE)
    assert sorted(rows) == sorted(METHODS)


@pytest.mark.parametrize("name", sorted(METHODS))
def test_method__names_its_source(name):
    text = inspect.getdoc(find_method(name)) or ""
    assert re.search(r"Source: .*\b(19|20)\d\d\b", text, re.DOTALL)


def test_card__says_when_to_choose_the_method():
    told = {name: choose_it(find_method(name)) for name in METHODS}
    assert [name for name, text in told.items() if not text] == []
    assert len(set(told.values())) == len(METHODS)


@pytest.mark.parametrize("name", sorted(set(METHODS) - OWN))
def test_method__is_one_small_file(name):
    file = Path(inspect.getfile(find_method(name)))
    assert len(file.read_text().splitlines()) <= MOST_LINES
