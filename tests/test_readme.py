"""The README is for a newcomer: short, in one order, and everything it names is there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def section(title):
    return README.partition(f"## {title}\n")[2].partition("\n## ")[0]


def test_readme__is_read_in_four_minutes():
    assert len(README.split()) <= 900


def test_readme__begins_with_a_sentence_and_a_picture_and_goes_on_in_this_order():
    assert README.index("goes in") < README.index("![") < README.index("\n## ")
    found = re.findall(r"^## (.+)$", README, re.MULTILINE)
    order = ["Try it", "Your own images", "What it gives", "What it is not", "Guided tour"]
    assert found[: len(order)] == order


def test_try_it__is_two_commands():
    [block] = re.findall(r"```bash\n(.*?)```", section("Try it"), re.DOTALL)
    assert [line.split()[:2] for line in block.splitlines()] == [["make", "demo"], ["make", "test"]]


def test_your_own_images__is_five_lines():
    [block] = re.findall(r"```bash\n(.*?)```", section("Your own images"), re.DOTALL)
    assert len(block.splitlines()) == 5


def test_what_it_gives__is_one_table_of_four_rows():
    rows = [line for line in section("What it gives").splitlines() if line.startswith("|")]
    assert len(rows) == 2 + 4
    assert "<!-- table: readme -->" in section("What it gives")


def test_guided_tour__is_six_files():
    assert len(re.findall(r"^\d\. \[`", section("Guided tour"), re.MULTILINE)) == 6
