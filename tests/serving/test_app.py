"""The guards of every server, over a socket as a stranger would meet them."""

import base64
import logging
import socket
import time

import pytest
from fastapi import APIRouter, Request, UploadFile

from crosslevel.errors import InputError
from crosslevel.serving import server
from crosslevel.serving.app import create_app
from crosslevel.serving.options import ServerOptions
from support.served import form, serving

TOKEN = "0123456789abcdef"


def app_of(**options):
    router = APIRouter()

    @router.get("/secret")
    def secret(request: Request) -> dict[str, str]:
        return {"id": request.state.request_id}

    @router.post("/size")
    def size(image: UploadFile) -> int:
        return len(image.file.read())

    @router.get("/refused")
    def refused() -> None:
        raise InputError("expected this, found that: do so")

    @router.get("/broken")
    def broken() -> None:
        raise KeyError("a secret of ours")

    return create_app([router], ServerOptions(**options), title="Test")


@pytest.fixture(scope="module")
def guarded():
    with serving(app_of(token=TOKEN, max_megabytes=1, max_seconds=1)) as running:
        yield running


def basic(password):
    return "Basic " + base64.b64encode(f"user:{password}".encode()).decode()


@pytest.mark.parametrize(
    ("path", "given", "status"),
    [
        ("/secret", {}, 401),
        ("/secret", {"Authorization": f"Bearer {TOKEN}"}, 200),
        ("/secret", {"Authorization": f"Bearer {TOKEN[:-1]}"}, 401),
        ("/secret", {"Authorization": f"Bearer {TOKEN}x"}, 401),
        ("/secret", {"Authorization": "Bearer"}, 401),
        ("/secret", {"Authorization": "Bearer \xe9\xff"}, 401),
        ("/secret", {"Authorization": basic(TOKEN)}, 200),
        ("/secret", {"Authorization": basic("wrong")}, 401),
        ("/secret", {"Authorization": "Basic !"}, 401),
        ("/secret", {"Authorization": "Basic \xe9"}, 401),
        (f"/secret?token={TOKEN}", {}, 200),
        ("/secret?token=wrong", {}, 401),
        ("/nowhere", {}, 401),
        ("//healthz", {}, 401),
        ("/static-offline-docs/../secret", {}, 404),
        ("/static-offline-docs/..%2f..%2f__init__.py", {}, 404),
        ("/healthz", {}, 200),
        ("/docs", {}, 200),
        ("/openapi.json", {}, 200),
    ],
)
def test_token(guarded, path, given, status):
    assert guarded.ask(path, **given).status == status


def test_token__in_the_address_does_not_change_anything(guarded):
    body, kind = form(b"x")
    assert guarded.ask(f"/size?token={TOKEN}", body, Content_Type=kind).status == 401


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "localhost"}, 200),
        ({"Host": "LOCALHOST:1"}, 200),
        ({"Host": "[::1]:8642"}, 200),
        ({"Host": "evil.example"}, 421),
        ({"Host": "127.0.0.1.evil.example"}, 421),
        ({"Host": "localhost.evil.example:8642"}, 421),
        ({"Host": "192.168.0.1"}, 421),
        ({"Host": ""}, 421),
        ({"Host": "[::1"}, 421),
        ({"Host": "localhost", "Origin": "http://localhost"}, 200),
        ({"Host": "localhost", "Origin": "http://evil.example"}, 403),
        ({"Host": "localhost:1", "Origin": "http://localhost:2"}, 403),
        ({"Host": "localhost", "Origin": "null"}, 403),
        ({"Host": "localhost", "Origin": "http://[evil"}, 403),
    ],
)
def test_host(guarded, headers, status):
    assert guarded.ask("/healthz", **headers).status == status


def test_host__of_a_server_for_others_may_be_an_address_or_a_name_that_was_allowed():
    options = ServerOptions(host="0.0.0.0", token=TOKEN, allow_host="Segmenter, other")
    app = create_app([], options, title="Test")
    with serving(app) as running:
        for host, status in (("10.1.2.3:80", 200), ("segmenter:80", 200), ("evil.example", 421)):
            assert running.ask("/healthz", Host=host).status == status


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"host": "0.0.0.0"}, "--host 0.0.0.0 lets other machines call, which needs a token"),
        ({"host": "192.168.1.1"}, "needs a token"),
        ({"host": "segmenter.example"}, "needs a token"),
        ({"token": "short"}, "has 5 characters; at least 16 are expected"),
        ({"max_megabytes": 0}, "max_megabytes is 0; it must be at least 1"),
        ({"port": -1}, "port is -1; it must be at least 0"),
        ({"port": 70000}, "port is 70000; it must be at most 65535"),
    ],
)
def test_options__that_would_be_open_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        ServerOptions(**options)


def test_run__a_port_that_is_taken_is_named():
    with server.listening("127.0.0.1", 0) as bound:
        port = bound.getsockname()[1]
        with (
            pytest.raises(InputError, match=f"127.0.0.1, port {port} .* choose another --port"),
            server.listening("127.0.0.1", port),
        ):
            pass


