"""Planner: due schedules become runs, or rows that say why they did not.

One schedule at a time, in one transaction with its next fire time; a schedule that cannot fire is marked
broken and stops no other. Many planners may tick at once: the conditional advance lets one win.
"""

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import cast

from sqlmodel import Session

from nightbook.adapters import metrics
from nightbook.core import policies, triggers
from nightbook.core.errors import Fault, Invalid
from nightbook.core.policies import CatchUp, Overlap, OverlapPolicy, Verdict
from nightbook.records import runs, schedules, specs
from nightbook.records.runs import Run
from nightbook.records.schedules import Schedule

log = logging.getLogger(__name__)

#: Fire times of one schedule that one tick writes down; the next tick goes on.
BATCH = 500
#: Runs that catch-up `all` makes up for at the most.
CATCH_UP_LIMIT = 50
BY = "nightbook"


def tick(session: Session, now: datetime) -> int:
    """Turn every schedule due at *now* into rows of the ledger. Return how many runs were queued."""
    queued = 0
    for schedule in schedules.due(session, now):
        try:
            with session.begin_nested():
                queued += _fire(session, schedule, now)
        except Fault as fault:
            schedules.mark_broken(session, schedule, fault.message, now)
            log.warning("schedule.broken schedule_id=%s code=%s", schedule.id, fault.code)
    return queued


def _fire(session: Session, schedule: Schedule, now: datetime) -> int:
    moments = _due_moments(schedule, now)
    is_caught_up = len(moments) < BATCH
    if not schedules.advance(session, schedule, past=moments[-1]):
        return 0  # another planner was first
    # A full batch holds none of the newest fire times: they come with the batches after it.
    policy = cast(CatchUp, schedule.catch_up) if is_caught_up else "none"
    queued = 0
    for fire_at, verdict in policies.catch_up(moments, policy, now, limit=CATCH_UP_LIMIT):
        if verdict is Verdict.RUN:
            queued += _queue(session, schedule, fire_at, now)
        else:
            runs.create_skipped(session, schedule, fire_at, "catch_up", now=now)
    return queued


def _due_moments(schedule: Schedule, now: datetime) -> Sequence[datetime]:
    first = schedule.next_fire_at
    assert first is not None
    until = min(now, schedule.end_at) if schedule.end_at else now
    later = triggers.moments_between(schedule.rule, first, until, BATCH - 1)
    return [first, *later]


def _queue(session: Session, schedule: Schedule, fire_at: datetime, now: datetime) -> int:
    open_runs = runs.unfinished(session, schedule.id)
    under_way = [run for run in open_runs if runs.is_under_way(run)]
    waiting = [run for run in open_runs if not runs.is_under_way(run)]
    decision = policies.overlap(
        cast(OverlapPolicy, schedule.overlap), running=bool(under_way), queued=len(waiting)
    )
    if decision is Overlap.SKIP:
        runs.create_skipped(session, schedule, fire_at, "overlap", now=now)
        return 0
    if decision is Overlap.REPLACE_QUEUED:
        _supersede(session, waiting, now)
    if decision is Overlap.CANCEL_PREVIOUS:
        _supersede(session, waiting, now)
        for run in under_way:
            _end_previous(session, run, now)
    return _create(session, schedule, fire_at, now)


def _create(session: Session, schedule: Schedule, fire_at: datetime, now: datetime) -> int:
    try:
        spec, failure = specs.freeze(session, schedule.spec), None
    except Invalid as fault:
        # The notebook moved on under a schedule that follows its latest version.
        failure = f"{fault.message} ({', '.join(e.field for e in fault.errors) or fault.code})"
        spec = schedule.spec
    runs.create(
        session,
        spec,
        kind="scheduled",
        owner=schedule.owner,
        created_by=BY,
        now=now,
        schedule_id=schedule.id,
        schedule_name=schedule.name,
        fire_at=fire_at,
        is_exclusive=schedule.overlap != "allow",
        tags=schedule.tags,
        state="failed" if failure else "queued",
        failure_class="parameters" if failure else None,
        reason=failure,
    )
    metrics.FIRE_DELAY.observe(max(0.0, (now - fire_at).total_seconds()))
    return 0 if failure else 1


def _supersede(session: Session, waiting: Sequence[Run], now: datetime) -> None:
    for run in waiting:
        runs.end_waiting(session, run, "skipped", "superseded", caller=BY, now=now)


def _end_previous(session: Session, run: Run, now: datetime) -> None:
    if run.state == "queued":  # it waits for a retry
        runs.end_waiting(session, run, "cancelled", "cancelled by the next fire time", caller=BY, now=now)
    else:
        runs.ask_cancel(session, run, by="the next fire time", now=now)
