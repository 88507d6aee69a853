"""The learning curve as a picture: written by hand, so that equal numbers give equal bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 640, 300, 44, 150, 16, 40
COLOURS = ("#2f7dd1", "#c2702b")
"""Legible on white and on black."""
GREY = "#808080"
LOWEST, HIGHEST, STEP = 70, 90, 5


def learning_curve(masks: Sequence[int], rows: Mapping[str, Sequence[float]]) -> str:
    """Return an SVG: Dice over the number of masks on a logarithmic axis, a line for each row.

    Args:
        masks: Number of masks of each point, ascending.
        rows: Dice of each point, in [70, 90], by the name of the row; at most two rows.
    """
    parts = [_heading(rows)]
    parts += [_level(dice) for dice in range(LOWEST, HIGHEST + 1, STEP)]
    parts += [_text(_x(number, masks), HEIGHT - 18, str(number)) for number in masks]
    parts += [_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 3, "masks")]
    for colour, dices in zip(COLOURS, rows.values(), strict=False):
        points = [(_x(number, masks), _y(dice)) for number, dice in zip(masks, dices, strict=True)]
        parts.append(_line(points, colour))
    ends = dict(zip(rows, COLOURS, strict=False))
    parts += [_label(TOP + 20 + 18 * i, name, c) for i, (name, c) in enumerate(ends.items())]
    return "\n".join([*parts, "</svg>", ""])


def _heading(rows: Mapping[str, Sequence[float]]) -> str:
    title = "Test Dice by number of masks: " + ", ".join(rows)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'font-family="sans-serif" font-size="12" role="img">\n<title>{title}</title>'
    )


def _level(dice: int) -> str:
    y = _y(dice)
    line = f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="{GREY}" '
    return f'{line}stroke-opacity="0.35"/>\n{_text(LEFT - 18, y + 4, str(dice))}'


def _text(x: float, y: float, text: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="middle" fill="{GREY}">{text}</text>'


def _line(points: Sequence[tuple[float, float]], colour: str) -> str:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>' for x, y in points)
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>\n{dots}'


def _label(y: float, name: str, colour: str) -> str:
    x = WIDTH - RIGHT + 14
    return (
        f'<circle cx="{x}" cy="{y - 4}" r="4" fill="{colour}"/>'
        f'<text x="{x + 10}" y="{y}" fill="{GREY}">{name}</text>'
    )


def _x(number: int, masks: Sequence[int]) -> float:
    share = log(number / masks[0]) / log(masks[-1] / masks[0])
    return LEFT + 10 + share * (WIDTH - RIGHT - LEFT - 20)


def _y(dice: float) -> float:
    return HEIGHT - BOTTOM - (dice - LOWEST) / (HIGHEST - LOWEST) * (HEIGHT - BOTTOM - TOP)
