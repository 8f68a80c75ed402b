"""Live feeds (server-sent events): the journal of a run, and the platform's events. The only async routes.

A feed holds no database connection between two looks, and a slow reader costs nobody but himself.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Annotated, TypeVar
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import StreamingResponse
from sqlmodel import Session
from starlette.concurrency import run_in_threadpool

from nightbook.adapters.notices import BOARD, EVENTS_TOPIC, Watch, end_topic, run_topic
from nightbook.api import paging, results, views
from nightbook.api.deps import PREFIX, AnyCaller, AuditReader, House, Reading, RunsReader, TheHouse
from nightbook.core.clock import utc_now
from nightbook.core.errors import Invalid
from nightbook.core.states import FINAL
from nightbook.records import events, runs
from nightbook.records.runs import Run
from nightbook.schemas import EventView, Page, RunView

router = APIRouter(prefix=PREFIX, tags=["live"])

#: A notice wakes a feed as soon as something has committed. One that is lost costs this much.
LOOK_SECONDS = 1.0
KEEP_ALIVE_SECONDS = 15.0
#: Bytes of a journal that a feed holds at once: what a reader has not taken yet waits in its rows.
LOOK_BYTES = 256 * 1024
#: A reader that takes longer for them is sent away, and comes back by offset.
SLOWEST_SECONDS = 30.0
MAX_WAIT_SECONDS = 30.0
_HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
_T = TypeVar("_T")

LastEventId = Annotated[str | None, Header(alias="Last-Event-ID", max_length=40)]


@router.get("/runs/{run_id}/live", response_class=StreamingResponse)
async def run_feed(
    run_id: UUID,
    request: Request,
    _caller: RunsReader,
    the_house: TheHouse,
    last_event_id: LastEventId = None,
) -> StreamingResponse:
    """What a run does, as it does it: the records of its journal from the start, or from `Last-Event-ID`."""
    start = _number(last_event_id)
    await _look(the_house, lambda session: runs.require(session, run_id))  # 404 before the stream begins
    feed = _run_events(the_house, run_id, start)
    return StreamingResponse(_until_gone(request, feed), media_type="text/event-stream", headers=_HEADERS)


async def _run_events(house: House, run_id: UUID, sent: int) -> AsyncIterator[str]:
    with BOARD.watch(run_topic(run_id)) as watch:
        async for message in _run_messages(house, run_id, sent, watch):
            yield message


async def _run_messages(house: House, run_id: UUID, sent: int, watch: Watch) -> AsyncIterator[str]:
    told: tuple[object, ...] = ()
    fence: int | None = None
    clock = asyncio.get_running_loop().time
    while True:
        began = clock()
        look = partial(_progress, house=house, run_id=run_id, fence=fence, sent=sent)
        run, fence_now, raw = await _look(house, look)
        if fence is not None and fence_now != fence:
            sent = 0  # offsets count within one attempt, and a new one has begun
        fence = fence_now
        for line in raw.splitlines(keepends=True):
            sent += len(line)
            yield _message("record", line.decode().rstrip("\n"), sent)
        state = (run.state, run.fence, run.cancel_asked_at, run.available_at, run.reason)
        if state != told:
            told = state
            view = await _look(house, partial(_view, run_id=run_id))
            yield _message("run", view.model_dump_json(by_alias=True))
        if run.state in FINAL and not raw:
            yield _message("end", json.dumps({"state": run.state}))
            return
        yield ""
        if clock() - began > SLOWEST_SECONDS:
            return
        if not raw:
            await watch.changed(LOOK_SECONDS)


def _progress(
    session: Session, *, house: House, run_id: UUID, fence: int | None, sent: int
) -> tuple[Run, int | None, bytes]:
    """The run, the fence of its newest attempt that told anything, and whole lines after what was sent."""
    run = runs.require(session, run_id)
    attempt = results.last_attempt(session, run_id)
    if attempt is None:
        return run, None, b""
    start = sent if fence in (None, attempt.fence) else 0
    raw = results.journal_bytes(session, house, run, start=start, at_most=LOOK_BYTES)
    return run, attempt.fence, raw[: raw.rfind(b"\n") + 1]


def _view(session: Session, *, run_id: UUID) -> RunView:
    return views.one_run(session, runs.require(session, run_id), utc_now())


@router.get("/runs/{run_id}/end")
async def end_of_run(
    run_id: UUID,
    request: Request,
    _caller: RunsReader,
    the_house: TheHouse,
    wait_seconds: Annotated[float, Query(ge=0, le=MAX_WAIT_SECONDS)] = 20.0,
) -> RunView:
    """The run as soon as it is over, or as it is after `wait_seconds`."""
    loop = asyncio.get_running_loop()
    until = loop.time() + wait_seconds
    with BOARD.watch(end_topic(run_id)) as watch:
        while True:
            left = until - loop.time()
            must_answer = left <= 0 or request.app.state.is_stopping
            found = await _look(the_house, partial(_view_if_over, run_id=run_id, or_else=must_answer))
            if found is not None:
                return found
            await watch.changed(min(left, LOOK_SECONDS))


def _view_if_over(session: Session, *, run_id: UUID, or_else: bool) -> RunView | None:
    """The run if it is over, or else none; with *or_else*, as it is."""
    if not or_else and runs.state_of(session, run_id) not in FINAL:
        return None
    return _view(session, run_id=run_id)


@router.get("/events")
def list_events(
    session: Reading,
    _caller: AuditReader,
    limit: paging.Limit = 50,
    cursor: paging.Cursor = None,
    about: Annotated[str | None, Query(max_length=200)] = None,
) -> Page[EventView]:
    """What happened, newest first; `about` is the id of a thing."""
    found = events.newest(session, before=paging.decode_number(cursor), limit=limit + 1, about=about)
    shown, last = paging.cut(found, limit)
    return Page(
        items=[views.event_view(event) for event in shown],
        next_cursor=paging.encode(str(last.seq)) if last else None,
    )


@router.get("/events/stream", response_class=StreamingResponse)
async def event_feed(
    request: Request, caller: AnyCaller, the_house: TheHouse, last_event_id: LastEventId = None
) -> StreamingResponse:
    """Events as they happen, from now on or from `Last-Event-ID`.

    Without the scope `audit:read` only those of runs, schedules and notebooks.
    """
    caller.require("runs:read")
    start = _number(last_event_id) if last_event_id else await _look(the_house, events.last_seq)
    feed = _platform_events(the_house, start, sees_all=caller.may("audit:read"))
    return StreamingResponse(_until_gone(request, feed), media_type="text/event-stream", headers=_HEADERS)


async def _platform_events(house: House, seq: int, *, sees_all: bool) -> AsyncIterator[str]:
    with BOARD.watch(EVENTS_TOPIC) as watch:
        while True:
            found = await _look(house, partial(events.after, seq=seq, limit=200))
            for event in found:
                seq = event.seq or seq
                if sees_all or event.object_type in {"run", "schedule", "notebook"}:
                    yield _message("event", views.event_view(event).model_dump_json(), seq)
            yield ""
            if not found:
                await watch.changed(LOOK_SECONDS)


async def _look(house: House, read: Callable[[Session], _T]) -> _T:
    def in_session() -> _T:
        with house.reading() as session:
            return read(session)

    return await run_in_threadpool(in_session)


async def _until_gone(request: Request, feed: AsyncIterator[str]) -> AsyncIterator[str]:
    """Pass messages on, a comment now and then to keep the line open, until the reader leaves."""
    loop = asyncio.get_running_loop()
    last = loop.time()
    yield ": connected\n\n"
    async for message in feed:
        if message:
            last = loop.time()
            yield message
        elif loop.time() - last > KEEP_ALIVE_SECONDS:
            last = loop.time()
            yield ": still here\n\n"
        if request.app.state.is_stopping or await request.is_disconnected():
            return


def _message(event: str, body: str, position: int | None = None) -> str:
    head = f"id: {position}\n" if position is not None else ""
    lines = "".join(f"data: {line}\n" for line in body.split("\n"))
    return f"{head}event: {event}\n{lines}\n"


def _number(text: str | None) -> int:
    if text is None:
        return 0
    if not text.isdecimal() or len(text) > 18:
        raise Invalid(
            "bad_event_id", "Send back the id of the last event that you got.", field="Last-Event-ID"
        )
    return int(text)
