"""The page in a real browser, where there is one."""

import subprocess

import pytest

from support.browser import BROWSER, needs_browser

QUIET = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
LOOK = """<script>onload = () => {
    const pictures = [...document.images];
    const drawings = [...document.querySelectorAll(".drawing svg")];
    const colours = new Set(drawings.flatMap(d => [...d.querySelectorAll("path")])
        .map(p => getComputedStyle(p).stroke));
    document.title = ["seen", document.documentElement.scrollWidth <= innerWidth,
        pictures.length, pictures.every(p => p.complete && p.naturalWidth > 0),
        drawings.length, drawings.every(d => d.getBoundingClientRect().height > 100),
        colours.has(getComputedStyle(document.body).color)].join(" ");
};</script>"""
TELL = """<script>onload = () => setTimeout(() => document.body.append(
    document.querySelector("iframe").contentDocument.title), 300)</script>"""


@needs_browser
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", [0, 1], ids=["dark", "light"])
def test_page__in_a_browser_is_whole_and_never_scrolls_sideways(page, tmp_path, width, scheme):
    (tmp_path / "frame.html").write_text(page.read_text() + LOOK)
    # A headless window is at least 500 px wide: a frame is as narrow as a phone.
    outer = tmp_path / "outer.html"
    outer.write_text(f'<iframe src="frame.html" width="{width}" height="800"></iframe>{TELL}')
    command = [
        str(BROWSER),
        *QUIET,
        f"--user-data-dir={tmp_path / 'profile'}",
        f"--blink-settings=preferredColorScheme={scheme}",
        "--allow-file-access-from-files",
        "--virtual-time-budget=5000",
        "--dump-dom",
        outer.as_uri(),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    num_pictures = page.read_text().count("data:image/jpeg")
    assert f"seen true {num_pictures} true 5 true true" in done.stdout
