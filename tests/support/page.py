"""What a test asks of the page in a browser: to settle, what it shows, to accept it."""

from __future__ import annotations

import time

import numpy as np
from PIL import Image

from support.annotating import HEIGHT, WIDTH

SCALE = 8
DESKTOP = {"width": 1280, "height": 800}
NUM = 16
"""Images of the folder, three with masks."""


def wait(page, condition, seconds=20.0):
    """Wait until an expression holds; the policy of the page forbids Playwright's own way."""
    until(page, lambda: page.evaluate(condition), seconds, condition)


def until(page, is_so, seconds=20.0, what="what was waited for"):
    """Wait until a function returns true, while the page goes on."""
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, what
        page.wait_for_timeout(30)


def settle(page):
    """Wait until the image is there, everything saved and painted."""
    wait(
        page,
        "crosslevel.writes.waiting === 0 && crosslevel.opened?.number === crosslevel.state.current",
    )
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0)))")


def shown(page):
    """The (H, W) mask that the canvas shows, read from the pixels of the screen."""
    page.evaluate(
        "(scale) => { const { canvas } = crosslevel; canvas.view = { scale, x: 16, y: 16 };"
        "canvas.repaint(); }",
        SCALE,
    )
    settle(page)
    alphas = page.evaluate(
        """({ scale, width, height }) => {
            const layer = document.getElementById("overlay"), found = [];
            const data = layer.getContext("2d").getImageData(0, 0, layer.width, layer.height).data;
            for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) {
                const at = (16 + y * scale + scale / 2) * layer.width + 16 + x * scale + scale / 2;
                found.push(data[4 * at + 3]);
            }
            return found;
        }""",
        {"scale": SCALE, "width": WIDTH, "height": HEIGHT},
    )
    return np.array(alphas).reshape(HEIGHT, WIDTH) > 0


def state_mask(page):
    data = page.evaluate("[...crosslevel.opened.mask.data]")
    return np.array(data, np.uint8).reshape(HEIGHT, WIDTH)


def on_screen(page, column, row):
    """Where the middle of a pixel of the image lies in the window, after `shown`."""
    box = page.locator("#stage").bounding_box()
    return box["x"] + 16 + (column + 0.5) * SCALE, box["y"] + 16 + (row + 0.5) * SCALE


def number_of(page):
    return page.evaluate("crosslevel.state.current")


def on_disk(place, number):
    with Image.open(place.session.items[number].target) as mask:
        assert mask.mode == "L"
        array = np.asarray(mask)
    assert set(np.unique(array)) <= {0, 255}
    return array > 0


def accepted(place, page):
    """Accept as it is; the mask on disk is the one that was shown."""
    number, seen = number_of(page), shown(page)
    page.keyboard.press("Enter")
    settle(page)
    assert np.array_equal(on_disk(place, number), seen)
    assert number_of(page) != number  # the next one is open
    return seen


def clear(page):
    """Begin from an empty mask, by a stroke as large as the image."""
    page.evaluate(
        "crosslevel.opened.mask.data.fill(0); crosslevel.commit('eraser',"
        f"{{ x: 0, y: 0, w: {WIDTH}, h: {HEIGHT} }})"
    )


def begun_anew(place, page):
    """Wait until the page shows the new model's mask of the image that nobody touched."""

    def is_so():
        draft = place.session.draft(number_of(page))
        is_new = draft.model == place.session.suggestions.name
        return is_new and np.array_equal(draft.mask, state_mask(page))

    until(page, is_so)


def in_browser(page, mask, call):
    """What a function of `mask.js` makes of a mask."""
    found = page.evaluate(
        """async ({ width, height, data, call }) => {
            const m = await import("/page/mask.js");
            const mask = m.makeMask(width, height, Uint8Array.from(data));
            const result = m[call[0]](mask, ...call.slice(1));
            return [[...mask.data], result];
        }""",
        {
            "width": mask.shape[1],
            "height": mask.shape[0],
            "data": mask.ravel().tolist(),
            "call": call,
        },
    )
    return np.array(found[0], np.uint8).reshape(mask.shape), found[1]
