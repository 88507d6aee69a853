"""What waits for a server, for another tab or for an image: nothing is lost, or it is said."""

from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from support.browser import needs_browser
from support.page import DESKTOP, NUM, SCALE, number_of, on_screen, settle, state_mask, wait

pytestmark = needs_browser

OTHER = "another-tab"
AUTOMATIC = """void crosslevel.writes.send(`images/${crosslevel.state.current}/restart`, undefined,
    { waits: false }).catch(() => {})"""  # as a new model sends it; here it would undo all
VIEW = f"crosslevel.canvas.view = {{ scale: {SCALE}, x: 16, y: 16 }}"


@pytest.fixture
def drawn(place, page):
    """The image that is open: two strokes and an undo wait, since another tab has the folder."""
    dab(page, 40)
    settle(page)
    with routed(page, "**/stroke?**", lambda route: route.abort()):
        for column in (20, 60):
            dab(page, column)
        page.evaluate(AUTOMATIC)
        page.keyboard.press("z")
        place.session.tabs.take_over(OTHER)
        wait(page, "!crosslevel.state.holds")
    wait(page, "document.getElementById('banner').innerText.includes('3 changes made here wait')")
    assert page.inner_text("#saved") == "3 changes not saved yet"
    return number_of(page)


def dab(page, column):
    """Draw a dot."""
    page.evaluate(VIEW)
    page.keyboard.press("b")
    page.mouse.click(*on_screen(page, column, 10))


@contextmanager
def routed(page, path, answer):
    page.route(path, answer)
    yield
    page.unroute(path, answer)


@contextmanager
def held(page, path):
    """Let the first request of a path wait."""
    routes: list[Any] = []

    def answer(route):
        if routes:
            route.continue_()
        routes.append(route)

    with routed(page, path, answer):
        yield routes


def work_here(page):
    page.click("#banner-action")
    wait(page, "crosslevel.state.holds")
    settle(page)


def other_image(page):
    """Ask for an image that is not at hand; its number."""
    page.evaluate("crosslevel.work.clear()")
    number = page.evaluate(
        "crosslevel.state.order.find((n) => crosslevel.state.images[n].status === 'todo'"
        " && n !== crosslevel.state.current)"
    )
    page.evaluate(f"void crosslevel.open({number})")
    return number


def test_second_tab__what_waits_is_saved_when_work_goes_on_here(place, page, drawn):
    work_here(page)
    assert page.locator("#banner").is_hidden()
    draft = place.session.draft(drawn)
    assert (len(draft.strokes), draft.cursor) == (3, 2)
    assert np.array_equal(draft.mask, state_mask(page))


def test_second_tab__that_changed_the_image_is_named_and_nothing_of_it_lost(place, page, drawn):
    place.session.move(drawn, 0, 1.0)
    work_here(page)
    assert page.inner_text("#banner") == (
        "Another tab changed this image; 3 changes made here were not saved."
    )
    assert place.session.draft(drawn).cursor == 0
    assert np.array_equal(place.session.draft(drawn).mask, state_mask(page))
    dab(page, 50)
    settle(page)
    assert page.locator("#banner").is_hidden()  # a later change was saved


def test_second_tab__is_not_undone_by_what_waited_here(place, page):
    number = number_of(page)
    dab(page, 40)
    settle(page)
    with routed(page, "**/cursor?**", lambda route: route.abort()):
        page.keyboard.press("z")
        place.session.tabs.take_over(OTHER)
        wait(page, "!crosslevel.state.holds")
    place.session.tabs.wrote(OTHER, number)
    work_here(page)
    assert page.inner_text("#banner") == (
        "Another tab changed this image; 1 change made here was not saved."
    )
    assert place.session.draft(number).cursor == 1
    assert np.array_equal(place.session.draft(number).mask, state_mask(page))


def test_second_tab__trains_nothing(place, page):
    place.session.tabs.take_over(OTHER)
    wait(page, "!crosslevel.state.holds")
    page.keyboard.press("r")
    assert page.evaluate("crosslevel.writes.waiting") == 0
    work_here(page)


