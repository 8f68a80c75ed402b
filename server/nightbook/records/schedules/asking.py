"""Schedules asked for by id, and as lists."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import String, cast, func
from sqlmodel import Session, col, select

from nightbook.core.errors import NotFound
from nightbook.records.schedules.tables import Schedule
from nightbook.records.streaks import RedStreak


def require(session: Session, schedule_id: UUID) -> Schedule:
    schedule = session.get(Schedule, schedule_id)
    if schedule is None or schedule.deleted_at is not None:
        raise NotFound("schedule_not_found", "There is no such schedule.")
    return schedule


def require_for_change(session: Session, schedule_id: UUID) -> Schedule:
    """The schedule, locked until the end of the transaction, so that no beat fires it in between."""
    wanted = select(Schedule).where(col(Schedule.id) == schedule_id).with_for_update()
    schedule = session.exec(wanted.execution_options(populate_existing=True)).first()
    if schedule is None or schedule.deleted_at is not None:
        raise NotFound("schedule_not_found", "There is no such schedule.")
    return schedule


def page(
    session: Session,
    *,
    beyond: UUID | None,
    limit: int,
    filters: Mapping[str, str],
    oldest_first: bool = False,
) -> Sequence[Schedule]:
    """Schedules after *beyond* in their order, newest first unless told otherwise.

    Filters: notebook, owner, tag, state, q, pool.
    """
    order = col(Schedule.id).asc() if oldest_first else col(Schedule.id).desc()
    wanted = select(Schedule).where(col(Schedule.deleted_at).is_(None)).order_by(order)
    if beyond is not None:
        wanted = wanted.where(col(Schedule.id) > beyond if oldest_first else col(Schedule.id) < beyond)
    if value := filters.get("notebook"):
        wanted = wanted.where(col(Schedule.notebook_path) == value)
    if value := filters.get("owner"):
        wanted = wanted.where(col(Schedule.owner) == value)
    if value := filters.get("pool"):
        wanted = wanted.where(col(Schedule.pool) == value)
    if value := filters.get("tag"):
        wanted = wanted.where(cast(col(Schedule.tags), String).contains(f'"{value}"', autoescape=True))
    if value := filters.get("state"):
        is_paused = col(Schedule.paused_at).is_not(None)
        wanted = wanted.where(is_paused if value == "paused" else ~is_paused)
    if value := filters.get("q"):
        in_name = col(Schedule.name).icontains(value, autoescape=True)
        wanted = wanted.where(in_name | col(Schedule.notebook_path).icontains(value, autoescape=True))
    return session.exec(wanted.limit(limit)).all()


def next_due(session: Session, limit: int) -> Sequence[Schedule]:
    """The schedules that fire next."""
    wanted = (
        select(Schedule).where(col(Schedule.next_fire_at).is_not(None)).order_by(col(Schedule.next_fire_at))
    )
    return session.exec(wanted.limit(limit)).all()


def firing_before(session: Session, end: datetime, limit: int) -> Sequence[Schedule]:
    """The schedules with a run to start before *end*, the next one first."""
    wanted = select(Schedule).where(col(Schedule.due_at) < end).order_by(col(Schedule.due_at))
    return session.exec(wanted.limit(limit)).all()


def failing(session: Session, limit: int) -> Sequence[tuple[Schedule, RedStreak]]:
    """Schedules whose newest judged run is red, the youngest streak first."""
    wanted = select(Schedule, RedStreak).join(RedStreak, col(RedStreak.schedule_id) == col(Schedule.id))
    wanted = wanted.where(col(Schedule.deleted_at).is_(None)).order_by(col(RedStreak.since).desc())
    return session.exec(wanted.limit(limit)).all()


def are_there_any(session: Session) -> bool:
    return (
        session.exec(select(Schedule.id).where(col(Schedule.deleted_at).is_(None)).limit(1)).first()
        is not None
    )


def count_failing(session: Session) -> int:
    is_live = select(Schedule.id).where(
        col(Schedule.id) == col(RedStreak.schedule_id), col(Schedule.deleted_at).is_(None)
    )
    # By way of the few streaks: a join might read all schedules.
    wanted = select(func.count(col(RedStreak.run_id))).where(is_live.exists())
    return int(session.execute(wanted).scalar_one())


def overdue(session: Session, before: datetime, limit: int) -> Sequence[Schedule]:
    """Schedules that ought to have fired before *before*: no beat looks at them."""
    wanted = select(Schedule).where(col(Schedule.due_at) < before).order_by(col(Schedule.due_at))
    return session.exec(wanted.limit(limit)).all()


def broken(session: Session, limit: int) -> Sequence[Schedule]:
    """Schedules that cannot fire until somebody edits them."""
    wanted = select(Schedule).where(
        col(Schedule.broken_reason).is_not(None), col(Schedule.deleted_at).is_(None)
    )
    return session.exec(wanted.limit(limit)).all()


def count_by_state(session: Session) -> Mapping[str, int]:
    """How many schedules are active and paused, for the metrics."""
    live = select(Schedule.paused_at).where(col(Schedule.deleted_at).is_(None))
    paused = [moment is not None for moment in session.exec(live).all()]
    return {"active": paused.count(False), "paused": paused.count(True)}
