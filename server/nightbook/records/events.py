"""Events: what happened, who did it, when, about what. Append-only.

An event is written in the transaction of the change that it tells of: no event, no change. Audit log,
notifications and live views are three readings of these rows.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Column, Integer, insert
from sqlmodel import Field, Session, SQLModel, col, select

from nightbook.adapters import notices
from nightbook.adapters.database import Json, UtcDateTime


class Event(SQLModel, table=True):
    __tablename__ = "events"

    seq: int | None = Field(
        default=None,
        sa_column=Column(
            BigInteger().with_variant(Integer(), "sqlite"), primary_key=True, autoincrement=True
        ),
    )
    at: datetime = Field(sa_type=UtcDateTime)
    kind: str = Field(index=True)
    caller: str
    object_type: str
    object_id: str = Field(index=True)
    facts: dict[str, Any] = Field(sa_type=Json)


def record(
    session: Session,
    kind: str,
    *,
    caller: str,
    about: tuple[str, UUID | str],
    now: datetime,
    facts: Mapping[str, Any] | None = None,
) -> None:
    """Write down that *caller* did *kind* to the thing *about* (its type and id)."""
    object_type, object_id = about
    notices.tell(session, notices.EVENTS_TOPIC)
    notices.tell(session, f"{object_type}:{object_id}")
    session.add(
        Event(
            at=now,
            kind=kind,
            caller=caller,
            object_type=object_type,
            object_id=str(object_id),
            facts=dict(facts or {}),
        )
    )


def record_many(
    session: Session,
    kind: str,
    told: Sequence[tuple[tuple[str, UUID | str], Mapping[str, Any]]],
    *,
    caller: str,
    now: datetime,
) -> None:
    """Write down the same of many things: for each what it is about, and the facts."""
    notices.tell(session, notices.EVENTS_TOPIC)
    session.execute(
        insert(Event),
        [
            {
                "at": now,
                "kind": kind,
                "caller": caller,
                "object_type": object_type,
                "object_id": str(object_id),
                "facts": dict(facts),
            }
            for (object_type, object_id), facts in told
        ],
    )


def after(session: Session, seq: int, *, limit: int, kind: str | None = None) -> Sequence[Event]:
    """The events that follow *seq*, oldest first."""
    wanted = select(Event).where(col(Event.seq) > seq).order_by(col(Event.seq)).limit(limit)
    if kind:
        wanted = wanted.where(col(Event.kind) == kind)
    return session.exec(wanted).all()


def newest(session: Session, *, before: int | None, limit: int, about: str | None = None) -> Sequence[Event]:
    """The newest events, those before the sequence number *before* if one is given."""
    wanted = select(Event).order_by(col(Event.seq).desc()).limit(limit)
    if before is not None:
        wanted = wanted.where(col(Event.seq) < before)
    if about is not None:
        wanted = wanted.where(col(Event.object_id) == about)
    return session.exec(wanted).all()


def last_seq(session: Session) -> int:
    """The newest sequence number, 0 where nothing has happened yet."""
    return session.exec(select(Event.seq).order_by(col(Event.seq).desc()).limit(1)).first() or 0
