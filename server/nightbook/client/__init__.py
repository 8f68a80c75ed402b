"""The Python client: what the API can do, typed, for scripts and for the command line.

from nightbook.client import Client

with Client() as client:
    client.notebooks.upload("daily_sales.ipynb")
    run = client.runs.create("daily_sales.ipynb", {"region": "north"})
    print(client.runs.wait(run.id).state)
"""

import time
from collections.abc import Callable, Iterator
from datetime import date, datetime
from types import TracebackType
from typing import Any
from uuid import UUID

import httpx

from nightbook import settings as settings_of
from nightbook.client.errors import (
    Conflicting,
    Damaged,
    InvalidRequest,
    Missing,
    NightbookError,
    NotAllowed,
    NotAuthenticated,
    Refused,
    ServerFault,
    Stale,
    TooManyRequests,
    Unintelligible,
    Unreachable,
    UnreadableNotebook,
    WaitTimedOut,
)
from nightbook.client.live import Record
from nightbook.client.resources import Notebooks, Pools, Schedules, Tokens
from nightbook.client.runs import Runs
from nightbook.client.wire import Wire
from nightbook.schemas import (
    CalendarView,
    CallerView,
    EventView,
    LimitList,
    LoginCodeView,
    OverviewView,
    StatsView,
    TimelineView,
)
from nightbook.settings import Settings

__all__ = [
    "Client",
    "Conflicting",
    "Damaged",
    "InvalidRequest",
    "Missing",
    "NightbookError",
    "NotAllowed",
    "NotAuthenticated",
    "Record",
    "Refused",
    "ServerFault",
    "Stale",
    "TooManyRequests",
    "Unintelligible",
    "Unreachable",
    "UnreadableNotebook",
    "WaitTimedOut",
]


class Client:
    """One Nightbook server, as one caller.

    Address and token come from the arguments, else from NIGHTBOOK_API_URL and NIGHTBOOK_TOKEN or
    NIGHTBOOK_TOKEN_FILE, else they are those of `nightbook up` on this machine. Safe to share between
    threads; close it, or use it in a `with` statement. Every method raises NightbookError or a kind of it.

    *timeout* is in seconds, for one answer; *retries* counts the repeats of a request that is safe to repeat.

    >>> with Client() as client:
    ...     client.me().name
    'ana'
    """

    def __init__(
        self,
        url: str | None = None,
        token: str | None = None,
        *,
        settings: Settings | None = None,
        timeout: float = 30.0,
        retries: int = 3,
        transport: httpx.BaseTransport | None = None,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        if url is None or token is None:
            settings = settings or settings_of.load()
        self._wire = Wire(
            url or (settings.api if settings else ""),
            token or (settings.read_token() if settings else None),
            timeout=timeout,
            retries=retries,
            transport=transport,
            pause=pause,
        )
        self.notebooks = Notebooks(self._wire)
        self.schedules = Schedules(self._wire)
        self.runs = Runs(self._wire)
        self.tokens = Tokens(self._wire)
        self.pools = Pools(self._wire)

    @property
    def url(self) -> str:
        """The server's address, without a trailing slash."""
        return self._wire.url

    def me(self) -> CallerView:
        """Who asks, and with which scopes."""
        return self._wire.view(CallerView, "GET", "/me")

    def overview(self, *, timezone: str = "UTC") -> OverviewView:
        """What needs attention, what runs, what comes next, and how it went; days are those of *timezone*."""
        return self._wire.view(OverviewView, "GET", "/overview", params={"timezone": timezone})

    def timeline(self, start: datetime, end: datetime) -> TimelineView:
        """What ran and will run between two aware moments, at most three days apart, by schedule."""
        span = {"from": start.isoformat(), "to": end.isoformat()}
        return self._wire.view(TimelineView, "GET", "/timeline", params=span)

    def calendar(self, first: date, last: date, *, timezone: str = "UTC") -> CalendarView:
        """For each day of at most six weeks: how many runs ended, how, and how many are to come."""
        span = {"from": first.isoformat(), "to": last.isoformat(), "timezone": timezone}
        return self._wire.view(CalendarView, "GET", "/calendar", params=span)

    def stats(self, schedule_id: str | UUID) -> StatsView:
        """How a schedule has gone lately: success rate, durations and lateness in seconds, newest runs."""
        return self._wire.view(StatsView, "GET", "/stats", params={"schedule_id": str(schedule_id)})

    def limits(self) -> LimitList:
        return self._wire.view(LimitList, "GET", "/limits")

    def events(self, **filters: Any) -> Iterator[EventView]:
        """The audit log, page by page."""
        return self._wire.pages(EventView, "/events", filters)

    def login_code(self) -> LoginCodeView:
        """A single-use code: `<url>/#login=<code>` opens the web page as this caller."""
        return self._wire.view(LoginCodeView, "POST", "/sessions/codes")

    def close(self) -> None:
        self._wire.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
