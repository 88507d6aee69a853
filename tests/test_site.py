"""The site has every page, and what pages link to is in it. `make docs` builds it whole."""

import re
from pathlib import Path

import pytest

from docs.tables.curve import learning_curve

pytest.importorskip("docutils")
pytest.importorskip("sphinx", reason="the extra `docs` is not installed")

from docs.site.navigation import toctrees
from docs.site.sources import FENCE, LINK, marked_link

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "how-to" / "few-masks.md"


@pytest.mark.parametrize(
    ("target", "marked"),
    [
        ("https://example.org/a.py", "https://example.org/a.py"),
        ("#anchor", "#anchor"),
        ("your-folder.md#one", "your-folder.md#one"),
        ("../../results", "../../results/README.md"),
        ("../../src/crosslevel/tiles.py", "source:src/crosslevel/tiles.py"),
        ("../../tests/test_docs.py#test_x", "source:tests/test_docs.py#test_x"),
        ("../../src", "source:src"),
        ("../images/demo.jpg", "../images/demo.jpg"),
        ("../../no/such/file.py", "../../no/such/file.py"),
    ],
)
def test_links__to_files_that_are_no_pages_are_marked(target, marked):
    assert marked_link(ROOT, PAGE, target) == marked


def test_links__are_found_with_code_in_their_names_and_not_in_code():
    text = "[`a[0]`](x.py) ![p](y.jpg)\n```\n[b](z.py)\n```\n"
    assert [match[2] for match in LINK.finditer(FENCE.sub("", text))] == ["x.py"]


def test_navigation__has_every_page_once():
    entry = (ROOT / "docs" / "README.md").read_text()
    listed = re.findall(r"^docs/(.+)$", toctrees(entry), re.MULTILINE)
    pages = {p.relative_to(ROOT / "docs").with_suffix("") for p in (ROOT / "docs").rglob("*.md")}
    assert sorted(listed) == sorted(str(page) for page in pages if page.name != "README")


def test_learning_curve__is_higher_where_dice_is():
    svg = learning_curve([10, 100], {"one": [70, 90], "two": [80, 80]})
    [(_, first, _, last), (_, even, _, same)] = [
        [float(number) for number in re.split("[ ,]", points)]
        for points in re.findall(r'<polyline points="([^"]+)"', svg)
    ]
    assert first > even == same > last
