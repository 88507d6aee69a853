"""One self-contained HTML page of a comparison: opens anywhere, needs no network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from crosslevel.files import write_text


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawing.

    Attributes:
        svg: Its markup; lines and letters in "currentColor" follow the page, light or dark.
        caption: Below it, and for those who cannot see it.
    """

    svg: Markup
    caption: str


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
        caption: What the colours mean.
    """

    rows: Sequence[tuple[str, Sequence[Panel]]]
    caption: str


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page; what is not given is not shown.

    Attributes:
        title: Its heading.
        text: What the reader should know, one paragraph each.
        table: Rows of text.
        charts: Drawings.
        gallery: Photographs.
        details: Headings with long text that opens on a click.
    """

    title: str
    text: Sequence[str] = ()
    table: pd.DataFrame | None = None
    charts: Sequence[Chart] = ()
    gallery: Gallery | None = None
    details: Sequence[tuple[str, str]] = field(default_factory=tuple)

    @property
    def anchor(self) -> str:
        """Where links to it point."""
        return self.title.lower().replace(" ", "-")


def write_page(path: Path, title: str, lead: str, sections: Sequence[Section]) -> None:
    """Write the page.

    Args:
        path: The HTML file.
        title: Heading and window title.
        lead: What was done and seen, in a sentence or two.
        sections: In order.
    """
    environment = Environment(
        loader=PackageLoader("crosslevel.report"), autoescape=True, undefined=StrictUndefined
    )
    template = environment.get_template("page.html.jinja")
    write_text(path, template.render(title=title, lead=lead, sections=sections))