def test_body__too_large_by_what_it_says_is_refused_before_it_is_sent(guarded):
    head = f"POST /size HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n"
    with socket.create_connection(("127.0.0.1", guarded.port), timeout=20) as stream:
        stream.sendall(f"{head}Content-Length: 2000000000\r\n\r\n".encode())
        answer = stream.makefile("rb").read()  # to the end: the connection is closed
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"larger than 1000000 bytes" in answer


def test_body__too_large_without_a_word_is_cut_off_while_it_streams(guarded):
    """2 GB in chunks: what goes through before the door closes is what sockets hold."""
    kind = form(b"")[1]
    head = (
        f"POST /size HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n"
        f"Content-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    begin = form(b"")[0].partition(b"\r\n--frontier--")[0]
    chunk = b"10000\r\n" + bytes(0x10000) + b"\r\n"
    sent = 0
    with socket.create_connection(("127.0.0.1", guarded.port), timeout=20) as stream:
        stream.sendall(head.encode() + f"{len(begin):x}\r\n".encode() + begin + b"\r\n")
        try:
            while sent < 2_000_000_000:
                stream.sendall(chunk)
                sent += 0x10000
        except OSError:
            pass
    assert sent < 50_000_000


def test_body__of_a_slow_caller_ends_in_408(guarded):
    head = f"POST /size HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n"
    kind = form(b"")[1]
    with socket.create_connection(("127.0.0.1", guarded.port), timeout=20) as stream:
        stream.sendall(f"{head}Content-Type: {kind}\r\nContent-Length: 1000\r\n\r\n--f".encode())
        answer = stream.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 408 ")


def test_headers__of_a_slow_caller_end_the_connection(monkeypatch):
    monkeypatch.setattr(server, "SILENCE_S", 0.3)
    with serving(app_of()) as running:
        with socket.create_connection(("127.0.0.1", running.port), timeout=20) as stream:
            stream.sendall(b"GET /healthz HTTP/1.1\r\nHost: loc")
            assert stream.recv(100) == b""
        with socket.create_connection(("127.0.0.1", running.port), timeout=20) as stream:
            stream.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert b"200 OK" in stream.makefile("rb").read()


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "multipart/form-data; boundary=frontier"),
        (b"--frontier\r\n", "multipart/form-data; boundary=frontier"),
        (b"--other\r\nno: colon", "multipart/form-data; boundary=frontier"),
        (b"\xff" * 500, "multipart/form-data; boundary=frontier"),
        (b"--frontier--", "multipart/form-data"),
        (form(b"x", field="other")[0], "multipart/form-data; boundary=frontier"),
        (b"--frontier\r\n" + b"A: b\r\n" * 5000, "multipart/form-data; boundary=frontier"),
        (b"image=1", "application/x-www-form-urlencoded"),
        (b"{", "application/json"),
        (b"x", "multipart/form-data; boundary=" + "f" * 5000),
    ],
)
def test_multipart__malformed_is_the_callers_error(guarded, body, kind):
    answer = guarded.ask("/size", body, Content_Type=kind, Authorization=f"Bearer {TOKEN}")
    assert 400 <= answer.status < 500
    assert answer.json()["detail"]


def test_multipart__whole_is_read(guarded):
    body, kind = form(b"12345")
    answer = guarded.ask("/size", body, Content_Type=kind, Authorization=f"Bearer {TOKEN}")
    assert answer.json() == 5


def test_errors__say_what_to_do_but_nothing_of_the_inside(caplog):
    caplog.set_level(logging.INFO, "crosslevel.serving")
    with serving(app_of()) as running:
        refused = running.ask("/refused")
        assert (refused.status, refused.json()) == (
            422,
            {"detail": "expected this, found that: do so"},
        )
        broken = running.ask("/broken", X_Request_Id="mine-1")
        assert broken.status == 500
        assert broken.headers["X-Request-Id"] == "mine-1"
        assert broken.json() == {"detail": "An error of the server; its log has it as mine-1."}
    assert "KeyError: 'a secret of ours'" in caplog.text


def test_log__has_the_id_that_the_answer_has_and_no_token(guarded, caplog):
    caplog.set_level(logging.INFO, "crosslevel.serving")
    answer = guarded.ask(f"/secret?token={TOKEN}", X_Request_Id="forged\x7f line")
    request_id = answer.json()["id"]
    assert answer.headers["X-Request-Id"] == request_id
    guarded.ask("/%0Aforged%1b[31m")
    deadline = time.monotonic() + 10
    while len(caplog.messages) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert any(line.startswith(f"{request_id} GET /secret 200") for line in caplog.messages)
    assert r"/\nforged\x1b[31m" in caplog.text
    assert TOKEN not in caplog.text


def test_answers__forbid_what_a_page_does_not_need(guarded):
    headers = guarded.ask("/healthz").headers
    assert headers["Content-Security-Policy"].startswith("default-src 'self'")
    assert "script-src" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Access-Control-Allow-Origin"] is None
    assert headers["Set-Cookie"] is None
    assert headers["Server"] is None


def test_docs__load_nothing_from_elsewhere(guarded):
    page = guarded.ask("/docs").body.decode()
    assert "https://" not in page.replace("https://fastapi.tiangolo.com/img/favicon.png", "")
    assert guarded.ask("/static-offline-docs/swagger-ui-bundle.js").status == 200
