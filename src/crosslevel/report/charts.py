"""Drawings of a comparison as SVG that suits light and dark pages; made of files, of no model."""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from crosslevel.report.page import Chart
from crosslevel.report.runs import FinishedRun, mean_over_runs

Rows = Mapping[str, Sequence[FinishedRun]]

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c6bb1", "#7f7f7f")
"""One for each row, told apart also by the colour-blind (Okabe and Ito)."""
TEXT = "#010203"
"""Stands for the page's own colour of text until the drawing is written."""
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9,
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
}
SIZE_GROUPS = 4


def validation_curves(rows: Rows) -> Chart:
    """Validation Dice over the steps: the mean of each row's runs, and their range."""
    with rc_context(STYLE):
        figure = Figure(figsize=(7.5, 3.4), layout="constrained")
        axis = figure.subplots()
        for (name, runs), colour in zip(rows.items(), cycle(COLOURS)):
            curves = [run.log.dropna(subset="val/dice").set_index("step") for run in runs]
            dice = 100 * pd.concat([curve["val/dice"] for curve in curves], axis=1).sort_index()
            axis.plot(dice.index, dice.mean(axis=1), color=colour, label=name, linewidth=1.6)
            if len(runs) > 1:
                low, high = dice.min(axis=1), dice.max(axis=1)
                axis.fill_between(dice.index, low, high, color=colour, alpha=0.15, linewidth=0)
        axis.set(xlabel="Step", ylabel="Validation Dice", ylim=(0, 100))
        axis.legend(ncols=2, fontsize=8)
    return _chart(figure, "Validation Dice over the steps; the range of the draws as a band.")


def loss_curves(rows: Rows) -> Chart:
    """Each loss by its name, weighted as it is minimised, one small drawing for each row."""
    columns = min(3, len(rows))
    lines = -(-len(rows) // columns)
    with rc_context(STYLE):
        figure = Figure(figsize=(7.5, 2.3 * lines), layout="constrained")
        axes = list(figure.subplots(lines, columns, squeeze=False).flat)
        for axis in axes:
            axis.set_visible(False)
        for axis, (name, runs) in zip(axes, rows.items(), strict=False):
            _draw_losses(axis, name, runs[0].log)
    return _chart(figure, "Losses by name, weighted, over the steps of each row's first run.")


def dice_distribution(rows: Rows) -> Chart:
    """Dice of every test image, best row on top."""
    scores = {name: 100 * mean_over_runs(runs, "dice") for name, runs in rows.items()}
    ordered = sorted(scores, key=lambda name: float(scores[name].mean()))
    colours = dict(zip(rows, cycle(COLOURS)))
    noise = np.random.default_rng(0)
    with rc_context(STYLE):
        figure = Figure(figsize=(7.5, 0.8 + 0.5 * len(rows)), layout="constrained")
        axis = figure.subplots()
        for place, name in enumerate(ordered):
            dice = scores[name].to_numpy()
            height = place + noise.uniform(-0.28, 0.28, len(dice))
            axis.scatter(dice, height, s=6, color=colours[name], alpha=0.45, linewidths=0)
            low, middle, high = np.percentile(dice, [25, 50, 75])
            axis.plot([low, high], [place, place], color=TEXT, linewidth=5, alpha=0.25)
            axis.plot([middle] * 2, [place - 0.3, place + 0.3], color=TEXT, linewidth=1.8)
        axis.set(xlabel="Dice", xlim=(-2, 102), yticks=range(len(ordered)), yticklabels=ordered)
        axis.grid(visible=False, axis="y")
    return _chart(
        figure,
        "Dice of every test image, averaged over the runs of a row; the median as a line, "
        "the middle half as a bar.",
    )


def dice_by_size(rows: Rows) -> Chart:
    """Mean Dice in four equal groups of test images, from small to large foregrounds."""
    with rc_context(STYLE):
        figure = Figure(figsize=(7.5, 3.2), layout="constrained")
        axis = figure.subplots()
        for (name, runs), colour in zip(rows.items(), cycle(COLOURS)):
            share = 100 * mean_over_runs(runs, "foreground_share")
            dice = 100 * mean_over_runs(runs, "dice")
            group = pd.qcut(share.rank(method="first"), min(SIZE_GROUPS, len(share)), labels=False)
            axis.plot(
                share.groupby(group).median(),
                dice.groupby(group).mean(),
                marker="o",
                markersize=4,
                color=colour,
                label=name,
            )
        axis.set(xlabel="Foreground (% of the image, median of a quarter of the images)")
        axis.set(ylabel="Mean Dice", ylim=(0, 100))
        axis.legend(ncols=2, fontsize=8)
    return _chart(figure, "Mean Dice of the quarters of the test images, by size of the truth.")


def _draw_losses(axis: Axes, name: str, log: pd.DataFrame) -> None:
    axis.set_visible(True)
    for colour, column in zip(cycle(COLOURS), [c for c in log if str(c).startswith("loss/")]):
        values = log[column].where(log[column] > 0)
        axis.plot(log["step"], values, color=colour, label=str(column).removeprefix("loss/"))
    axis.set_yscale("log")
    axis.set_title(name, fontsize=9)
    axis.set_xlabel("Step")
    axis.legend(fontsize=7)


def _chart(figure: Figure, caption: str) -> Chart:
    file = io.StringIO()
    with rc_context(STYLE):
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None})
    svg = file.getvalue()
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    svg = svg.replace(TEXT, "currentColor")
    return Chart(Markup(_own_ids(svg)), caption)


def _own_ids(svg: str) -> str:
    """Ids that no other drawing on the page has."""
    mark = f"c{zlib.crc32(svg.encode())}-"
    svg = re.sub(r'\bid="', f'id="{mark}', svg)
    return re.sub(r'(href="#|url\(#)', rf"\g<1>{mark}", svg)
