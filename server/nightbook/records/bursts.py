"""Bursts: the plain fire times of many schedules at once, with a few statements for all of them.

At midnight and on the hour a thousand schedules may be due in one second, each with one fire time, on
time, and no earlier run in its way. These are written together; `firing` says what becomes of any other.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from nightbook.core.errors import Fault
from nightbook.core.spec import Spec
from nightbook.records import firing, runs, schedules, specs
from nightbook.records.schedules import Schedule


class Raced(Exception):
    """Another planner moved one of the schedules; the transaction is to be undone."""


@dataclass(frozen=True)
class Shot:
    """One fire time that becomes a run, and the one that follows it."""

    schedule: Schedule
    fire_at: datetime
    following: datetime | None
    spec: Spec


def plain(session: Session, due: Sequence[Schedule], now: datetime) -> list[Shot]:
    """The shots of those locked schedules whose one due fire time becomes a run under every policy."""
    wary = [schedule.id for schedule in due if schedule.overlap != "allow"]
    busy = runs.with_unfinished(session, wary)
    shots = (_shot(session, schedule, now) for schedule in due if schedule.id not in busy)
    return [shot for shot in shots if shot is not None]


def _shot(session: Session, schedule: Schedule, now: datetime) -> Shot | None:
    fire_at = schedule.next_fire_at
    if fire_at is None or fire_at < firing.late_before(schedule, now) or schedule.is_used_up:
        return None
    try:
        timetable = schedule.timetable
        following = timetable.next_after(fire_at)
        spec = specs.freeze(session, schedule.spec)
    except Fault:
        return None  # alone it gets the row, or the mark, that says why
    is_alone = following is None or following > now - schedule.shift
    if not is_alone or timetable.why_excluded(fire_at) is not None:
        return None
    is_last = schedule.max_runs is not None and schedule.runs_made + 1 >= schedule.max_runs
    return Shot(schedule, fire_at, None if is_last else following, spec)


def fire(session: Session, shots: Sequence[Shot], now: datetime) -> None:
    """Make the runs and move the schedules on. Raises Raced or IntegrityError: undo, and fire one by one."""
    if not schedules.advance_many(session, [(shot.schedule, shot.following) for shot in shots]):
        raise Raced
    drafts = [(shot.spec, firing.facts_of_run(shot.schedule, shot.fire_at)) for shot in shots]
    runs.queue_many(session, drafts, now=now)
    for shot in shots:
        firing.observe_delay(shot.schedule, shot.fire_at, now)
