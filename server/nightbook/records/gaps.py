"""Gaps: spans of a schedule's fire times that the ledger still has to be told about.

A pause or an outage may hide any number of fire times. The span is noted at once, with the timetable that
held then, and the beat writes its rows in small steps, after what is due now.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel import Field, Session, SQLModel, col, select

from nightbook.adapters.database import Json, UtcDateTime
from nightbook.core.clock import new_id


class LedgerGap(SQLModel, table=True):
    """The fire times later than `after` and not later than `until`; rows that exist already stay."""

    __tablename__ = "ledger_gaps"

    id: UUID = Field(primary_key=True)
    schedule_id: UUID
    after: datetime = Field(sa_type=UtcDateTime)
    until: datetime = Field(sa_type=UtcDateTime)
    reason: str
    timetable: dict[str, Any] = Field(sa_type=Json)


def note(
    session: Session,
    schedule_id: UUID,
    *,
    after: datetime,
    until: datetime,
    reason: str,
    timetable: Mapping[str, Any],
) -> LedgerGap:
    """Keep a span for later."""
    gap = LedgerGap(
        id=new_id(),
        schedule_id=schedule_id,
        after=after,
        until=until,
        reason=reason,
        timetable=dict(timetable),
    )
    session.add(gap)
    session.flush()
    return gap


def is_any(session: Session) -> bool:
    return session.exec(select(LedgerGap.id).limit(1)).first() is not None


def next_to_fill(session: Session, *, limit: int) -> Sequence[LedgerGap]:
    """The oldest gaps that no other beat is filling."""
    wanted = select(LedgerGap).order_by(col(LedgerGap.id)).limit(limit).with_for_update(skip_locked=True)
    return session.exec(wanted.execution_options(populate_existing=True)).all()
