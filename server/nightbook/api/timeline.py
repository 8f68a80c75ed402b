"""What ran and will run: a lane for each schedule over some hours, and counts for the days of some weeks."""

from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Query
from sqlmodel import Session

from nightbook.api import days
from nightbook.api.days import Zone
from nightbook.api.deps import PREFIX, Now, Reading, RunsReader
from nightbook.core.errors import Invalid
from nightbook.core.triggers import zones
from nightbook.records import runs, schedules, tallies
from nightbook.records.runs import Run
from nightbook.records.schedules import Schedule
from nightbook.schemas import (
    BarView,
    CalendarView,
    ComingView,
    Instant,
    LaneView,
    PlanDayView,
    TimelineView,
)

router = APIRouter(prefix=PREFIX, tags=["overview"])

LONGEST: Final = timedelta(hours=73)  # three days, one of which may have an hour more
MOST_RUNS: Final = 1500
MOST_LANES: Final = 100
MOST_COMING: Final = 100
MOST_DAYS: Final = 42
#: Schedules that a calendar counts, fire times of all of them, and of one: the hours of six weeks.
MOST_PLANNED: Final = 200
MOST_IN_ALL: Final = 20_000
MOST_COUNTED: Final = 1_100
_TICK: Final = timedelta(microseconds=1)

Start = Annotated[Instant, Query(alias="from", description="the first moment of the span")]
End = Annotated[Instant, Query(alias="to", description="the moment at which the span is over; at most 73 h")]
FirstDay = Annotated[date, Query(alias="from")]
LastDay = Annotated[date, Query(alias="to", description="the last day, at most 42 days in all")]


@router.get("/timeline")
def timeline(start: Start, end: End, session: Reading, _caller: RunsReader, now: Now) -> TimelineView:
    """The runs that were under way in a span, the fire times that did not run, and those to come."""
    _require_span(end - start, LONGEST, "A timeline shows at most three days.")
    planned = schedules.firing_before(session, end, MOST_LANES + 1) if end > now else []
    shown = runs.within(session, start, end, limit=MOST_RUNS + 1)
    lanes = _Lanes()
    for run in shown[:MOST_RUNS]:
        lanes.add_run(run)
    for schedule in planned:
        lanes.add_coming(schedule, start, end)
    for schedule_id, name in runs.schedules_not_run(session, start, end, limit=MOST_LANES + 1):
        lanes.add_owner(schedule_id, name)
    left_out = lanes.keep(MOST_LANES)
    for run in runs.not_run_within(session, lanes.schedule_ids, start, end, limit=MOST_RUNS):
        lanes.add_run(run)
    is_cut = len(shown) > MOST_RUNS
    return TimelineView(
        now=now,
        lanes=lanes.views(),
        more_lanes=left_out,
        runs_until=shown[MOST_RUNS - 1].finished_at if is_cut else None,
    )


class _Lanes:
    """Lanes by schedule, or by notebook for what no schedule started."""

    def __init__(self) -> None:
        self._by_owner: dict[UUID | str, LaneView] = {}

    def _lane(self, schedule_id: UUID | None, name: str) -> LaneView:
        return self._by_owner.setdefault(schedule_id or name, LaneView(schedule_id=schedule_id, name=name))

    def add_owner(self, schedule_id: UUID, name: str) -> None:
        """Have a lane for a schedule, though nothing of it is known yet."""
        self._lane(schedule_id, name)

    def add_run(self, run: Run) -> None:
        lane = self._lane(run.schedule_id, run.schedule_name or run.notebook_path)
        facts: dict[str, Any] = {**run.model_dump(include=set(BarView.model_fields)), "run_id": run.id}
        lane.runs.append(BarView.model_validate(facts))

    def add_coming(self, schedule: Schedule, start: datetime, end: datetime) -> None:
        lane = self._lane(schedule.id, schedule.name)
        found = _coming(schedule, start, end, MOST_COMING + 1)
        shift = schedule.shift
        lane.coming = [
            ComingView(at=at, starts_at=at + shift if shift else None) for at in found[:MOST_COMING]
        ]
        lane.has_more_coming = len(found) > MOST_COMING

    @property
    def schedule_ids(self) -> list[UUID]:
        return [owner for owner in self._by_owner if isinstance(owner, UUID)]

    def keep(self, most: int) -> int:
        """Keep so many lanes, those with runs before others. Return how many go."""
        ranked = sorted(self._by_owner.items(), key=lambda item: (not item[1].runs, item[1].name.casefold()))
        self._by_owner = dict(ranked[:most])
        return max(0, len(ranked) - most)

    def views(self) -> list[LaneView]:
        filled = [lane for lane in self._by_owner.values() if lane.runs or lane.coming]
        return sorted(filled, key=lambda lane: lane.name.casefold())


