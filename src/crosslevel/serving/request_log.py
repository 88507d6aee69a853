"""One line for each request, under an id that its answer has too."""

from __future__ import annotations

import logging
import re
import secrets
import time

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from crosslevel.errors import one_line
from crosslevel.serving.guards import refusal

LOG = logging.getLogger("crosslevel.serving")
ID_HEADER = "X-Request-Id"
_ID = re.compile(r"[\w.-]{1,64}", re.ASCII)


class RequestLog:
    """Log each request when it is answered; an error of ours is logged whole and answered by 500.

    A caller may name the request himself by `X-Request-Id`. Addresses are logged without what
    follows the question mark, since the token may be there.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, and log."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        asked = Headers(scope=scope).get(ID_HEADER, "")
        request_id = asked if _ID.fullmatch(asked) else secrets.token_hex(8)
        scope.setdefault("state", {})["request_id"] = request_id
        begun, status = time.perf_counter(), 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[ID_HEADER] = request_id
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        except Exception:
            LOG.exception("%s failed", request_id)
            if not status:
                answer = refusal(500, f"An error of the server; its log has it as {request_id}.")
                await answer(scope, receive, send_with_id)
        finally:
            took = 1000 * (time.perf_counter() - begun)
            path = one_line(scope["path"])
            LOG.info("%s %s %s %s %.0f ms", request_id, scope["method"], path, status or "-", took)
