"""The page's interface as a stranger and as a broken page would call it."""

import errno
import json

import numpy as np
import pytest
from fastapi.testclient import TestClient

from crosslevel.annotate.learning import Learning
from crosslevel.annotate.patches import checksum
from crosslevel.serving.annotating import annotate_app
from crosslevel.serving.options import ServerOptions
from support.annotating import HEIGHT, TAB, TOKEN, WIDTH, open_session, write_images

HOST = "http://127.0.0.1"
PATCH = {"x": 0, "y": 0, "w": 2, "h": 2, "runs": [1, 4]}
EMPTY = checksum(np.zeros((HEIGHT, WIDTH), np.uint8))
STROKE = {"at": 0, "tool": "brush", "patch": PATCH, "seconds": 1, "base_crc": EMPTY}


@pytest.fixture
def session(tmp_path):
    return open_session(write_images(tmp_path / "data", 2))


@pytest.fixture
def client(session):
    app = annotate_app(Learning(session, None, []), ServerOptions(token=TOKEN))
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with TestClient(app, base_url=HOST, headers=headers) as client:
        yield client


def files(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def post(client, path, body=None, tab=TAB):
    return client.post(f"/annotate/{path}", params={"tab": tab}, json=body)


def post_raw(client, path, body):
    kind = {"Content-Type": "application/json"}
    return client.post(f"/annotate/{path}?tab={TAB}", content=body, headers=kind)


def test_routes__all_need_the_token_and_the_right_host(client, tmp_path):
    paths = client.get("/openapi.json").json()["paths"]
    asked = [(m, p) for p, methods in paths.items() for m in methods if p.startswith("/annotate")]
    assert len(asked) >= 14
    before = files(tmp_path)
    for method, path in asked:
        where = path.replace("{number}", "0") + f"?tab={TAB}"
        for wrong in ("", "Bearer wrong", "Bearer "):
            answer = client.request(method, where, headers={"Authorization": wrong})
            assert answer.status_code == 401, where
        assert client.request(method, where, headers={"Host": "evil.example"}).status_code == 421
    assert files(tmp_path) == before
    page = client.get("/", headers={"Authorization": ""})
    assert page.status_code == 200
    assert TOKEN not in page.text


@pytest.mark.parametrize(
    "number", ["-1", "2", "1e9", "9" * 40, "..%2f..%2fetc%2fpasswd", "....//", "%00", "0/../../x"]
)
def test_numbers__lead_to_no_other_file(client, tmp_path, number):
    before = files(tmp_path)
    for name in ("picture", "thumbnail", "draft", "base", "levels"):
        answer = client.get(f"/annotate/images/{number}/{name}")
        assert answer.status_code in (404, 422)
        assert b"root:" not in answer.content
    assert post(client, f"images/{number}/stroke", STROKE).status_code in (404, 422)
    assert files(tmp_path) == before


@pytest.mark.parametrize(
    "path", ["/page/../annotating.py", "/page/..%2fannotating.py", "/page//etc"]
)
def test_static_files__are_those_of_the_page(client, path):
    assert client.get(path).status_code == 404


@pytest.mark.parametrize(
    "change",
    [
        {"patch": PATCH | {"w": 10**9}},
        {"patch": PATCH | {"runs": [7, 4]}},
        {"patch": []},
        {"at": 5},
        {"at": -1},
        {"seconds": -1},
        {"seconds": "1e999"},
        {"tool": "x" * 1000},
        {"base_crc": 1},
    ],
)
def test_strokes__that_do_not_fit_change_nothing(client, tmp_path, change):
    assert post(client, "images/0/stroke", STROKE | change).status_code == 422
    assert post(client, "images/0/stroke", STROKE, tab="../../x").status_code == 422
    assert not list((tmp_path / "data/.crosslevel").rglob("log.jsonl"))


@pytest.mark.parametrize(
    "body",
    [
        b'{"mark": "unsure", "note": "a \\ud83d"}',
        b'{"mark": NaN}',
        b'{"mark": "\\ud83d"}',
    ],
)
def test_marks__that_are_not_text_are_refused(client, body):
    answer = post_raw(client, "images/0/mark", body)
    assert answer.status_code == 422
    assert client.get("/annotate/state").json()["images"][0]["note"] == ""


@pytest.mark.parametrize("value", [b"NaN", b"Infinity", b"1e999", b'"\\ud83d"'])
@pytest.mark.parametrize("name", ["at", "seconds", "tool", "patch", "base_crc", "x", "runs"])
def test_strokes__of_numbers_that_are_none_are_refused(client, name, value):
    known = json.dumps("?")
    changed = STROKE | ({"patch": PATCH | {name: "?"}} if name in PATCH else {name: "?"})
    body = json.dumps(changed).encode().replace(known.encode(), value)
    answer = post_raw(client, "images/0/stroke", body)
    assert answer.status_code == 422
    assert answer.json()["detail"]
    assert client.get("/annotate/images/0/draft").json()["strokes"] == []


def test_second_tab__is_refused_until_it_takes_over(client):
    assert post(client, "images/0/stroke", STROKE).status_code == 200
    answer = post(client, "images/0/mark", {"mark": "skipped"}, tab="another-tab")
    assert answer.status_code == 409
    assert "another tab" in answer.json()["detail"]
    assert post(client, "tab/take_over", tab="another-tab").status_code == 200
    assert post(client, "images/0/mark", {"mark": "skipped"}, tab="another-tab").status_code == 200


@pytest.mark.parametrize(
    ("path", "body"), [("cursor", {"cursor": 0, "seconds": 1}), ("restart", None)]
)
def test_second_tab__is_not_undone_by_what_waited_in_the_first(client, session, path, body):
    def late(number):
        params = {"tab": TAB, "late": True}
        return client.post(f"/annotate/images/{number}/{path}", params=params, json=body)

    assert post(client, "images/0/stroke", STROKE).status_code == 200
    assert post(client, "tab/take_over", tab="another-tab").status_code == 200
    assert post(client, "images/0/stroke", STROKE | {"at": 1}, "another-tab").status_code == 200
    assert post(client, "tab/take_over").status_code == 200
    assert late(0).status_code == 412
    assert session.draft(0).cursor == 2
    assert late(1).status_code == 200  # nobody else changed this one
    assert post(client, f"images/0/{path}", body).status_code == 200  # done now, it is meant


def test_numbers__of_an_earlier_start_are_refused_after_an_image_came(client, session, tmp_path):
    numbering = client.get("/annotate/state").json()["numbering"]
    where = f"/annotate/images/0/stroke?tab={TAB}&numbering="
    assert client.post(where + numbering, json=STROKE).status_code == 200
    images = tmp_path / "data/images"
    (images / "case_0.png").rename(images / "case_9.png")
    again = open_session(tmp_path / "data")
    assert again.numbering != numbering
    app = annotate_app(Learning(again, None, []), ServerOptions(token=TOKEN))
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with TestClient(app, base_url=HOST, headers=headers) as other:
        assert other.post(where + numbering, json=STROKE).status_code == 410
        assert other.post(where + again.numbering, json=STROKE).status_code == 200


def test_thumbnails__are_not_kept_by_a_number_that_may_be_of_another_image(client):
    answer = client.get("/annotate/images/0/thumbnail")
    assert answer.headers["Cache-Control"] == "no-store"


def test_ranking__is_one_of_those_there_are(client, session):
    assert post(client, "ranking", {"ranking": "best"}).status_code == 422
    assert session.queue.wanted == "both"
    assert post(client, "ranking", {"ranking": "random"}).status_code == 200
    assert client.get("/annotate/state").json()["wanted"] == "random"


def test_full_disk__is_said_and_the_strokes_are_kept(client, session, monkeypatch):
    assert post(client, "images/0/stroke", STROKE).status_code == 200
    mask = session.draft(0).mask

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("crosslevel.annotate.masks.atomic_file", full)
    body = {"crc": checksum(mask), "seconds": 1}
    answer = post(client, "images/0/accept", body)
    assert answer.status_code == 507
    assert "No space left" in answer.json()["detail"]
    monkeypatch.undo()
    assert len(session.draft(0).strokes) == 1
    assert post(client, "images/0/accept", body).status_code == 200
    assert session.items[0].target.is_file()


def test_image__that_is_gone_is_named_and_others_are_saved(client, session, tmp_path):
    assert post(client, "images/0/stroke", STROKE).status_code == 200
    image = tmp_path / "data/images/case_0.png"
    image.rename(tmp_path / "away.png")
    for answer in (
        post(client, "images/0/stroke", STROKE | {"at": 1}),
        post(client, "images/0/accept", {"crc": checksum(session._drafts[0].mask), "seconds": 1}),
        client.get("/annotate/images/0/draft"),
        client.get("/annotate/images/0/thumbnail"),
    ):
        assert answer.status_code == 422
        assert f"{image}: " in answer.json()["detail"]
    assert post(client, "images/1/stroke", STROKE).status_code == 200
    image.parent.rename(tmp_path / "unplugged")  # and comes back
    assert post(client, "images/1/stroke", STROKE | {"at": 1}).status_code == 507
    (tmp_path / "unplugged").rename(image.parent)
    assert post(client, "images/1/stroke", STROKE | {"at": 1}).status_code == 200


def test_accept__is_saved_where_the_training_that_is_due_cannot_begin(tmp_path, monkeypatch):
    session = open_session(write_images(tmp_path / "data", 4, masks=3))
    learning = Learning(session, None, [], every=1)
    monkeypatch.setattr(learning._retraining, "start", lambda *_: False)  # one is still ending
    app = annotate_app(learning, ServerOptions(token=TOKEN))
    headers = {"Authorization": f"Bearer {TOKEN}"}
    number = next(n for n, item in enumerate(session.items) if item.case.mask is None)
    with TestClient(app, base_url=HOST, headers=headers) as client:
        answer = post(client, f"images/{number}/accept", {"crc": EMPTY, "seconds": 1})
    assert answer.status_code == 200
    assert session.num_masks == 4


def test_retrain__without_masks_says_how_many_it_needs(client):
    answer = post(client, "retrain")
    assert answer.status_code == 422
    assert "0 masks; learning needs at least 3" in answer.json()["detail"]