def test_new_model__leaves_an_image_that_could_not_be_asked_about(place, page):
    dab(page, 40)
    settle(page)
    number = number_of(page)
    with routed(page, f"**/images/{number}/picture**", lambda route: route.abort()):
        page.evaluate("void crosslevel.open(crosslevel.state.current)")
        page.evaluate(f"crosslevel.work.clear(); crosslevel.work.open({number}).catch(() => {{}})")
        page.evaluate(f"crosslevel.work.renew([{number}])")
    settle(page)
    assert len(place.session.draft(number).strokes) == 1


def test_second_tab__is_not_drawn_in_and_asks_no_colleague(place, page):
    before = state_mask(page)
    page.keyboard.press("b")
    place.session.tabs.take_over(OTHER)
    wait(page, "!crosslevel.state.holds")
    page.mouse.click(*on_screen(page, 5, 5))
    page.keyboard.press("u")
    assert np.array_equal(state_mask(page), before)
    assert page.locator("#ask").is_hidden()
    page.evaluate("crosslevel.work.renew([crosslevel.state.current])")  # ends
    work_here(page)
    assert page.locator("#accept").is_enabled()


def test_image__is_not_drawn_on_nor_marked_before_it_is_shown(place, page):
    marks = [item.mark for item in place.session.items]
    page.keyboard.press("b")
    with held(page, "**/draft") as routes:
        number = other_image(page)
        wait(page, "document.getElementById('empty').innerText === 'Loading…'")
        page.mouse.click(*on_screen(page, 20, 20))
        for key in ("s", "u", "Enter"):
            page.keyboard.press(key)
        assert page.locator("#ask").is_hidden()
        assert page.locator("#skip").is_disabled()
        routes[0].continue_()
        settle(page)
    assert number_of(page) == number
    assert page.locator("#empty").is_hidden()
    assert [item.mark for item in place.session.items] == marks
    assert page.evaluate("crosslevel.opened.isUntouched")


def test_image__is_shown_when_the_server_answers_again(page):
    with routed(page, "**/draft", lambda route: route.abort()):
        number = other_image(page)
        wait(page, "document.getElementById('empty').innerText.includes('does not answer')")
        assert "Press S" not in page.inner_text("#empty")
    settle(page)
    assert number_of(page) == number
    assert page.locator("#empty").is_hidden()


def test_state__of_before_a_write_is_asked_for_again(place, page):
    wait(page, f"crosslevel.state.numLooks === {NUM}")  # no news ask for the state
    number = number_of(page)
    with held(page, "**/state") as routes:
        page.evaluate("void (globalThis.refreshed = crosslevel.refresh())")
        while not routes:
            page.wait_for_timeout(30)
        stale = routes[0].fetch()
        page.keyboard.press("s")
        settle(page)
        routes[0].fulfill(response=stale)
        page.evaluate("globalThis.refreshed")
    assert page.evaluate(f"crosslevel.state.images[{number}].status") == "skipped"
    place.session.mark(number, "", "")


@pytest.mark.parametrize("status", [408, 502, 504])
def test_strokes__wait_for_a_server_that_cannot_answer_now(place, page, status):
    with routed(page, "**/stroke?**", lambda route: route.fulfill(status=status)):
        dab(page, 40)
        wait(page, "document.getElementById('saved').dataset.state === 'waiting'")
    settle(page)
    assert page.locator("#banner").is_hidden()
    assert np.array_equal(place.session.draft(number_of(page)).mask, state_mask(page))


def test_news__come_again_after_an_answer_of_a_proxy(place, page):
    second = place.browser.new_page(viewport=DESKTOP)
    with routed(second, "**/events?**", lambda route: route.fulfill(status=502)):
        second.goto(place.url)
        wait(second, "document.getElementById('banner').innerText.includes('does not answer')")
    wait(second, "document.getElementById('banner').innerText.includes('another tab')")
    second.close()
