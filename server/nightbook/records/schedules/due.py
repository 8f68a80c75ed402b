"""What is due, and how a schedule moves on to its next fire time."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final, cast
from uuid import UUID

from sqlalchemy import Table, bindparam, update
from sqlalchemy.orm.attributes import set_committed_value
from sqlmodel import Session, col, select

from nightbook.core.timetables import is_finish_by
from nightbook.records import events
from nightbook.records.schedules.tables import Schedule


def due(session: Session, now: datetime, *, limit: int = 200) -> Sequence[Schedule]:
    """The schedules with a run to start, the longest waiting first; locked where the database can."""
    wanted = (
        select(Schedule)
        .where(col(Schedule.due_at) <= now)
        .order_by(col(Schedule.due_at))
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return session.exec(wanted.execution_options(populate_existing=True)).all()


def is_any_due(session: Session, now: datetime) -> bool:
    return session.exec(select(Schedule.id).where(col(Schedule.due_at) <= now).limit(1)).first() is not None


def lock(session: Session, schedule_id: UUID) -> Schedule | None:
    """The schedule, deleted or not; None where another beat is at it."""
    wanted = select(Schedule).where(col(Schedule.id) == schedule_id).with_for_update(skip_locked=True)
    return session.exec(wanted.execution_options(populate_existing=True)).first()


def advance(session: Session, schedule: Schedule, *, past: datetime) -> bool:
    """Move to the fire time after *past*. Return whether this caller was the one to do it."""
    following = next_fire_time(schedule, past)
    # The update names the old value, so of two planners only one can win this moment.
    moves = {
        "next_fire_at": following,
        "due_at": following + schedule.shift if following else None,
        "fired_until": past,
    }
    moved = session.execute(
        update(Schedule)
        .where(
            col(Schedule.id) == schedule.id,
            col(Schedule.next_fire_at) == schedule.next_fire_at,
            col(Schedule.version) == schedule.version,
        )
        .values(**moves)
        .execution_options(synchronize_session=False)
    )
    if not moved.rowcount:  # type: ignore[attr-defined]
        session.refresh(schedule)
        return False
    for name, value in moves.items():
        # The row is what we have just made it, so there is no need to read it again.
        set_committed_value(schedule, name, value)
    return True


def advance_many(session: Session, moves: Sequence[tuple[Schedule, datetime | None]]) -> bool:
    """Move schedules past the one fire time at which each gets a run, to the next one that is named here.

    Return whether this caller was the one to do it for all of them; where not, undo the transaction.
    """
    table = cast(Table, Schedule.__table__)  # type: ignore[attr-defined]
    rows = [_step(schedule, following) for schedule, following in moves]
    moved = session.connection().execute(
        update(table)
        .where(
            table.c.id == bindparam("its_id"),
            table.c.next_fire_at == bindparam("its_fire_time"),
            table.c.version == bindparam("its_version"),
        )
        .values({name: bindparam(name) for name in _STEP}),
        rows,
    )
    if moved.rowcount != len(rows):
        return False
    for (schedule, _), row in zip(moves, rows, strict=True):
        for name in _STEP:
            set_committed_value(schedule, name, row[name])
    return True


_STEP: Final = ("next_fire_at", "due_at", "fired_until", "runs_made")


def _step(schedule: Schedule, following: datetime | None) -> dict[str, Any]:
    return {
        "its_id": schedule.id,
        "its_fire_time": schedule.next_fire_at,
        "its_version": schedule.version,
        "next_fire_at": following,
        "due_at": following + schedule.shift if following else None,
        "fired_until": schedule.next_fire_at,
        "runs_made": schedule.runs_made + 1,
    }


def settle(schedule: Schedule, now: datetime) -> None:
    """Set the next fire time after *now*, and after what the ledger has been told already."""
    after = max(now, schedule.fired_until) if schedule.fired_until else now
    schedule.next_fire_at = next_fire_time(schedule, after)
    schedule.due_at = schedule.next_fire_at + schedule.shift if schedule.next_fire_at else None


def next_fire_time(schedule: Schedule, after: datetime) -> datetime | None:
    """The first fire time later than *after* within the schedule's window; null while it does not fire."""
    if schedule.paused_at or schedule.deleted_at or schedule.broken_reason or schedule.is_used_up:
        return None
    return schedule.timetable.next_after(after)


def count_run(session: Session, schedule: Schedule) -> None:
    """A fire time became a run. The last one of `max_runs` ends the schedule."""
    schedule.runs_made += 1
    if schedule.is_used_up:
        schedule.next_fire_at = schedule.due_at = None
    session.add(schedule)


def learn_margin(session: Session, schedule: Schedule, margin: timedelta) -> None:
    """Start finish-by runs so long before their fire time, unless the trigger names a margin of its own."""
    if not is_finish_by(schedule.trigger):
        return
    own = schedule.trigger.get("margin_seconds")
    schedule.margin_seconds = int(own if own is not None else margin.total_seconds())
    if schedule.next_fire_at:
        schedule.due_at = schedule.next_fire_at + schedule.shift
    session.add(schedule)


def mark_broken(session: Session, schedule: Schedule, reason: str, now: datetime) -> None:
    """Stop a schedule that cannot fire, so that it stops no other; an edit mends it."""
    schedule.broken_reason, schedule.next_fire_at, schedule.due_at = reason, None, None
    schedule.version += 1
    schedule.updated_at = now
    session.add(schedule)
    events.record(
        session,
        "schedule.broken",
        caller="nightbook",
        about=("schedule", schedule.id),
        now=now,
        facts={"name": schedule.name, "reason": reason},
    )
    session.flush()
