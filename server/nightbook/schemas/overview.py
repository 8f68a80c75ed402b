"""Events, limits, and the landing page."""

from datetime import datetime
from typing import Any

from nightbook.core.states import RunState
from nightbook.schemas.fleet import PoolView
from nightbook.schemas.runs import RunView
from nightbook.schemas.schedules import ScheduleView
from nightbook.schemas.words import SCHEMA_VERSION, View


class EventView(View):
    """A fact: who, what, when, about what. `seq` grows; use the last one as `Last-Event-ID`."""

    seq: int
    at: datetime
    kind: str
    caller: str
    object_type: str
    object_id: str
    facts: dict[str, Any] = {}


class LimitView(View):
    name: str
    value: int | float | None
    unit: str
    applies_to: str


class LimitList(View):
    schema_version: int = SCHEMA_VERSION
    items: list[LimitView]


class OverviewView(View):
    """The landing page in one answer: what needs attention, what runs, what comes next."""

    schema_version: int = SCHEMA_VERSION
    red: list[ScheduleView]
    running: list[RunView]
    next: list[ScheduleView]
    pools: list[PoolView]
    ended_by_hour: list["HourView"]


class HourView(View):
    hour: datetime
    state: RunState
    runs: int
