"""Past and coming runs over a span of time: bars by schedule, and counts by day."""

from datetime import date, datetime
from uuid import UUID

from nightbook.core.states import RunState
from nightbook.schemas.words import SCHEMA_VERSION, View


class BarView(View):
    """A run, or a fire time that did not run. What never started is at `fire_at`, else at `finished_at`."""

    run_id: UUID
    state: RunState
    fire_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None


class ComingView(View):
    """A fire time to come. `starts_at` is when its run starts, where that is not the fire time itself."""

    at: datetime
    starts_at: datetime | None = None


class LaneView(View):
    """What one schedule, or one notebook that is run by hand, did and will do in the span.

    `coming` holds the first of its fire times; `has_more_coming` says whether there are others.
    """

    schedule_id: UUID | None = None
    name: str
    runs: list[BarView] = []
    coming: list[ComingView] = []
    has_more_coming: bool = False


class TimelineView(View):
    """The lanes in the order of their names, with the moment at which they were looked at.

    Where there is too much for one answer, `runs_until` says up to which end of a run all are there, and
    `more_lanes` how many lanes were left out: ask for a shorter span.
    """

    schema_version: int = SCHEMA_VERSION
    now: datetime
    lanes: list[LaneView]
    more_lanes: int = 0
    runs_until: datetime | None = None


class PlanDayView(View):
    """A day of the asked-for time zone: ends by kind, and the fire times that are still to come.

    `has_more_coming`: some schedule fires more often than is counted here.
    """

    day: date
    succeeded: int
    red: int
    other: int
    coming: int
    has_more_coming: bool = False


class CalendarView(View):
    schema_version: int = SCHEMA_VERSION
    timezone: str
    days: list[PlanDayView]
