"""Events, limits, and how things stand: the landing page, a schedule's figures, what is usual for a run."""

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from nightbook.core.states import FailureClass, RunState
from nightbook.schemas.fleet import PoolView
from nightbook.schemas.runs import RunView
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


class FailingView(View):
    """A schedule whose newest judged run is red: how often in a row, since when, and why the last time.

    Cancelled and skipped runs neither lengthen nor end the row; a success, a re-run's too, ends it.
    """

    schedule_id: UUID
    schedule_name: str
    in_a_row: int
    since: datetime
    run_id: UUID
    state: RunState
    class_: Annotated[FailureClass | None, Field(alias="class")] = None
    reason: str | None = None
    finished_at: datetime | None = None


class LateView(View):
    """What should have started and has not: a run that waits or, without `run_id`, a schedule not fired."""

    run_id: UUID | None = None
    schedule_id: UUID | None = None
    name: str
    due_at: datetime
    why: str | None = None


class GlanceView(View):
    """As much of a schedule as a line of the landing page shows."""

    id: UUID
    name: str
    notebook_path: str
    words: str
    next_fire_at: datetime | None = None
    broken_reason: str | None = None


class HourView(View):
    hour: datetime
    state: RunState
    runs: int


class DayView(View):
    """A day of the asked-for time zone: ends by kind, and how long its successes took on average."""

    day: date
    succeeded: int
    red: int
    other: int
    mean_seconds: float | None = None


class OverviewView(View):
    """The landing page in one answer: what needs attention, what runs, what comes next, and how it went.

    Lists hold ten entries at most; `failing_count` says how many schedules fail. `is_new` says that there is
    neither a schedule nor a run yet.
    """

    schema_version: int = SCHEMA_VERSION
    is_new: bool
    failing: list[FailingView]
    failing_count: int
    broken: list[GlanceView]
    late: list[LateView]
    running: list[RunView]
    next: list[GlanceView]
    pools: list[PoolView]
    ended_by_hour: list[HourView]
    days: list[DayView]


class PointView(View):
    """One run in a row of them."""

    run_id: UUID
    state: RunState
    fire_at: datetime | None = None
    finished_at: datetime | None = None
    seconds: float | None = None


class StatsView(View):
    """How a schedule has gone lately, of its newest runs; figures without a sample are null.

    `success_rate` counts successes among successes and red ends. Durations are those of successes, from start
    to end; lateness is from when a scheduled run was due to its start. `points` are the newest first.
    """

    schema_version: int = SCHEMA_VERSION
    schedule_id: UUID
    judged: int
    success_rate: float | None = None
    duration_p50_seconds: float | None = None
    duration_p95_seconds: float | None = None
    lateness_p95_seconds: float | None = None
    last_success_at: datetime | None = None
    points: list[PointView]


class UsualCellView(View):
    index: int
    seconds: float


class UsualView(View):
    """What is usual for a run like this: medians of former successes of the same version.

    `runs` says of how many; without any, the rest is null or empty. Cells are those of `/runs/{id}/cells`.
    """

    schema_version: int = SCHEMA_VERSION
    runs: int
    seconds: float | None = None
    cells: list[UsualCellView] = []
