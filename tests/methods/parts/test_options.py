from __future__ import annotations

import math
from dataclasses import dataclass

import pytest

from crosslevel.methods.parts.options import (
    Count,
    InnerShare,
    Positive,
    Share,
    Weight,
    check_options,
)


@dataclass(frozen=True, kw_only=True)
class Inner:
    beta: Weight = 1.0


@dataclass(frozen=True, kw_only=True)
class Base:
    weight: Weight = 1.0
    anything: float = -5.0


@dataclass(frozen=True, kw_only=True)
class Options(Base):
    rounds: Count = 1
    threshold: Share | None = None
    inner: InnerShare = 0.5
    temperature: Positive = 0.1
    weights: tuple[Weight, ...] = ()
    stages: tuple[Inner, ...] = (Inner(),)
    words: tuple[str, Share] = ("a", 1.0)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"weight": -0.1}, "args.weight is -0.1; it must be at least 0."),
        ({"weight": math.nan}, "args.weight is nan; it must be at least 0."),
        ({"weight": math.inf}, "args.weight is inf; it must be at least 0."),
        ({"rounds": 0}, "args.rounds is 0; it must be at least 1."),
        ({"threshold": 95.0}, "args.threshold is 95.0; it must be between 0 and 1."),
        ({"inner": 1.0}, "args.inner is 1.0; it must be strictly between 0 and 1."),
        ({"temperature": 0.0}, "args.temperature is 0.0; it must be greater than 0."),
        ({"weights": (1.0, -1.0)}, "args.weights[1] is -1.0; it must be at least 0."),
        (
            {"stages": (Inner(), Inner(beta=-1))},
            "args.stages[1].beta is -1; it must be at least 0.",
        ),
        ({"words": ("a", 2.0)}, "args.words[1] is 2.0; it must be between 0 and 1."),
    ],
)
def test_check_options__names_the_option_its_value_and_its_range(values, message):
    check_options(Options())
    with pytest.raises(ValueError) as error:  # noqa: PT011 - the whole message is compared
        check_options(Options(**values))
    assert str(error.value) == message
