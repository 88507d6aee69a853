"""One self-contained HTML page of a comparison: opens anywhere, needs no network."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from matplotlib.figure import Figure

from crosslevel.files import write_text


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page.

    Attributes:
        title: Its heading.
        text: What the reader should know, one paragraph each.
        table: Shown if given.
        figure: Shown if given; `caption` describes it, also to those who cannot see it.
        caption: Below the figure.
    """

    title: str
    text: Sequence[str] = ()
    table: pd.DataFrame | None = None
    figure: Figure | None = None
    caption: str = ""

    @property
    def picture(self) -> str:
        """The figure as a data URI."""
        assert self.figure is not None, "only sections with a figure have a picture"
        file = io.BytesIO()
        self.figure.savefig(file, format="png", dpi=130)
        return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


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
