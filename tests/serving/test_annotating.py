"""The page as a person uses it, in a real browser: what is shown is what lies on disk."""

import re
import zlib

import numpy as np
import pytest
import torch
from matplotlib.path import Path as Outline
from scipy import ndimage

from support.annotating import HEIGHT, WIDTH
from support.browser import needs_browser
from support.page import (
    DESKTOP,
    NUM,
    accepted,
    begun_anew,
    clear,
    in_browser,
    number_of,
    on_screen,
    settle,
    shown,
    state_mask,
    wait,
)

pytestmark = needs_browser


def test_accept__writes_what_the_model_suggested(place, page):
    look = place.session.suggestions.look(place.session.items[number_of(page)].case)
    expected = look.mask((HEIGHT, WIDTH), 0.5) > 0
    assert np.array_equal(accepted(place, page), expected)
    wait(page, f"figures.innerText.includes('4 of {NUM} done')")


def test_page__says_what_a_suggestion_is_worth(place, page):
    look = place.session.suggestions.look(place.session.items[number_of(page)].case)
    wait(page, f"worth.textContent.startsWith('The model is {100 * look.confidence:.0f} % sure')")
    assert "by its own confidence" in page.inner_text("#order-note")
    worth = "async (said) => (await import('/page/state.js')).worth(said).words"
    said = {"sureness": 0.9, "doubt_from": "expected_dice", "is_empty": False}
    assert page.evaluate(worth, said).endswith("(Dice) 90 %: hardly anything to mend.")
    assert page.evaluate(worth, said | {"sureness": 0.4}).endswith("40 %: mostly wrong.")
    assert page.evaluate(worth, said | {"is_empty": True}).startswith("Nothing found")


def test_order__is_chosen_on_the_page_and_what_is_open_makes_room(place, page):
    looks = place.session.suggestions.looks
    by_doubt = sorted(looks, key=lambda name: looks[name].sureness)
    page.select_option("#ranking", label="Least sure first")
    wait(page, "crosslevel.state.ranking === 'uncertainty'")
    settle(page)
    state = page.evaluate("crosslevel.state")
    todo = [i for i in state["order"] if state["images"][i]["status"] == "todo"]
    shown_names = [state["images"][i]["name"] for i in todo]
    assert shown_names == [name for name in by_doubt if name in shown_names]
    wait(page, f"crosslevel.state.current === {todo[0]}")
    page.select_option("#ranking", "random")
    wait(page, "crosslevel.state.ranking === 'random'")
    assert not page.is_visible("#order-note")
    page.select_option("#ranking", "both")
    wait(page, "crosslevel.state.ranking === 'both'")


def test_brush__paints_the_pixels_under_its_way_and_undo_takes_them_back(place, page):
    clear(page)
    page.keyboard.press("b")
    page.evaluate("crosslevel.dispatch({ type: 'radius', radius: 3 })")
    shown(page)
    page.mouse.move(*on_screen(page, 20, 10))
    page.mouse.down()
    page.mouse.move(*on_screen(page, 40, 10), steps=4)
    page.mouse.up()
    settle(page)
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    along = np.clip(columns, 20, 40)
    expected = np.hypot(columns - along, rows - 10) <= 3
    assert np.array_equal(shown(page), expected)
    page.keyboard.press("Control+z")
    settle(page)
    assert not shown(page).any()
    page.keyboard.press("Control+y")
    settle(page)
    page.reload()  # nothing is lost, nor what can be undone
    wait(page, "crosslevel.state.ranking === 'both'")
    settle(page)
    assert np.array_equal(shown(page), expected)
    page.keyboard.press("z")
    settle(page)
    assert not shown(page).any()
    page.keyboard.press("y")
    settle(page)
    assert np.array_equal(accepted(place, page), expected)


def test_level__moves_the_outline_along_the_network(place, page):
    look = place.session.suggestions.look(place.session.items[number_of(page)].case)
    small = torch.from_numpy(look.levels[None].astype(np.float32))
    stretched = torch.nn.functional.interpolate(small, (HEIGHT, WIDTH), mode="bilinear")
    levels = stretched[0, 0].numpy()
    row, column = np.unravel_index(np.argmax(levels[10:-10, 10:-10]), (HEIGHT - 20, WIDTH - 20))
    middle = (int(column) + 10, int(row) + 10)
    clear(page)
    page.evaluate("crosslevel.dispatch({ type: 'radius', radius: 6 })")
    page.keyboard.press("b")
    shown(page)
    page.mouse.click(*on_screen(page, *middle))
    settle(page)
    before = state_mask(page)
    page.keyboard.press("l")
    x, y = on_screen(page, *middle)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 40, y, steps=3)  # 20 steps of a sixteenth of a logit
    begun_at = page.evaluate("crosslevel.gestures._stroke.begun.level")
    page.mouse.up()
    settle(page)
    grown = state_mask(page) > 0
    rim = before.astype(bool) & ~ndimage.binary_erosion(before)
    assert levels[rim].min() <= begun_at <= levels[rim].max()
    regions, _ = ndimage.label(levels > begun_at - 20)
    seed = np.unravel_index(np.argmax(np.where(before, levels, -1)), levels.shape)
    expected = regions == regions[seed]
    assert (grown != expected).mean() < 0.02  # regions that touch between two samples alone
    assert (grown != (before > 0)).any()
    accepted(place, page)


