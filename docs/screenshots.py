"""`python -m docs.screenshots`: pictures of the page for the docs, from generated images alone.

It needs Chromium and trains for some minutes. The pictures are looked at before they are committed.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from playwright.sync_api import Page, sync_playwright

from crosslevel.config.train import TrainConfig
from crosslevel.data.synthetic import write_synthetic
from crosslevel.training.train import train

IMAGES = Path(__file__).parent / "images"
BUDGET_S = 240.0
SHOTS: tuple[tuple[str, int, int, Literal["light", "dark"]], ...] = (
    ("annotate-light", 1280, 800, "light"),
    ("annotate-dark", 1280, 800, "dark"),
    ("annotate-phone", 390, 844, "light"),
)
"""Name, width and height in pixels, colours."""
SHOWN = "lesion_0026"
"""An image whose lesion a reader sees, too; some differ from their ground by texture alone."""


def main(run: Path | None = None) -> None:
    """Train where no run is given, open the page and take its pictures."""
    with TemporaryDirectory() as scratch:
        root = Path(scratch)
        if run is None:
            taught = write_synthetic(root / "taught", 150, size=160, seed=7)
            config = TrainConfig(size=128, method="supervised")
            run = train(taught, root / "first", config, budget=BUDGET_S).path
        data = write_synthetic(root / "polyps", 40, size=480, masks=12, seed=11)
        with _page_of(data, run) as address, sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox"]
            )
            for name, width, height, scheme in SHOTS:
                page = browser.new_page(
                    viewport={"width": width, "height": height}, color_scheme=scheme
                )
                page.goto(address)
                _wait_for_model(page)
                page.keyboard.press("l")
                page.screenshot(path=IMAGES / f"{name}.jpg", type="jpeg", quality=82)
                page.close()
            browser.close()


@contextmanager
def _page_of(data: Path, run: Path) -> Iterator[str]:
    """The command as a user starts it; yields the address it prints."""
    words = ["annotate", str(data), "--run", str(run), "--port", "0", "--who", "Ada"]
    server = subprocess.Popen(
        [sys.executable, "-m", "crosslevel", *words], stderr=subprocess.PIPE, text=True
    )
    assert server.stderr is not None, "started with a pipe"
    try:
        yield next(m[0] for line in server.stderr if (m := re.search(r"http\S+", line)))
    finally:
        server.terminate()
        server.wait()


def _wait_for_model(page: Page) -> None:
    """Until the model has seen all images and the one to be shown is open."""
    ready = "crosslevel.state.numLooks === 40"
    while not page.evaluate(ready):
        page.wait_for_timeout(200)
    place = f"crosslevel.state.images.findIndex((image) => image.name === '{SHOWN}')"
    page.evaluate(f"crosslevel.open({place})")
    page.wait_for_timeout(1500)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
