"""The landing page in one answer: is everything all right?"""

from collections import Counter
from datetime import timedelta

from fastapi import APIRouter

from nightbook.adapters.database import moment_of
from nightbook.api import views
from nightbook.api.deps import Now, Reading, RunsReader
from nightbook.api.fleet import pool_views
from nightbook.records import runs, schedules
from nightbook.schemas import HourView, OverviewView

router = APIRouter(tags=["overview"])

SHOWN = 10


@router.get("/overview")
def overview(session: Reading, _caller: RunsReader, now: Now) -> OverviewView:
    """What needs attention, runs now and comes next; the pools; the last 24 hours by hour and state."""
    red = schedules.by_ids(session, runs.red_schedules(session, SHOWN))
    broken = schedules.broken(session, SHOWN)
    running = runs.page(session, before=None, limit=SHOWN, filters={"state": ["running"]})
    hours = Counter(
        (ended.replace(minute=0, second=0, microsecond=0), state)
        for ended, state in runs.ended_since(session, now - timedelta(hours=24))
        if ended is not None
    )
    return OverviewView(
        red=views.schedule_views(session, [*broken, *(one for one in red if one not in broken)]),
        running=views.run_views(session, running),
        next=views.schedule_views(session, schedules.next_due(session, SHOWN)),
        pools=pool_views(session, moment_of(session, now)),
        ended_by_hour=[
            HourView.model_validate({"hour": hour, "state": state, "runs": count})
            for (hour, state), count in sorted(hours.items())
        ],
    )
