"""Cases without files, as many as a test of splits wants."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from hypothesis import strategies as st

from crosslevel.data.split import Split
from crosslevel.types import Case

SEEDS = st.integers(0, 2**40)


def masked(count, prefix="m", **fields):
    names = [f"{prefix}{number:04}" for number in range(count)]
    return [Case(name, Path(f"{name}.png"), Path(f"{name}_mask.png"), **fields) for name in names]


def unmasked(count, prefix="u", **fields):
    return [replace(case, mask=None) for case in masked(count, prefix, **fields)]


@st.composite
def grouped_cases(draw: st.DrawFn) -> list[Case]:
    """Cases of at least three groups that hold a mask, with further images without one."""
    groups = st.sampled_from(["", "g1", "g2", "g3", "g4"])
    cases = [
        replace(case, group=draw(groups) or None)
        for case in masked(draw(st.integers(0, 30))) + unmasked(draw(st.integers(0, 15)))
    ]
    return [*cases, *masked(3, "alone")]


def everything(split: Split) -> list[str]:
    return [case_id for ids in (*split.parts().values(), split.left_out) for case_id in ids]
