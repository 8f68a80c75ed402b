"""Chains: who follows the ends of whose runs.

A link says that a schedule follows another one (`after`), or its own runs (`watch`: for its failures and
its margin). The end of a run leaves one arrival for each link, in the transaction of the end; the beat
takes them.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final, Literal
from uuid import UUID

from sqlalchemy import Index, func
from sqlmodel import Field, Session, SQLModel, col, delete, select

from nightbook.adapters.database import Json, UtcDateTime, is_postgresql
from nightbook.core.clock import new_id
from nightbook.core.errors import Invalid

Purpose = Literal["after", "watch"]
#: Any number: the lock that all who change links take.
_LINKS_LOCK: Final = 7261837


class ScheduleLink(SQLModel, table=True):
    __tablename__ = "schedule_links"

    upstream_id: UUID = Field(primary_key=True)
    follower_id: UUID = Field(primary_key=True, index=True)
    purpose: str = Field(primary_key=True)
    states: list[str] = Field(sa_type=Json)


class Arrival(SQLModel, table=True):
    """The end of a run, for one follower. `taken_at` is null until the beat has looked at it."""

    __tablename__ = "arrivals"
    __table_args__ = (
        Index("one_arrival_a_run", "follower_id", "run_id", "purpose", unique=True),
        Index("arrivals_to_take", "taken_at", "id"),
    )

    id: UUID = Field(primary_key=True)
    follower_id: UUID
    upstream_id: UUID
    run_id: UUID
    purpose: str
    state: str
    ended_at: datetime = Field(sa_type=UtcDateTime)
    taken_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


# ---------------------------------------------------------------- links


def link(
    session: Session,
    follower_id: UUID,
    upstream_ids: Collection[UUID],
    *,
    purpose: Purpose,
    states: Collection[str],
) -> None:
    """Let a schedule follow these, and no others. Raises Invalid `cycle` where it would follow itself."""
    if purpose == "after" and upstream_ids:
        _lock(session)
        _refuse_cycle(session, follower_id, upstream_ids)
    session.execute(
        delete(ScheduleLink).where(
            col(ScheduleLink.follower_id) == follower_id, col(ScheduleLink.purpose) == purpose
        )
    )
    session.execute(
        delete(Arrival).where(
            col(Arrival.follower_id) == follower_id,
            col(Arrival.purpose) == purpose,
            col(Arrival.upstream_id).not_in(list(upstream_ids)),
        )
    )
    for upstream_id in upstream_ids:
        session.add(
            ScheduleLink(
                upstream_id=upstream_id, follower_id=follower_id, purpose=purpose, states=sorted(states)
            )
        )
    session.flush()


def _lock(session: Session) -> None:
    # Two links made at once could close a circle that neither of them sees. SQLite has one writer anyway.
    if is_postgresql(session):
        session.execute(select(func.pg_advisory_xact_lock(_LINKS_LOCK)))


def _refuse_cycle(session: Session, follower_id: UUID, upstream_ids: Collection[UUID]) -> None:
    seen: set[UUID] = set()
    above = set(upstream_ids)
    while above:
        if follower_id in above:
            raise Invalid(
                "cycle",
                "This schedule would follow itself. Follow a schedule that does not depend on this one.",
                field="trigger.schedule_id",
            )
        seen |= above
        wanted = select(ScheduleLink.upstream_id).where(
            col(ScheduleLink.follower_id).in_(above), col(ScheduleLink.purpose) == "after"
        )
        above = set(session.exec(wanted).all()) - seen


def unlink(session: Session, follower_id: UUID) -> None:
    """Let a schedule follow nothing any more, and forget what has arrived for it."""
    session.execute(delete(ScheduleLink).where(col(ScheduleLink.follower_id) == follower_id))
    session.execute(delete(Arrival).where(col(Arrival.follower_id) == follower_id))


def is_linked(session: Session, follower_id: UUID, purpose: Purpose) -> bool:
    """Whether a schedule follows anything."""
    wanted = select(ScheduleLink.upstream_id).where(
        col(ScheduleLink.follower_id) == follower_id, col(ScheduleLink.purpose) == purpose
    )
    return session.exec(wanted.limit(1)).first() is not None


def followers(session: Session, upstream_id: UUID) -> Sequence[UUID]:
    """The schedules that follow the ends of this one's runs."""
    wanted = select(ScheduleLink.follower_id).where(
        col(ScheduleLink.upstream_id) == upstream_id, col(ScheduleLink.purpose) == "after"
    )
    return session.exec(wanted).all()


# ---------------------------------------------------------------- arrivals


def tell(session: Session, upstream_id: UUID, run_id: UUID, state: str, ended_at: datetime) -> None:
    """A run of a schedule ended: leave word for those who follow it."""
    wanted = select(ScheduleLink).where(col(ScheduleLink.upstream_id) == upstream_id)
    for found in session.exec(wanted).all():
        if state in found.states:
            session.add(
                Arrival(
                    id=new_id(),
                    follower_id=found.follower_id,
                    upstream_id=upstream_id,
                    run_id=run_id,
                    purpose=found.purpose,
                    state=state,
                    ended_at=ended_at,
                )
            )


def is_any_new(session: Session) -> bool:
    return (
        session.exec(select(Arrival.id).where(col(Arrival.taken_at).is_(None)).limit(1)).first() is not None
    )


def new_followers(session: Session, *, limit: int = 100) -> Sequence[UUID]:
    """The schedules for which something arrived that nobody has looked at, the oldest first."""
    wanted = (
        select(Arrival.follower_id)
        .where(col(Arrival.taken_at).is_(None))
        .group_by(col(Arrival.follower_id))
        .order_by(func.min(Arrival.ended_at))
        .limit(limit)
    )
    return session.exec(wanted).all()


def arrived(session: Session, follower_id: UUID, purpose: Purpose) -> Sequence[Arrival]:
    """What has arrived for a schedule and was not used up, the oldest first."""
    wanted = (
        select(Arrival)
        .where(col(Arrival.follower_id) == follower_id, col(Arrival.purpose) == purpose)
        .order_by(col(Arrival.id))
    )
    return session.exec(wanted).all()


def mark_taken(session: Session, arrivals: Sequence[Arrival], now: datetime) -> None:
    """Looked at, and kept: a fan-in still waits for the others."""
    for arrival in arrivals:
        arrival.taken_at = now
        session.add(arrival)


def use_up(session: Session, arrivals: Sequence[Arrival]) -> None:
    for arrival in arrivals:
        session.delete(arrival)
