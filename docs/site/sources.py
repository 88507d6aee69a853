"""Links from pages to files of the repository lead to pages that show these files.

So the site is whole by itself: it needs neither a network nor a place where the code is hosted.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docutils import nodes
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import TextLexer, get_lexer_for_filename
from pygments.util import ClassNotFound
from sphinx.application import Sphinx

SCHEME = "source:"
PICTURES = {".jpg", ".png", ".svg"}
OF_A_FOLDER = ("README.md", "protocol.yaml")
"""Which file stands for a folder that is linked."""
MAX_BYTES = 400_000
LINK = re.compile(r"(?<!!)(\[(?:[^\[\]]|\[[^\]]*\])*\]\()([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("source-read", _mark_links)
    app.connect("doctree-resolved", _resolve)
    app.connect("html-collect-pages", _pages)
    app.config.shown_files = set()
    return {"parallel_read_safe": False, "parallel_write_safe": False}


def _mark_links(app: Sphinx, docname: str, source: list[str]) -> None:
    root, page = Path(app.srcdir), Path(app.env.doc2path(docname))
    pieces = FENCE.split(source[0])
    fences = [*FENCE.findall(source[0]), ""]
    marked = (LINK.sub(lambda m: f"{m[1]}{marked_link(root, page, m[2])})", p) for p in pieces)
    source[0] = "".join(part for pair in zip(marked, fences, strict=True) for part in pair)


def marked_link(root: Path, page: Path, target: str) -> str:
    """Return the target of a link, as `source:PATH#NAME` if it is a file that is not a page.

    Args:
        root: Of the repository.
        page: The file with the link.
        target: As it stands there.
    """
    file, _, name = target.partition("#")
    if not file or "://" in file:
        return target
    found = (page.parent / file).resolve()
    if found.is_dir():
        found = next((found / inner for inner in OF_A_FOLDER if (found / inner).is_file()), found)
    if found.suffix == ".md":
        relative = os.path.relpath(found, page.parent)
        return f"{relative}#{name}" if name else relative
    if not found.exists() or found.suffix in PICTURES:
        return target
    return f"{SCHEME}{found.relative_to(root).as_posix()}" + (f"#{name}" if name else "")


def _resolve(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    for link in doctree.findall(nodes.reference):
        uri = str(link.get("refuri", ""))
        if uri.startswith(SCHEME):
            path, _, name = uri.removeprefix(SCHEME).partition("#")
            app.config.shown_files.add(path)
            address = app.builder.get_relative_uri(docname, f"source/{path}")
            link["refuri"] = f"{address}#{name}" if name else address


def _pages(app: Sphinx) -> Iterator[tuple[str, dict[str, Any], str]]:
    for path in sorted(app.config.shown_files):
        file = Path(app.srcdir) / path
        body = _listing(file) if file.is_file() else _contents(file)
        yield f"source/{path}", {"title": path, "body": f"<h1>{path}</h1>{body}"}, "page.html"


def _listing(file: Path) -> str:
    text = file.read_bytes()[:MAX_BYTES].decode(errors="replace")
    try:
        lexer = get_lexer_for_filename(file.name)
    except ClassNotFound:
        lexer = TextLexer()
    listing = highlight(text, lexer, HtmlFormatter(nowrap=True))
    lines = (_with_anchor(line) for line in listing.splitlines())
    return f'<div class="highlight"><pre>{chr(10).join(lines)}</pre></div>'


def _with_anchor(line: str) -> str:
    """Give a line that defines a function or a class its name as an anchor."""
    bare = re.sub(r"<[^>]+>", "", line)
    defined = re.match(r"(?:async )?(?:def|class) (\w+)", bare)
    return f'<span id="{defined[1]}">{line}</span>' if defined else line


def _contents(folder: Path) -> str:
    names = sorted(path.name + "/" * path.is_dir() for path in folder.iterdir())
    return "<ul>" + "".join(f"<li><code>{name}</code></li>" for name in names) + "</ul>"
