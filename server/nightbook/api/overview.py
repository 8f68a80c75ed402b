"""How things stand: the landing page in one answer, a schedule's figures, what is usual for a run."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from statistics import median
from uuid import UUID

from fastapi import APIRouter
from sqlmodel import Session

from nightbook.adapters.database import moment_of
from nightbook.api import days, views
from nightbook.api.days import Zone
from nightbook.api.deps import PREFIX, Now, Reading, RunsReader
from nightbook.api.fleet import pool_views
from nightbook.core.figures import percentile, ratio
from nightbook.core.states import FINAL, RED
from nightbook.core.triggers import zones
from nightbook.records import runs, schedules, tallies
from nightbook.records.runs import Past, Run
from nightbook.records.tallies import Tally
from nightbook.schemas import (
    DayView,
    FailingView,
    HourView,
    LateView,
    OverviewView,
    PointView,
    PoolView,
    StatsView,
    UsualCellView,
    UsualView,
)

router = APIRouter(prefix=PREFIX, tags=["overview"])


SHOWN = 10
DAYS = 14
POINTS = 100
#: What starts within it of its moment is not late.
PATIENCE = timedelta(seconds=60)
_NO_BEAT = "No beat has looked at it: see whether the server, or nightbook beat, runs."


@router.get("/overview")
def overview(session: Reading, _caller: RunsReader, now: Now, timezone: Zone = "UTC") -> OverviewView:
    """What needs attention, runs now and comes next; the pools; the last 24 hours, and 14 days."""
    zone = zones.canonical(timezone)
    running = runs.page(session, beyond=None, limit=SHOWN, filters={"state": ["running"]})
    pools = pool_views(session, moment_of(session, now))
    tallied = tallies.since(session, now - timedelta(days=DAYS + 1))
    return OverviewView(
        is_new=not (running or tallied or schedules.are_there_any(session)),
        failing=_failing(session),
        failing_count=schedules.count_failing(session),
        broken=[views.glance_view(schedule) for schedule in schedules.broken(session, SHOWN)],
        late=_late(session, pools, now - PATIENCE),
        running=views.run_views(session, running),
        next=[views.glance_view(schedule) for schedule in schedules.next_due(session, SHOWN)],
        pools=pools,
        ended_by_hour=[
            HourView.model_validate(vars(tally))
            for tally in tallied
            if tally.hour > now - timedelta(hours=24)
        ],
        days=_day_views(zone, now, tallied),
    )


def _failing(session: Session) -> list[FailingView]:
    found = schedules.failing(session, SHOWN)
    newest = runs.by_ids(session, [streak.run_id for _, streak in found])
    return [
        FailingView.model_validate(
            {
                "schedule_id": schedule.id,
                "schedule_name": schedule.name,
                "in_a_row": streak.runs,
                "since": streak.since,
                "run_id": run.id,
                "state": run.state,
                "class": run.failure_class,
                "reason": run.reason,
                "finished_at": run.finished_at,
            }
        )
        for schedule, streak in found
        if (run := newest.get(streak.run_id)) is not None
    ]


def _late(session: Session, pools: Sequence[PoolView], before: datetime) -> list[LateView]:
    """Runs that wait too long, then schedules that nobody fires."""
    by_name = {pool.name: pool for pool in pools}
    waiting = [
        LateView(
            run_id=run.id,
            schedule_id=run.schedule_id,
            name=run.schedule_name or run.notebook_path,
            due_at=run.available_at or run.created_at,
            why=_why_waiting(by_name.get(run.pool)),
        )
        for run in runs.waiting_since(session, before, SHOWN)
    ]
    unfired = [
        LateView(schedule_id=schedule.id, name=schedule.name, due_at=schedule.due_at or before, why=_NO_BEAT)
        for schedule in schedules.overdue(session, before, SHOWN)
    ]
    return [*waiting, *unfired][:SHOWN]


def _why_waiting(pool: PoolView | None) -> str | None:
    if pool is None:
        return None
    if pool.workers == 0:
        return f"No worker is alive in the pool {pool.name}."
    is_full = pool.free_slots == 0 or (pool.concurrency is not None and pool.running >= pool.concurrency)
    return f"The pool {pool.name} is full: {pool.running} runs." if is_full else None


def _day_views(zone: str, now: datetime, tallied: Sequence[Tally]) -> list[DayView]:
    today = now.astimezone(zones.zone(zone)).date()
    return days.views([today - timedelta(days=back) for back in range(DAYS - 1, -1, -1)], zone, tallied)


@router.get("/stats")
def stats(schedule_id: UUID, session: Reading, _caller: RunsReader) -> StatsView:
    """How a schedule has gone lately: success rate, durations, lateness, and its newest 100 runs."""
    schedule = schedules.require(session, schedule_id)
    newest = runs.newest(session, schedule.id, POINTS)
    ended = [run for run in newest if run.state in FINAL]
    good = [run for run in ended if run.state == "succeeded"]
    judged = len(good) + sum(run.state in RED for run in ended)
    last_good = good[0] if good else runs.latest(session, schedule.id, successful=True)
    took = [seconds for run in good if (seconds := _seconds(run)) is not None]
    lateness = [seconds for run in ended if (seconds := _lateness(run)) is not None]
    return StatsView(
        schedule_id=schedule.id,
        judged=judged,
        success_rate=ratio(len(good), judged),
        duration_p50_seconds=percentile(took, 0.5),
        duration_p95_seconds=percentile(took, 0.95),
        lateness_p95_seconds=percentile(lateness, 0.95),
        last_success_at=last_good.finished_at if last_good else None,
        points=[
            PointView.model_validate({**run.model_dump(), "run_id": run.id, "seconds": _seconds(run)})
            for run in newest
        ],
    )


def _seconds(run: Run) -> float | None:
    if run.started_at is None or run.finished_at is None:
        return None
    return max(0.0, (run.finished_at - run.started_at).total_seconds())


def _lateness(run: Run) -> float | None:
    due = run.due_at or run.fire_at
    if run.kind != "scheduled" or due is None or run.started_at is None:
        return None
    return max(0.0, (run.started_at - due).total_seconds())


@router.get("/runs/{run_id}/usual")
def usual(run_id: UUID, session: Reading, _caller: RunsReader) -> UsualView:
    """How long a run like this one takes as a rule, as a whole and cell by cell."""
    former = runs.comparable(session, runs.require(session, run_id))
    return UsualView(
        runs=len(former),
        seconds=median(past.seconds for past in former) if former else None,
        cells=_usual_cells(former),
    )


def _usual_cells(former: Sequence[Past]) -> list[UsualCellView]:
    by_place: dict[int, list[float]] = {}
    for past in former:
        for place, took in past.cells.items():
            by_place.setdefault(place, []).append(took)
    return [UsualCellView(index=place, seconds=median(took)) for place, took in sorted(by_place.items())]
