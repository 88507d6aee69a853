"""A page to annotate on, open in a browser, for one module of tests."""

from types import SimpleNamespace

import pytest

from crosslevel.annotate.learning import Learning
from support.annotating import TINY, TOKEN, open_session, save_network, served, write_images
from support.browser import BROWSER
from support.page import DESKTOP, NUM, settle, wait


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A server, a browser and a page on a folder of images, three with masks."""
    playwright = pytest.importorskip("playwright.sync_api")
    root = tmp_path_factory.mktemp("page")
    data = write_images(root / "data", NUM, masks=3)
    (root / "tiny.yaml").write_text(TINY)
    run = save_network(root / "model")
    session = open_session(data)
    learning = Learning(session, run, ["--config", str(root / "tiny.yaml"), "--threads", "1"])
    with served(learning) as address, playwright.sync_playwright() as p:
        browser = p.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        url = f"{address}/#token={TOKEN}"
        page = browser.new_page(viewport=DESKTOP)
        page.set_default_timeout(20_000)
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(url)
        wait(page, "crosslevel.state.ranking === 'both'")
        yield SimpleNamespace(
            learning=learning, session=session, browser=browser, page=page, url=url
        )
        assert errors == []
        browser.close()


@pytest.fixture
def page(place):
    """That page, all saved and an image to do open."""
    place.page.evaluate(
        "crosslevel.open(crosslevel.state.order.find("
        "(n) => crosslevel.state.images[n].status === 'todo'))"
    )
    settle(place.page)
    return place.page
