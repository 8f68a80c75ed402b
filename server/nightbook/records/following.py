"""Following: what the ends of runs set off. Chains, automatic pauses, margins that are learnt."""

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session

from nightbook.core import triggers
from nightbook.records import chains, firing, runs, schedules
from nightbook.records.access import Caller
from nightbook.records.chains import Arrival
from nightbook.records.runs import Run
from nightbook.records.schedules import Schedule

NIGHTBOOK = Caller("nightbook", "", frozenset())


def follow(session: Session, schedule: Schedule, now: datetime) -> list[Run]:
    """Look at what has arrived for a locked schedule. Return the runs that were queued."""
    _watch(session, schedule, now)
    arrivals = chains.arrived(session, schedule.id, "after")
    firings = _firings(schedule, arrivals)
    made = [_fire(session, schedule, ends, now) for ends in firings]
    if not firings:
        chains.mark_taken(session, arrivals, now)
    session.flush()
    return [run for run in made if run is not None and run.state == "queued"]


def _firings(schedule: Schedule, arrivals: Sequence[Arrival]) -> list[Sequence[Arrival]]:
    """The ends that make each fire time, and are used up by it."""
    rule = schedule.rule
    if not isinstance(rule, triggers.After):
        return []
    if rule.join == "any" or len(rule.schedule_ids) == 1:
        return [[arrival] for arrival in arrivals]
    has_ended = {str(arrival.upstream_id) for arrival in arrivals}
    return [arrivals] if has_ended.issuperset(rule.schedule_ids) else []


def _fire(session: Session, schedule: Schedule, ends: Sequence[Arrival], now: datetime) -> Run | None:
    last = max(ends, key=lambda end: end.ended_at)
    chains.use_up(session, ends)
    return firing.fire_once(session, schedule, last.ended_at, now, caused_by=last.run_id)


def _watch(session: Session, schedule: Schedule, now: datetime) -> None:
    """The ends of its own runs: learn from them, and pause after too many failures in a row."""
    arrivals = chains.arrived(session, schedule.id, "watch")
    if not arrivals:
        return
    chains.use_up(session, arrivals)
    firing.learn(session, schedule)
    limit = schedule.pause_after_failures
    if limit is None or schedule.paused_at is not None:
        return
    if runs.reds_in_a_row(session, schedule.id, since=schedule.failures_since, limit=limit) >= limit:
        firing.settle(session, schedule, now)
        times = "failure" if limit == 1 else "failures in a row"
        schedules.pause(session, schedule, reason=f"{limit} {times}", caller=NIGHTBOOK, now=now)
