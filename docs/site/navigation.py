"""The site's navigation is the list of pages in `docs/README.md`, which GitHub shows, too."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

MORE = ("CHANGELOG", "CONTRIBUTING", "SECURITY", "results/README", "results/tries/README")
"""Pages outside of `docs/`."""


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("source-read", _add_navigation)
    app.connect("build-finished", _write_index)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def toctrees(entry: str) -> str:
    """Return a hidden table of contents for each list of pages below a heading.

    Args:
        entry: Text of `docs/README.md`.
    """
    sections = re.split(r"^## (.+)$", entry, flags=re.MULTILINE)[1:]
    named = zip(sections[::2], sections[1::2], strict=True)
    trees = {name: re.findall(r"^- .*?\]\((.+?)\.md\)", text, re.MULTILINE) for name, text in named}
    lists = {name: [f"docs/{page}" for page in pages] for name, pages in trees.items() if pages}
    return "\n".join(_toctree(name, pages) for name, pages in (lists | {"More": MORE}).items())


def _toctree(caption: str, pages: Any) -> str:
    lines = ["", "```{toctree}", ":hidden:", f":caption: {caption}", "", *pages, "```", ""]
    return "\n".join(lines)


def _add_navigation(app: Sphinx, docname: str, source: list[str]) -> None:
    if docname == app.config.root_doc:
        source[0] += toctrees((Path(app.srcdir) / "docs" / "README.md").read_text())
    elif docname == "docs/README":
        source[0] = f"---\norphan: true\n---\n\n{source[0]}"


def _write_index(app: Sphinx, exception: Exception | None) -> None:
    """Lead from the folder to the entry, whose name is that of the repository's."""
    if exception is None and app.builder.name == "html":
        target = f"{app.config.root_doc}.html"
        (Path(app.outdir) / "index.html").write_text(
            f'<!doctype html><html lang="en"><title>{app.config.project}</title>'
            f'<meta http-equiv="refresh" content="0; url={target}">'
            f'<a href="{target}">{app.config.project}</a></html>\n'
        )