def test_polygon__fills_the_pixels_inside(place, page):
    clear(page)
    page.keyboard.press("p")
    shown(page)
    corners = [(10, 10), (60, 15), (50, 45), (15, 40)]
    for corner in corners:
        page.mouse.click(*on_screen(page, *corner))
    page.keyboard.press("Enter")
    settle(page)
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    centres = np.stack([columns.ravel(), rows.ravel()], axis=1)
    inside = Outline(corners).contains_points(centres).reshape(HEIGHT, WIDTH)
    found = shown(page)
    on_rim = inside ^ ndimage.binary_erosion(inside) | ndimage.binary_dilation(inside) ^ inside
    assert np.array_equal(found & ~on_rim, inside & ~on_rim)
    assert found.any()
    accepted(place, page)


def test_whole_mask__is_cleaned_as_scipy_cleans_it(place):
    rng = np.random.default_rng(3)
    for _ in range(4):
        mask = ndimage.binary_opening(rng.random((30, 40)) < 0.7).astype(np.uint8)
        filled, _ = in_browser(place.page, mask, ["fillHoles"])
        assert np.array_equal(filled, ndimage.binary_fill_holes(mask))
        kept, _ = in_browser(place.page, mask, ["dropIslands", 0.3])
        labels, num = ndimage.label(mask)
        sizes = ndimage.sum_labels(mask, labels, range(num + 1))
        assert np.array_equal(kept, (sizes >= 0.3 * sizes.max())[labels] & (labels > 0))
        smoothed, _ = in_browser(place.page, mask, ["smooth", 2])
        inner = ndimage.uniform_filter(mask.astype(float), 5) > 0.5
        assert np.array_equal(smoothed[4:-4, 4:-4], inner[4:-4, 4:-4])
        assert in_browser(place.page, mask, ["checksum"])[1] == zlib.crc32(mask.tobytes())


def test_state__goes_to_the_first_image_that_is_not_done(place):
    found = place.page.evaluate(
        """async () => {
            const { command, initial, listed, nextTodo, reduce } = await import("/page/state.js");
            const images = ["done", "todo", "skipped", "draft", "unsure", "todo"].map(
                (status, n) => ({ name: `${n}`, status, note: "", confidence: null }));
            const state = { images, order: [4, 5, 2, 3, 0, 1], classes: ["a", "b"], job: {} };
            const loaded = reduce(initial(), { type: "loaded", state });
            const filtered = reduce(loaded, { type: "filtered", filter: "done" });
            const done = reduce(loaded, { type: "status", number: 5, status: "done" });
            return {
                next: [nextTodo(loaded), nextTodo(loaded, 5), nextTodo(loaded, 5, 3, 1)],
                done: [nextTodo(done), loaded.images[5].status],
                listed: [listed(loaded), listed(filtered)],
                value: [2, 3].map((value) => reduce(loaded, { type: "value", value }).value),
                keys: [["Z", 1, 1], ["z", 1, 0], ["z", 0, 0], ["3", 0, 0], ["0", 0, 0], ["q", 0, 0]]
                    .map(([key, ctrl, shift]) => command({ key, ctrl: !!ctrl, shift: !!shift })),
            };
        }"""
    )
    assert found == {
        "next": [5, 3, None],
        "done": [3, "todo"],
        "listed": [[4, 5, 2, 3, 0, 1], [0]],
        "value": [2, 1],
        "keys": ["redo", "undo", "undo", "class:3", "fit", ""],
    }


