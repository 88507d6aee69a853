"""What stands between a request and the routes: who calls, by which name, with how much.

Each guard is plain ASGI, so that a body is never read before it is allowed in.
"""

from __future__ import annotations

import asyncio
import base64
import secrets
from collections.abc import Iterable
from contextlib import suppress
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from crosslevel.serving.options import ServerOptions, is_address

_POLICY = (
    "default-src 'self'; img-src 'self' blob: data:; style-src 'self' 'unsafe-inline'; "
    "{script}object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
DOCS = "/docs"
_SAFE = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",  # an address may hold the token
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def refusal(status: int, detail: str, **headers: str) -> JSONResponse:
    """Return the answer to a request that is not let in, in the shape of all other errors."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return JSONResponse({"detail": detail}, status, named)


class SafeHeaders:
    """Tell browsers to load nothing from elsewhere, to guess no types and to keep no answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, with those headers that the answer has not itself."""
        is_docs = scope.get("path") == DOCS  # whose page starts itself in a line of its own
        script = "script-src 'self' 'unsafe-inline'; " if is_docs else ""
        added = {**_SAFE, "Content-Security-Policy": _POLICY.format(script=script)}

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in added.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_safely)


class KnownHosts:
    """Refuse requests for another host, and those that a page of another host makes.

    A name that a stranger owns may be rebound to this machine; his page then reads our answers.
    """

    def __init__(self, app: ASGIApp, options: ServerOptions) -> None:
        self._app, self._options = app, options

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let in what is addressed to this server, from its own pages or from no page."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        host, origin = headers.get("host", ""), headers.get("origin")
        if not self._is_ours(host):
            answer = refusal(421, "This server has another name. Start it with --allow_host NAME.")
        elif origin is not None and origin.partition("://")[2].lower() != host.lower():
            answer = refusal(403, "Pages of other hosts may not call this server.")
        else:
            await self._app(scope, receive, send)
            return
        await answer(scope, receive, send)

    def _is_ours(self, host: str) -> bool:
        name = _without_port(host).lower()
        if name in self._options.host_names:
            return True
        return self._options.allows_addresses and is_address(name.strip("[]"))


def _without_port(host: str) -> str:
    end = host.find("]") + 1 if host.startswith("[") else host.find(":")
    return host[:end] if end > 0 else host


class TokenNeeded:
    """Refuse requests without the token, except for paths that are open to all.

    It is given as `Authorization: Bearer TOKEN`, as the password of `Authorization: Basic`, or in
    the address of what a browser fetches by itself (`?token=TOKEN`, GET only).

    Args:
        app: What is guarded.
        token: None if everybody who reaches the server may call it.
        open_paths: That need none; one that ends in "/" stands for all below it.
    """

    def __init__(self, app: ASGIApp, token: str | None, open_paths: Iterable[str]) -> None:
        self._app = app
        self._token = None if token is None else token.encode()
        self._exact = frozenset(
            path for path in open_paths if not path.endswith("/") or path == "/"
        )
        self._below = tuple(path for path in open_paths if path.endswith("/") and path != "/")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let in who knows the token."""
        if scope["type"] != "http" or self._token is None or self._is_open(scope["path"]):
            await self._app(scope, receive, send)
            return
        if any(secrets.compare_digest(given, self._token) for given in _given_tokens(scope)):
            await self._app(scope, receive, send)
            return
        detail = "The token is missing or wrong. Send it as `Authorization: Bearer TOKEN`."
        await refusal(401, detail, WWW_Authenticate="Bearer")(scope, receive, send)

    def _is_open(self, path: str) -> bool:
        return path in self._exact or path.startswith(self._below)


def _given_tokens(scope: Scope) -> Iterable[bytes]:
    scheme, _, value = Headers(scope=scope).get("authorization", "").partition(" ")
    if scheme.lower() in ("bearer", "token"):
        yield value.strip().encode()
    elif scheme.lower() == "basic":
        with suppress(ValueError):  # not base64, or not even ASCII
            yield base64.b64decode(value, validate=True).partition(b":")[2]
    if scope["method"] == "GET":
        yield from (
            v.encode() for v in parse_qs(scope["query_string"].decode("latin-1")).get("token", [])
        )


class BodyLimit:
    """Refuse bodies that are too large or come too slowly, before they are kept anywhere."""

    def __init__(self, app: ASGIApp, options: ServerOptions) -> None:
        self._app = app
        self._most = options.max_bytes
        self._seconds = options.max_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 413 to what is too large, and 408 to what is too slow."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared = Headers(scope=scope).get("content-length", "0")
        if not declared.isdecimal() or int(declared) > self._most:
            await self._too_large(scope, receive, send)
            return
        await self._app(scope, _Counted(receive, self._most, self._seconds), send)

    async def _too_large(self, scope: Scope, receive: Receive, send: Send) -> None:
        await refusal(413, _too_large(self._most), Connection="close")(scope, receive, send)


class _Counted:
    """A body as it arrives, counted and timed."""

    def __init__(self, receive: Receive, most: int, seconds: float) -> None:
        self._receive, self._most, self._seconds = receive, most, seconds
        self._deadline: float | None = None
        self._num_bytes = 0
        self._is_whole = False

    async def __call__(self) -> Message:
        if self._is_whole:  # what follows is only that the caller has gone
            return await self._receive()
        clock = asyncio.get_running_loop().time
        self._deadline = self._deadline or clock() + self._seconds
        try:
            message = await asyncio.wait_for(self._receive(), self._deadline - clock())
        except TimeoutError:
            detail = f"The request took more than {self._seconds:g} s to arrive."
            raise HTTPException(408, detail, {"Connection": "close"}) from None
        self._num_bytes += len(message.get("body", b""))
        if self._num_bytes > self._most:
            raise HTTPException(413, _too_large(self._most), {"Connection": "close"})
        self._is_whole = not message.get("more_body", False)
        return message


def _too_large(most: int) -> str:
    return f"The request is larger than {most} bytes. Send less, or start with --max_megabytes."
