"""Zones that changed their minds: coming fire times that an older edition of the zones' rules gave."""

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session, col, or_, select

from nightbook.records import events
from nightbook.records.schedules.due import settle
from nightbook.records.schedules.tables import Schedule


def of_other_zones(session: Session, edition: str, *, limit: int) -> Sequence[Schedule]:
    """Schedules whose coming fire time nobody has looked at under this edition; locked, as far as free."""
    wanted = (
        select(Schedule)
        .where(
            col(Schedule.next_fire_at).is_not(None),
            or_(col(Schedule.zones_edition).is_(None), col(Schedule.zones_edition) != edition),
        )
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return session.exec(wanted.execution_options(populate_existing=True)).all()


def reread(session: Session, schedule: Schedule, edition: str, now: datetime) -> bool:
    """Compute the coming fire time of a locked schedule anew; say whether it moved. Raises Invalid.

    One that is due already stays: it was promised, and the planner is about to keep it.
    """
    before = schedule.next_fire_at
    schedule.zones_edition = edition
    session.add(schedule)
    if before is None or before <= now or (schedule.due_at is not None and schedule.due_at <= now):
        return False
    settle(schedule, now)
    if schedule.next_fire_at == before:
        return False
    after = schedule.next_fire_at.isoformat() if schedule.next_fire_at else None
    events.record(
        session,
        "schedule.moved",
        caller="nightbook",
        about=("schedule", schedule.id),
        now=now,
        facts={"name": schedule.name, "from": before.isoformat(), "to": after, "zones": edition},
    )
    session.flush()
    return True
