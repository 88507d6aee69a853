"""How drawings look: small enough for a phone, as SVG in the colours of the page it stands on."""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from markupsafe import Markup
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from crosslevel.report.page import Chart
from crosslevel.report.palette import marks
from crosslevel.runs.finished import FinishedRun

Rows = Mapping[str, Sequence[FinishedRun]]
"""The finished runs of each row."""
WIDTH, SMALL_WIDTH = 4.8, 3.2
"""Inches: letters keep a readable size on a page of 340 px."""
TEXT = "#010203"
"""Stands for the page's own colour of text until the drawing is written."""
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "crosslevel",
    "font.family": "sans-serif",
    "font.size": 10,
    "text.color": TEXT,
    "axes.edgecolor": TEXT,
    "axes.labelcolor": TEXT,
    "xtick.color": TEXT,
    "ytick.color": TEXT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": TEXT,
    "grid.alpha": 0.15,
    "axes.grid": True,
    "legend.frameon": False,
    "lines.linewidth": 1.6,
}


def draw(
    paint: Callable[[Axes], None],
    height: float,
    caption: str,
    description: str,
    *,
    width: float = WIDTH,
) -> Chart:
    """Return a drawing of one pair of axes.

    Args:
        paint: Fills the axes.
        height: In inches.
        caption: Shown below.
        description: For those who cannot see it.
        width: In inches.
    """
    with rc_context(STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        paint(figure.subplots())
        file = io.StringIO()
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None})
    svg = file.getvalue()
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    return Chart(Markup(_in_page_colours(_own_ids(svg))), caption, description)


def _in_page_colours(svg: str) -> str:
    for mark in marks(map(str, range(8))).values():
        svg = svg.replace(mark.placeholder, mark.css)
    return svg.replace(TEXT, "currentColor")


def _own_ids(svg: str) -> str:
    """Return ids that no other drawing on the page has."""
    mark = f"c{zlib.crc32(svg.encode())}-"
    svg = re.sub(r'\bid="', f'id="{mark}', svg)
    return re.sub(r'(href="#|url\(#)', rf"\g<1>{mark}", svg)
