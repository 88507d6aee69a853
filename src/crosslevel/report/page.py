"""One self-contained HTML page of a comparison: opens anywhere, needs no network."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from crosslevel.report.palette import COLOURS, marks
from crosslevel.system.files import write_text


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawing.

    Attributes:
        svg: Its markup; lines and letters in "currentColor" follow the page, light or dark.
        caption: Below it.
        description: For those who cannot see it: what it says, in numbers.
    """

    svg: Markup
    caption: str
    description: str


@dataclass(frozen=True, slots=True)
class Panel:
    """A photograph with a line below.

    Attributes:
        source: A data URI.
        caption: The line.
    """

    source: str
    caption: str


@dataclass(frozen=True, slots=True)
class Gallery:
    """Photographs in rows.

    Attributes:
        rows: A heading and its panels, each.
        is_compact: Small photographs, many beside each other.
    """

    rows: Sequence[tuple[str, Sequence[Panel]]]
    is_compact: bool = False


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page; what is not given is not shown.

    Attributes:
        title: Its heading.
        text: What the reader should know, one paragraph each.
        table: Rows of text; numbers unless `is_prose`.
        notes: How to read the table, below it.
        is_prose: The table holds words, which may break into lines.
        has_legend: Show which colour is which row, above the drawings.
        charts: Drawings beside each other.
        small_charts: More of them, small; their captions are names of rows.
        small_text: What the small ones show.
        gallery: Photographs.
        details: Headings with long text that opens on a click.
    """

    title: str
    text: Sequence[str] = ()
    table: pd.DataFrame | None = None
    notes: Sequence[str] = ()
    is_prose: bool = False
    has_legend: bool = False
    charts: Sequence[Chart] = ()
    small_charts: Sequence[Chart] = ()
    small_text: str = ""
    gallery: Gallery | None = None
    details: Sequence[tuple[str, str]] = field(default_factory=tuple)

    @property
    def anchor(self) -> str:
        """Where links to it point."""
        return self.title.lower().replace(" ", "-")


def write_page(
    path: Path, title: str, lead: str, sections: Sequence[Section], rows: Sequence[str]
) -> None:
    """Write the page.

    Args:
        path: The HTML file.
        title: Heading and window title.
        lead: What was done and seen, in a sentence or two.
        sections: In order.
        rows: Names of the rows, in the order of their colours.
    """
    environment = Environment(
        loader=PackageLoader("crosslevel.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["code"] = _code
    text = environment.get_template("page.html.jinja").render(
        title=title, lead=lead, sections=sections, marks=marks(rows), colours=COLOURS
    )
    write_text(path, text)


def _code(text: str) -> Markup:
    """Words between backquotes as code, everything else as it is."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))
