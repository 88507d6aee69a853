"""The page's tables and figures as files of their own, for a paper: CSV, LaTeX and SVG."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from crosslevel.report.page import Chart, Section
from crosslevel.report.palette import COLOURS
from crosslevel.system.files import write_text

TEXT_COLOUR = "#1f2328"


def write_parts(folder: Path, sections: Sequence[Section]) -> list[Path]:
    """Write each table as `.csv` and `.tex` and each figure as `.svg`; existing ones are replaced.

    A LaTeX table needs the package booktabs. Figures are those of the light page, with a legend by
    the rows' names in the tables.

    Args:
        folder: Where to; made if it is missing.
        sections: Of the page.

    Returns:
        The files, in the order of the page.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for section in sections:
        for name, text in _texts(section):
            written.append(folder / name)
            write_text(written[-1], text)
    return written


def _texts(section: Section) -> Iterator[tuple[str, str]]:
    if section.table is not None:
        yield f"{section.anchor}.csv", section.table.to_csv(index=False)
        yield f"{section.anchor}.tex", _latex(section.table)
    charts = [*section.charts, *section.small_charts]
    for number, chart in enumerate(charts, start=1):
        yield f"{section.anchor}-{number}.svg", _by_itself(chart)


def _latex(table: pd.DataFrame) -> str:
    aligned = "l" + "r" * (len(table.columns) - 1)
    plain: str = table.to_latex(index=False, escape=True, column_format=aligned, na_rep="")
    return plain


def _by_itself(chart: Chart) -> str:
    """Return the drawing with colours of its own instead of those of the page."""
    svg = str(chart.svg).replace("currentColor", TEXT_COLOUR)
    svg = re.sub(r"var\(--row(\d+)\)", lambda match: COLOURS[int(match[1])][0], svg)
    if "xmlns=" not in svg.partition(">")[0]:
        svg = svg.replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"', 1)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{svg}\n'
