"""A server in a thread, and requests to it as bytes on a socket."""

import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI

from crosslevel.serving.server import listening, make_server


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    def json(self) -> Any:
        """Return what it says."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Served:
    """A running server."""

    port: int

    def ask(self, path: str, body: Any = None, method: str | None = None, **headers: str) -> Answer:
        """Send one request; underscores in the names of headers stand for hyphens."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method or ("GET" if body is None else "POST"), path, body, named)
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        finally:
            connection.close()


@contextmanager
def serving(app: FastAPI) -> Iterator[Served]:
    """Run a server until the block ends."""
    is_up = threading.Event()
    with listening("127.0.0.1", 0) as bound:
        running = make_server(app, lambda _: is_up.set())
        thread = threading.Thread(target=running.run, kwargs={"sockets": [bound]})
        thread.start()
        try:
            assert is_up.wait(30), "the server does not start"
            yield Served(bound.getsockname()[1])
        finally:
            app.state.stopping.set()
            running.should_exit = True
            thread.join(30)


def form(content: bytes, name: str = "image.png", field: str = "image") -> tuple[bytes, str]:
    """Return a multipart body with one file, and its content type."""
    head = (
        f'--frontier\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    return (
        head.encode() + content + b"\r\n--frontier--\r\n",
        "multipart/form-data; boundary=frontier",
    )
