"""Look at pages as axe-core does, in Chromium, light and dark; exit code 1 if it finds anything.

`make accessibility` calls it: `python .ci/accessibility.py axe.min.js FOLDER [FOLDER …]`. Each HTML
file below the folders is opened. What counts are the rules of WCAG 2, levels A and AA: contrast,
labels, names of links and buttons, alternatives of pictures, headings of tables, and others.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from playwright.sync_api import Browser, sync_playwright

SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
LEADS_ON = 'http-equiv="refresh"'
"""In a page that is gone before it can be looked at."""
MOST_NODES = 5
"""Places of one finding that are named on a page."""


def main(axe: Path, folders: list[Path]) -> int:
    """Print each finding with its page and places; return how the process ends."""
    files = sorted(page for folder in folders for page in folder.rglob("*.html"))
    pages = [page for page in files if LEADS_ON not in page.read_text()]
    if not pages:
        print(f"No pages in {', '.join(map(str, folders))}: nothing was looked at.")
        return 1
    number = 0
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium") or shutil.which("google-chrome"),
            args=["--no-sandbox"],
        )
        for page in pages:
            for line in look(browser, page, axe.read_text()):
                print(line)
                number += 1
        browser.close()
    print(f"{number} findings on {len(pages)} pages, light and dark")
    return 1 if number else 0


def look(browser: Browser, page: Path, axe: str) -> Iterator[str]:
    """Yield a line for each finding on one page."""
    for scheme in SCHEMES:
        tab = browser.new_page(color_scheme=scheme)
        tab.goto(page.resolve().as_uri())
        tab.evaluate(axe)
        found: list[dict[str, Any]] = tab.evaluate(
            "async tags => (await axe.run({runOnly: tags})).violations", TAGS
        )
        for finding in found:
            nodes = [" ".join(map(str, node["target"])) for node in finding["nodes"]]
            named = "; ".join(nodes[:MOST_NODES])
            yield f"{page} ({scheme}): {finding['id']}, {finding['help']}, {len(nodes)}: {named}"
        tab.close()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), [Path(folder) for folder in sys.argv[2:]]))