def test_keyboard__is_enough_for_everything(place, page):
    clear(page)
    page.locator("#stage").focus()
    for key in ["b", "[", "[", "Space", *["ArrowRight"] * 5, "ArrowDown", "Space"]:
        page.keyboard.press(key)
    settle(page)
    assert state_mask(page)[HEIGHT // 2, WIDTH // 2] == 1
    drawn = state_mask(page).sum()
    for key in ["l", ".", "f", "i", "m", "z", "z", "z", "z"]:
        page.keyboard.press(key)
        settle(page)
    accepted(place, page)
    assert drawn > 4
    number = number_of(page)
    page.keyboard.press("s")
    settle(page)
    assert place.session.status(place.session.items[number]) == "skipped"
    number = number_of(page)
    page.keyboard.press("u")
    page.keyboard.type("Is this a fold?")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    wait(page, f"crosslevel.state.images[{number}].status === 'unsure'")
    settle(page)
    assert place.session.items[number].note == "Is this a fold?"
    page.locator("#list").focus()
    page.keyboard.press("ArrowDown")
    settle(page)
    place.session.mark(number, "", "")


def test_strokes__wait_while_the_server_is_away(place, page):
    clear(page)
    settle(page)
    number = number_of(page)
    before = len(place.session.draft(number).strokes)
    page.route("**/stroke?**", lambda route: route.abort())
    page.keyboard.press("b")
    shown_at = on_screen(page, 30, 30)
    page.mouse.click(*shown_at)
    wait(page, "document.getElementById('saved').dataset.state === 'waiting'")
    assert len(place.session.draft(number).strokes) == before
    leaving = "!dispatchEvent(new Event('beforeunload', { cancelable: true }))"
    assert page.evaluate(leaving)  # the browser asks whether to leave
    page.unroute("**/stroke?**")
    settle(page)
    assert not page.evaluate(leaving)
    assert np.array_equal(place.session.draft(number).mask, state_mask(page))
    page.on("dialog", lambda dialog: dialog.accept())
    page.keyboard.press("x")
    wait(page, "crosslevel.opened?.isUntouched")


def test_second_tab__is_told_and_may_take_over(place, page):
    second = place.browser.new_page(viewport=DESKTOP)
    second.goto(place.url)
    second.wait_for_selector("#banner:not([hidden])")
    assert "another tab" in second.inner_text("#banner")
    assert second.locator("#accept").is_disabled()
    second.click("#banner-action")
    page.wait_for_selector("#banner:not([hidden])")
    assert page.locator("#accept").is_disabled()
    second.close()  # and the first one has the folder again
    page.wait_for_selector("#banner", state="hidden")
    settle(page)
    assert page.locator("#accept").is_enabled()


@pytest.mark.parametrize(
    ("width", "height", "scheme"), [(390, 844, "dark"), (820, 1180, "light"), (1280, 800, "dark")]
)
def test_widths__show_all_and_never_scroll_sideways(place, page, width, height, scheme):
    page.set_viewport_size({"width": width, "height": height})
    page.emulate_media(color_scheme=scheme)
    settle(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.locator("#stage").bounding_box()["height"] > 0.4 * height
    for button in page.locator("aside button").all():
        box = button.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        assert button.evaluate("(b) => b.scrollWidth <= b.clientWidth + 1")
        assert button.inner_text().strip() or button.get_attribute("aria-label")
    page.locator("#accept").wait_for(state="visible")
    if width < 1080:
        page.click("#show-queue")
        page.locator("#list li").first.click()
        settle(page)
        assert page.evaluate("document.body.dataset.queue") == ""
        assert page.get_attribute("#show-queue", "aria-expanded") == "false"
    page.set_viewport_size(DESKTOP)


def test_reader__is_told_names_and_states(place, page):
    for role, name in [("listbox", "Images in the order of work"), ("toolbar", "Drawing tools")]:
        assert page.get_by_role(role, name=name).count() == 1
    options = page.locator("#list").get_by_role("option")
    assert options.count() == NUM
    assert "done" in options.last.get_attribute("aria-label")
    for button in page.get_by_role("button").all():
        assert button.inner_text().strip() or button.get_attribute("aria-label")


def test_retrain__renews_suggestions_and_order(place, page):
    before, model = place.session.queue.version, place.session.suggestions.name
    fetched, number = [], number_of(page)
    page.on("request", lambda request: fetched.append(request.url))
    page.keyboard.press("r")
    wait(page, "crosslevel.state.job.state === 'running'")
    assert page.locator("#learn-progress").is_visible()
    wait(page, "crosslevel.state.job.state === 'done'", 90)
    assert re.search(r"Dice of \d+ (validation|masks)", page.inner_text("#learn-note"))
    wait(page, f"crosslevel.state.model !== '{model}'")
    wait(page, f"crosslevel.state.numLooks === {NUM}")
    settle(page)
    assert place.session.queue.version > before
    assert place.session.suggestions.name.startswith("round-001:")
    begun_anew(place, page)
    assert f"images/{number}/picture" not in " ".join(fetched)  # it is still at hand


def test_retrain__that_fails_leaves_the_page_working(place, page):
    last = place.session.work.runs / "round-001"
    assert place.learning.start_words() == [
        *("--from", str(last), "--model.name", "unet", "--model.widths", "[4, 8]"),
        *("--model.decoder", "batchnorm", "--model.initial", "torch"),
    ]
    learning_options = ("--config", "nowhere.yaml")
    retraining = place.learning._retraining
    good, retraining._options = retraining._options, learning_options
    page.keyboard.press("r")
    wait(page, "crosslevel.state.job.state === 'failed'", 60)
    assert "nowhere.yaml" in page.inner_text("#learn-note")
    retraining._options = good
    accepted(place, page)
