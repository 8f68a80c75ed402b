"""Tallies: how many runs ended in each hour, how, and how long they took.

Hours that are over are counted once and kept, so that charts read a few hundred rows however many runs
there were, and stay as they are when old runs are removed. The newest hours are counted when asked for.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, DateTime, Float, cast, func, type_coerce
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Field, Session, SQLModel, col, select

from nightbook.adapters.database import UtcDateTime, is_postgresql
from nightbook.records.runs import Run

HOUR = timedelta(hours=1)
#: An end is noted before its transaction commits; so long after an hour no end of it is still to come.
SETTLED = timedelta(minutes=5)
#: How much history the first count on an old database looks at, and how much one tick counts.
HISTORY = timedelta(days=31)
STEP = timedelta(days=2)


class HourTally(SQLModel, table=True):
    __tablename__ = "hour_tallies"

    hour: datetime = Field(primary_key=True, sa_type=UtcDateTime)
    state: str = Field(primary_key=True)
    runs: int
    #: From the first start to the end, summed up; 0 for what never started.
    seconds: float


@dataclass(frozen=True)
class Tally:
    """Runs that ended in one hour (UTC) in one state, and the seconds that they took together."""

    hour: datetime
    state: str
    runs: int
    seconds: float


def since(session: Session, start: datetime) -> list[Tally]:
    """What ended from the full hour of *start* until now, by hour and state."""
    first = _full_hour(start)
    kept = (
        select(HourTally.hour, HourTally.state, HourTally.runs, HourTally.seconds)
        .where(col(HourTally.hour) >= first)
        .order_by(col(HourTally.hour))
    )
    counted_until = _counted_until(session)
    open_from = first if counted_until is None else max(first, counted_until)
    return [
        *(Tally(*row) for row in session.execute(kept).all()),
        *_counted(session, open_from, None),
    ]


def close(session: Session, now: datetime) -> int:
    """Count the hours that are over. Return how many rows that made."""
    end = _full_hour(now - SETTLED)
    start = max(_counted_until(session) or end - HISTORY, end - HISTORY)
    first = session.exec(
        select(Run.finished_at)
        .where(col(Run.finished_at) >= start, col(Run.finished_at) < end)
        .order_by(col(Run.finished_at))
        .limit(1)
    ).first()
    if first is None:
        return 0
    start = _full_hour(first)
    found = _counted(session, start, min(end, start + STEP))
    insert = postgresql.insert if is_postgresql(session) else sqlite.insert
    for one in found:
        # Another beat may have counted the same hour, and found the same.
        session.execute(insert(HourTally).values(**vars(one)).on_conflict_do_nothing())
    return len(found)


def _counted_until(session: Session) -> datetime | None:
    newest = session.exec(select(HourTally.hour).order_by(col(HourTally.hour).desc()).limit(1)).first()
    return None if newest is None else newest + HOUR


def _counted(session: Session, start: datetime, end: datetime | None) -> list[Tally]:
    hour, seconds = _expressions(session)
    wanted = (
        select(hour, col(Run.state), func.count(), func.coalesce(func.sum(seconds), 0.0))
        .where(col(Run.finished_at) >= start)
        .group_by(hour, col(Run.state))
        .order_by(hour)
    )
    if end is not None:
        wanted = wanted.where(col(Run.finished_at) < end)
    return [Tally(_moment(at), state, runs, float(took)) for at, state, runs, took in session.execute(wanted)]


def _expressions(session: Session) -> tuple[ColumnElement[Any], ColumnElement[float]]:
    """The hour of an end, and how long its run took in seconds, as each database says them."""
    if is_postgresql(session):
        hour = func.date_trunc("hour", func.timezone("UTC", col(Run.finished_at)), type_=DateTime())
        took = func.extract("epoch", col(Run.finished_at) - col(Run.started_at))
        return hour, cast(took, Float)
    days = func.julianday(col(Run.finished_at)) - func.julianday(col(Run.started_at))
    return func.strftime("%Y-%m-%dT%H:00:00", col(Run.finished_at)), type_coerce(days * 86_400.0, Float)


def _moment(hour: datetime | str) -> datetime:
    return (datetime.fromisoformat(hour) if isinstance(hour, str) else hour).replace(tzinfo=UTC)


def _full_hour(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
