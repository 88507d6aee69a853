"""The page's own interface: routes over a `Session`, and what changes as one stream of events."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Body, Depends, FastAPI, HTTPException, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse, Response, StreamingResponse
from numpy.typing import NDArray

from crosslevel.annotate.learning import Learning
from crosslevel.annotate.options import RankingName
from crosslevel.annotate.patches import checksum
from crosslevel.annotate.pictures import browser_picture, thumbnail
from crosslevel.annotate.session import Session
from crosslevel.annotate.tabs import OtherTabError
from crosslevel.serving.app import create_app
from crosslevel.serving.options import ServerOptions

PAGE = Path(__file__).parent / "page"
PULSE_S = 0.2
"""Between two looks at what changed."""
LONGEST_SILENCE = 50
"""Looks without news after which a line is sent, so that nothing between closes the connection."""

Tab = Annotated[str, Query(min_length=8, max_length=64, pattern=r"^[\w-]+$")]
Seconds = Annotated[float, Body(ge=0, le=1e7)]


def annotate_app(learning: Learning, options: ServerOptions) -> FastAPI:
    """Return the page and all that it asks for.

    Args:
        learning: The session, which is closed when the app ends.
        options: Who may call.
    """

    @asynccontextmanager
    async def open_and_close(_: FastAPI) -> AsyncIterator[None]:
        learning.start()
        yield
        await run_in_threadpool(learning.close)

    return create_app(
        [page_router(), annotating_router(learning)],
        options,
        title="Crosslevel: the page",
        static={"/page": PAGE},
        open_paths=["/"],
        lifespan=open_and_close,
    )


def page_router() -> APIRouter:
    """Return the route of the page itself, which everybody may see; it is nothing without token."""
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    def page() -> FileResponse:
        return FileResponse(PAGE / "index.html")

    return router


def annotating_router(learning: Learning) -> APIRouter:
    """Return the routes over a session; the folder and its files are never named by a caller."""
    router = APIRouter(prefix="/annotate", tags=["annotate"])
    _add_reading(router, learning)
    checks = (_same_numbers(learning.session), _not_overtaken(learning.session))
    numbered = APIRouter(dependencies=[Depends(check) for check in checks])
    _add_writing(numbered, learning)
    router.include_router(numbered)
    _add_learning(router, learning)
    return router


def _add_reading(router: APIRouter, learning: Learning) -> None:
    session = learning.session

    @router.get("/state")
    def state() -> dict[str, Any]:
        return {
            **session.state(),
            "job": learning.job.to_json(),
            "can_train": learning.can_train,
            "is_loading": learning.is_loading,
            "model_note": learning.model_note,
        }

    @router.get("/images/{number}/picture")
    def picture(number: int) -> Response:
        case = session.item(number).case
        content, kind = browser_picture(case.image, session.setting.reading)
        return Response(content, media_type=kind)

    @router.get("/images/{number}/thumbnail")
    def small(number: int) -> Response:
        case = session.item(number).case
        kept = session.work.thumbnails / f"{session.work.key(case.image)}.jpg"
        content = thumbnail(case.image, session.setting.reading, kept)
        return Response(content, media_type="image/jpeg")

    @router.get("/images/{number}/draft")
    def draft(number: int) -> dict[str, Any]:
        found, item = session.draft(number), session.item(number)
        height, width = found.base.shape
        return {
            "width": width,
            "height": height,
            "begun_from": found.begun_from,
            "strokes": [stroke.to_json() for stroke in found.strokes],
            "cursor": found.cursor,
            "seconds": found.seconds,
            "status": session.status(item),
            "note": item.note,
        }

    @router.get("/images/{number}/base")
    def base(number: int) -> Response:
        mask = session.draft(number).base
        return _bytes(mask, {"X-Checksum": str(checksum(mask))})

    @router.get("/images/{number}/levels")
    def levels(number: int) -> Response:
        case, suggestions = session.item(number).case, session.suggestions
        look = suggestions.look(case) if suggestions else None
        if look is None:
            return Response(status_code=204)
        shape = {"X-Shape": ",".join(map(str, look.levels.shape))}
        return _bytes(look.levels, shape)


def _same_numbers(session: Session) -> Callable[[str], None]:
    """Return what refuses a page whose numbers of images are those of an earlier start."""

    def check(numbering: Annotated[str, Query(max_length=64)] = "") -> None:
        if numbering and numbering != session.numbering:
            raise HTTPException(
                410, "The folder has other images since the server was started. Reload the page."
            )

    return check


def _not_overtaken(session: Session) -> Callable[[Request, str, bool], None]:
    """Return what refuses what waited while another tab changed its image: it is too old."""

    def check(request: Request, tab: Tab, late: bool = False) -> None:
        number = request.path_params.get("number")
        if late and number is not None and session.tabs.is_overtaken(tab, int(number)):
            raise HTTPException(412, "Another tab changed this image. It is shown anew.")

    return check


def _add_writing(router: APIRouter, learning: Learning) -> None:
    session = learning.session

    @router.post("/images/{number}/stroke")
    def stroke(
        number: int,
        tab: Tab,
        at: Annotated[int, Body(ge=0)],
        tool: Annotated[str, Body(max_length=40)],
        patch: Annotated[dict[str, Any], Body()],
        seconds: Seconds,
        base_crc: Annotated[int, Body(ge=0)],
    ) -> dict[str, bool]:
        content = {"at": at, "tool": tool, "patch": patch, "seconds": seconds, "base": base_crc}
        return _changed(session, number, tab, lambda: session.stroke(number, content))

    @router.post("/images/{number}/cursor")
    def cursor(
        number: int, tab: Tab, cursor: Annotated[int, Body(ge=0)], seconds: Seconds
    ) -> dict[str, bool]:
        return _changed(session, number, tab, lambda: session.move(number, cursor, seconds))

    @router.post("/images/{number}/accept")
    def accept(
        number: int, tab: Tab, crc: Annotated[int, Body(ge=0)], seconds: Seconds
    ) -> dict[str, bool]:
        answer = _changed(session, number, tab, lambda: session.accept(number, crc, seconds))
        learning.retrain_if_due()
        return answer

    @router.post("/images/{number}/restart")
    def restart(number: int, tab: Tab) -> dict[str, bool]:
        return _changed(session, number, tab, lambda: session.restart(number))

    @router.post("/images/{number}/mark")
    def mark(
        number: int,
        tab: Tab,
        mark: Annotated[str, Body(max_length=20)],
        note: Annotated[str, Body(max_length=2000)] = "",
    ) -> dict[str, bool]:
        return _written(session, tab, lambda: session.mark(number, mark, note))

    @router.post("/ranking")
    def ranking(tab: Tab, ranking: Annotated[RankingName, Body(embed=True)]) -> dict[str, bool]:
        return _written(session, tab, lambda: session.rank_by(ranking))


def _add_learning(router: APIRouter, learning: Learning) -> None:
    session = learning.session

    @router.post("/retrain")
    def retrain(tab: Tab) -> dict[str, bool]:
        return _written(session, tab, learning.retrain)

    @router.post("/retrain/stop")
    def stop(tab: Tab) -> dict[str, bool]:
        return _written(session, tab, learning.stop)

    @router.post("/tab/take_over")
    def take_over(tab: Tab) -> dict[str, bool]:
        session.tabs.take_over(tab)
        return {"ok": True}

    @router.post("/tab/release")
    def release(tab: Tab) -> dict[str, bool]:
        session.tabs.release(tab)
        return {"ok": True}

    @router.get("/events")
    async def events(request: Request, tab: Tab) -> StreamingResponse:
        return StreamingResponse(_events(request, learning, tab), media_type="text/event-stream")


async def _events(request: Request, learning: Learning, tab: str) -> AsyncIterator[str]:
    """Yield what is so, whenever it is no longer what was sent last."""
    session = learning.session
    session.tabs.connect(tab)
    sent, silent = "", 0
    try:
        while not request.app.state.stopping.is_set() and not await request.is_disconnected():
            now = json.dumps(_news(learning, tab))
            if now != sent:
                sent, silent = now, 0
                yield f"data: {now}\n\n"
            elif silent == LONGEST_SILENCE:
                silent = 0
                yield ": still here\n\n"
            silent += 1
            await asyncio.sleep(PULSE_S)
    finally:
        session.tabs.disconnect(tab)


def _news(learning: Learning, tab: str) -> dict[str, Any]:
    session = learning.session
    suggestions = session.suggestions
    return {
        "holds": session.tabs.holder in ("", tab),
        "version": session.queue.version,
        "numbering": session.numbering,
        "num_looks": len(suggestions.looks) if suggestions else 0,
        "job": learning.job.to_json(),
    }


def _changed(session: Session, number: int, tab: str, work: Callable[[], None]) -> dict[str, bool]:
    """Do what changes an image, if the tab may."""
    answer = _written(session, tab, work)
    session.tabs.wrote(tab, number)
    return answer


def _written(session: Session, tab: str, work: Callable[[], None]) -> dict[str, bool]:
    """Do what changes files, if the tab may; a disk that is full is said as such."""
    try:
        session.tabs.check(tab)
        work()
    except OtherTabError as error:
        raise HTTPException(409, str(error)) from error
    except OSError as error:
        reason = error.strerror or str(error)
        detail = f"Nothing was saved ({reason}). Free some space or mend the folder, then repeat."
        raise HTTPException(507, detail) from error
    return {"ok": True}


def _bytes(values: NDArray[np.uint8], headers: dict[str, str] | None = None) -> Response:
    """Return class indices or levels as they are, row by row, compressed on the way."""
    content = gzip.compress(np.ascontiguousarray(values).tobytes(), compresslevel=1)
    known = {"Content-Encoding": "gzip", **(headers or {})}
    return Response(content, media_type="application/octet-stream", headers=known)
