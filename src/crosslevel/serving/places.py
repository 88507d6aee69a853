"""The queue: so many requests may be in the house, whoever comes later is told when to return."""

from __future__ import annotations

import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

from fastapi import HTTPException, Request, Response
from fastapi.routing import APIRoute

QUEUE = 32
RETRY_S = 1
"""After so many seconds it is worth to ask again."""


class Places:
    """Counts the requests that are read, wait or are computed.

    Args:
        most: There may be.

    Example:
        >>> places = Places(1)
        >>> with places.taken():
        ...     places.num_taken
        1
    """

    def __init__(self, most: int = QUEUE) -> None:
        self.most = most
        self.num_taken = 0
        self._lock = threading.Lock()

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Take a place for as long as the block takes.

        Raises:
            HTTPException: 503 if there is none; it says when to ask again.
        """
        with self._lock:
            if self.num_taken >= self.most:
                detail = f"{self.most} requests are waiting already. Ask again in {RETRY_S} s."
                raise HTTPException(503, detail, {"Retry-After": str(RETRY_S)})
            self.num_taken += 1
        try:
            yield
        finally:
            with self._lock:
                self.num_taken -= 1


def placed(places: Places) -> type[APIRoute]:
    """Return a kind of route whose requests take a place, before their body is read."""

    class PlacedRoute(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            answer = super().get_route_handler()

            async def answer_in_a_place(request: Request) -> Response:
                with places.taken():
                    return await answer(request)

            return answer_in_a_place

    return PlacedRoute