def _coming(schedule: Schedule, start: datetime, end: datetime, limit: int) -> list[datetime]:
    """The first fire times in the span that are still to come and will run."""
    first = schedule.next_fire_at
    if first is None:
        return []
    left = limit if schedule.max_runs is None else min(limit, schedule.max_runs - schedule.runs_made)
    try:
        timetable = schedule.timetable
        # The span is that of starts, which jitter and finish-by move away from the fire times.
        after = max(first, start - schedule.shift) - _TICK
        within = timetable.between(after, end - schedule.shift - _TICK, limit=max(0, left))
        return [at for at in within if timetable.why_excluded(at) is None]
    except Invalid:
        return []  # it will be marked broken when it is due


# ---------------------------------------------------------------- days


@router.get("/calendar")
def calendar(
    first: FirstDay,
    last: LastDay,
    session: Reading,
    _caller: RunsReader,
    now: Now,
    timezone: Zone = "UTC",
) -> CalendarView:
    """For each day of some weeks: how many runs ended and how, and how many fire times are to come."""
    zone = zones.canonical(timezone)
    for field, day in (("from", first), ("to", last)):
        if not 2000 <= day.year < 2200:
            raise Invalid("out_of_range", "It must lie between the years 2000 and 2200.", field=field)
    _require_span(last - first, timedelta(days=MOST_DAYS - 1), f"A calendar shows at most {MOST_DAYS} days.")
    wanted = [first + timedelta(days=each) for each in range((last - first).days + 1)]
    begin, end = _begin_of(first, zone), _begin_of(last + timedelta(days=1), zone)
    ended = days.views(wanted, zone, tallies.since(session, begin) if begin <= now else [])
    coming, uncounted = _coming_by_day(session, zone, begin, end) if end > now else (Counter[date](), end)
    today = now.astimezone(zones.zone(zone)).date()
    cut = uncounted.astimezone(zones.zone(zone)).date() if uncounted < end else None
    return CalendarView(
        timezone=zone,
        days=[
            PlanDayView(
                **one.model_dump(include={"day", "succeeded", "red", "other"}),
                coming=coming[one.day],
                has_more_coming=cut is not None and one.day >= max(cut, today),
            )
            for one in ended
        ],
    )


def _coming_by_day(
    session: Session, zone: str, begin: datetime, end: datetime
) -> tuple[Counter[date], datetime]:
    """Starts to come by day, and the moment up to which all of them are counted."""
    planned: Sequence[Schedule] = schedules.firing_before(session, end, MOST_PLANNED + 1)
    rules, counted = zones.zone(zone), Counter[date]()
    until = end
    if len(planned) > MOST_PLANNED:
        until = max(begin, planned[MOST_PLANNED].next_fire_at or begin)
    each = min(MOST_COUNTED, MOST_IN_ALL // max(1, min(len(planned), MOST_PLANNED)))
    for schedule in planned[:MOST_PLANNED]:
        found = _coming(schedule, begin, end, each)
        counted.update((at + schedule.shift).astimezone(rules).date() for at in found)
        if len(found) == each:
            until = min(until, found[-1] + schedule.shift)
    return counted, until


def _begin_of(day: date, zone: str) -> datetime:
    """The first instant of a day, which need not be midnight."""
    wall = datetime.combine(day, time.min)
    shown = zones.times_shown(zone, wall)
    return zones.aware(shown[0] if shown else zones.end_of_gap(zone, wall))


def _require_span(span: timedelta, longest: timedelta, words: str) -> None:
    if span < timedelta(0) or (span == timedelta(0) and longest == LONGEST):
        raise Invalid("empty_span", "It must be later than the first moment.", field="to")
    if span > longest:
        raise Invalid("span_too_long", f"{words} Ask for a shorter span.", field="to")
