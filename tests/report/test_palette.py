"""Lines can be seen on both pages, by everybody."""

import re
from importlib.resources import files

import pytest

from crosslevel.report.palette import COLOURS, marks

TEMPLATE = (files("crosslevel.report") / "templates" / "page.html.jinja").read_text()
CARDS = re.findall(r"--card: (#\w+)", TEMPLATE)


def luminance(colour):
    digits = colour[1:] if len(colour) == 7 else "".join(2 * d for d in colour[1:])
    parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize(("scheme", "card"), enumerate(CARDS), ids=["light", "dark"])
def test_colours__contrast_with_the_page(scheme, card):
    for pair in COLOURS:
        high, low = sorted((luminance(pair[scheme]), luminance(card)), reverse=True)
        assert (high + 0.05) / (low + 0.05) >= 3, pair[scheme]  # WCAG 2.2, 1.4.11


def test_marks__differ_for_24_rows():
    assert len(set(marks(map(str, range(24))).values())) == 24
