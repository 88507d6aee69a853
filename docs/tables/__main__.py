"""`make tables`: write every generated table anew, and the index of what is published."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from docs.tables.contents import TABLES
from docs.tables.published import PUBLISHED, ROOT, index
from docs.tables.recipe import CURVE, recipe_curve_picture

INDEX = PUBLISHED / "index.csv"
_TABLE = re.compile(r"(<!-- table: ([\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def pages() -> list[Path]:
    """List the pages that may hold a table."""
    folders = (ROOT / "docs", ROOT / "results")
    return [ROOT / "README.md", *sorted(p for folder in folders for p in folder.rglob("*.md"))]


def filled(page: Path) -> str:
    """Return the text of a page with its tables as the runs have them now.

    Raises:
        ValueError: If the page asks for a table that does not exist.
    """

    def fill(match: re.Match[str]) -> str:
        begin, name, end = match.groups()
        if name not in TABLES:
            raise ValueError(f"{page}: no table {name!r}. Choose from {', '.join(TABLES)}.")
        return f"{begin}\n{TABLES[name](page)}\n\n{end}"

    return _TABLE.sub(fill, page.read_text(encoding="utf-8"))


def drifted() -> Iterator[tuple[Path, str]]:
    """Yield each generated file or page that is not as it has to be, and its text."""
    texts = {INDEX: index().to_csv(index=False), CURVE: recipe_curve_picture()}
    texts |= {page: filled(page) for page in pages()}
    for file, text in texts.items():
        if not file.is_file() or file.read_text(encoding="utf-8") != text:
            yield file, text


def main() -> int:
    """Write what has changed, and name it."""
    for file, text in drifted():
        file.write_text(text, encoding="utf-8")
        sys.stdout.write(f"{file.relative_to(ROOT)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
