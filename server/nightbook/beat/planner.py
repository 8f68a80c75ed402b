"""Planner: due schedules become runs, or rows that say why they did not.

What is due comes first, then those who follow ended runs, then the rows of long gaps in small steps.
A schedule that cannot fire is marked broken and stops no other. Many planners may tick at once: locks and
the conditional advance let one win.
"""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from nightbook.core.errors import Fault
from nightbook.records import bursts, chains, firing, following, gaps, runs, schedules, specs
from nightbook.records.runs import Run
from nightbook.records.schedules import Schedule

log = logging.getLogger(__name__)

#: Rows of gaps that one tick writes down; the next tick goes on.
GAP_ROWS = 500
#: Runs that one tick queues, about: catch-up after an outage must not hold one transaction for long.
ROUND = 500


def has_work(session: Session, now: datetime) -> bool:
    """Whether a tick would find something to do. Takes no lock."""
    return schedules.is_any_due(session, now) or chains.is_any_new(session) or gaps.is_any(session)


def tick(session: Session, now: datetime) -> int:
    """Turn what is due at *now* into rows of the ledger. Return how many runs were queued."""
    with specs.frozen_once(session):
        return _tick(session, now)


def _tick(session: Session, now: datetime) -> int:
    due = schedules.due(session, now)
    together = _together(session, due, now)
    queued = len(together)
    for schedule in due:
        if schedule.id in together:
            continue
        queued += _one(session, schedule, now, firing.fire_due)
        if queued >= ROUND:
            return queued
    for schedule_id in chains.new_followers(session):
        follower = schedules.lock(session, schedule_id)
        if follower is not None and follower.deleted_at is not None:
            chains.unlink(session, schedule_id)
        elif follower is not None:
            queued += _one(session, follower, now, following.follow)
    _fill_gaps(session, now)
    return queued


def _together(session: Session, due: Sequence[Schedule], now: datetime) -> set[UUID]:
    """Fire what can be fired together. Return whose fire times these were."""
    shots = bursts.plain(session, due, now)
    if not shots:
        return set()
    try:
        with session.begin_nested():
            bursts.fire(session, shots, now)
    except (bursts.Raced, IntegrityError):
        log.warning("burst.raced schedules=%d", len(shots))
        for shot in shots:
            session.refresh(shot.schedule)
        return set()
    return {shot.schedule.id for shot in shots}


def _one(
    session: Session,
    schedule: Schedule,
    now: datetime,
    fire: Callable[[Session, Schedule, datetime], Sequence[Run]],
) -> int:
    schedule_id = schedule.id
    try:
        with session.begin_nested():
            return len(fire(session, schedule, now))
    except Fault as fault:
        # The object may still hold the step to the next fire time, which the savepoint has undone.
        session.refresh(schedule)
        schedules.mark_broken(session, schedule, fault.message, now)
        log.warning("schedule.broken schedule_id=%s code=%s", schedule_id, fault.code)
    except IntegrityError:
        session.refresh(schedule)
        _go_on_after_clash(session, schedule, now)
    return 0


def _go_on_after_clash(session: Session, schedule: Schedule, now: datetime) -> None:
    """Its rows could not be written; nobody may find the same at each tick for ever."""
    at = schedule.next_fire_at
    if at is None or at > now - schedule.shift:
        log.warning("schedule.raced schedule_id=%s", schedule.id)
    elif runs.has_row(session, schedule.id, at):
        # Made at the same instant by somebody else, or known from a time to which a clock was set back.
        log.warning("schedule.has_row schedule_id=%s fire_at=%s", schedule.id, at)
        schedules.advance(session, schedule, past=at)
    else:
        schedules.mark_broken(session, schedule, f"Its fire time {at:%Y-%m-%d %H:%M:%S} cannot be kept.", now)
        log.error("schedule.broken schedule_id=%s code=clash", schedule.id)


def _fill_gaps(session: Session, now: datetime) -> None:
    left = GAP_ROWS
    for gap in gaps.next_to_fill(session, limit=20):
        if left <= 0:
            return
        schedule = session.get(Schedule, gap.schedule_id)
        if schedule is None:
            session.delete(gap)
        else:
            left -= firing.fill(session, gap, schedule, now, limit=left)
