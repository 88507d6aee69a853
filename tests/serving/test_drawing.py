"""Keys, fingers and a server with news, while a person draws: what is shown is what is saved."""

import numpy as np
import pytest

from support.browser import needs_browser
from support.page import accepted, clear, number_of, on_screen, settle, shown, state_mask, wait

pytestmark = needs_browser


def press(page, *keys):
    page.locator("#stage").focus()
    for key in keys:
        page.keyboard.press(key)


@pytest.mark.parametrize("ends", ["Escape", "h"])
def test_keyboard__shows_nothing_that_is_not_saved(place, page, ends):
    clear(page)
    press(page, "b", "Space", "ArrowRight", ends, "b", *["ArrowDown"] * 4)
    settle(page)
    number = number_of(page)
    assert not state_mask(page).any()
    assert not place.session.draft(number).mask.any()
    press(page, "Space", "ArrowRight")
    page.mouse.move(*on_screen(page, 5, 5))
    press(page, "ArrowRight")
    assert state_mask(page).any()
    assert accepted(place, page).any()  # without a second Space


def test_accept__keeps_the_stroke_that_is_under_way(place, page):
    clear(page)
    shown(page)
    press(page, "b")
    page.mouse.move(*on_screen(page, 20, 30))
    page.mouse.down()
    page.mouse.move(*on_screen(page, 40, 30))
    assert accepted(place, page).any()
    page.mouse.up()
    assert page.evaluate("crosslevel.opened.isUntouched")


def test_next__leaves_the_image_open_where_the_list_is_empty(page):
    number = number_of(page)
    page.evaluate("crosslevel.dispatch({ type: 'filtered', filter: 'unsure' })")
    press(page, "j", "k")
    settle(page)
    assert number_of(page) == number
    page.evaluate("crosslevel.dispatch({ type: 'filtered', filter: 'all' })")


def test_level__begun_on_an_ignored_area_leaves_it_and_grows_the_chosen_class(page):
    found = page.evaluate(
        """async () => {
            const { beginLevel, moveLevel } = await import("/page/level.js");
            const mask = { width: 4, height: 4, data: new Uint8Array(16) };
            mask.data.fill(255, 0, 4);
            const before = { ...mask, data: mask.data.slice() };
            const map = { ...mask, data: new Uint8Array(16).fill(90) };
            const begun = beginLevel(mask, map, { x: 1, y: 0 }, 2);
            moveLevel(mask, before, map, begun, 9);
            return [...mask.data];
        }"""
    )
    assert found == [255] * 4 + [2] * 12


def fingers(page, kind, *places):
    """Touches go down at these places of the image, move and go up together."""
    page.evaluate(
        """({ kind, places }) => {
            const stage = document.getElementById("stage");
            const send = (type, far) => places.forEach(([clientX, clientY], pointerId) =>
                stage.dispatchEvent(new PointerEvent(type, { pointerId, pointerType: kind,
                    clientX: clientX + far, clientY: clientY + far, bubbles: true })));
            stage.setPointerCapture = () => {};
            ["pointerdown", "pointermove", "pointerup"].forEach((type, n) => send(type, 9 * n));
        }""",
        {"kind": kind, "places": places},
    )


def test_fingers__three_draw_nothing_and_two_leave_corners(place, page):
    clear(page)
    shown(page)
    at = [on_screen(page, column, 20) for column in (20, 40, 60)]
    press(page, "b")
    fingers(page, "touch", *at)
    page.mouse.move(*on_screen(page, 10, 10))
    page.mouse.move(*on_screen(page, 30, 10))
    assert not state_mask(page).any()
    press(page, "p")
    for corner in at[:2]:
        page.mouse.click(*corner)
    fingers(page, "touch", *at[:2])
    assert page.evaluate("crosslevel.gestures.corners.length") == 2
    press(page, "Escape")
    assert page.evaluate("crosslevel.gestures.corners.length") == 0


def test_new_model__leaves_a_polygon_that_is_being_drawn(place, page):
    shown(page)
    press(page, "p")
    for corner in [(10, 10), (70, 12), (40, 50)]:
        page.mouse.click(*on_screen(page, *corner))
    assert page.evaluate("crosslevel.opened.isUntouched")
    page.evaluate("crosslevel._renewed()")
    press(page, "Enter")
    settle(page)
    assert page.locator("#banner").is_hidden()
    assert state_mask(page)[20, 40] == 1
    assert np.array_equal(place.session.draft(number_of(page)).mask, state_mask(page))


def test_server__with_other_images_is_sent_nothing(place, page):
    number, before = number_of(page), place.session.numbering
    place.session.numbering = "another"  # as after a start with an image more
    try:
        page.evaluate(
            "crosslevel._save(`images/${crosslevel.state.current}/mark`, { mark: 'skipped' })"
        )
        page.wait_for_selector("#banner:not([hidden])")
        assert "other images" in page.inner_text("#banner")
        assert place.session.items[number].mark == ""
        assert page.locator("#accept").is_disabled()
        page.click("#banner-action")  # anew, with the numbers of now
        wait(page, "globalThis.crosslevel?.state.images.length && crosslevel.state.holds")
    finally:
        place.session.numbering = before
    page.reload()
    wait(page, "globalThis.crosslevel?.state.images.length && crosslevel.state.holds")
    settle(page)
