"""Red streaks: which schedules fail right now, since when, and how often in a row.

A row lives while its schedule is red, so that the landing page reads as many rows as there are troubles,
however long the history is.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import delete
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Field, Session, SQLModel, col

from nightbook.adapters.database import UtcDateTime, is_postgresql
from nightbook.core.states import RED


class RedStreak(SQLModel, table=True):
    __tablename__ = "red_streaks"

    schedule_id: UUID = Field(primary_key=True, foreign_key="schedules.id")
    #: The newest red run, the end of the first one, and how many there were since then.
    run_id: UUID
    since: datetime = Field(sa_type=UtcDateTime, index=True)
    runs: int


def tell(session: Session, schedule_id: UUID, run_id: UUID, state: str, ended_at: datetime) -> None:
    """A run of a schedule ended: a red end opens or lengthens the streak, a success closes it."""
    if state == "succeeded":
        session.execute(delete(RedStreak).where(col(RedStreak.schedule_id) == schedule_id))
    elif state in RED:
        insert = postgresql.insert if is_postgresql(session) else sqlite.insert
        opened = insert(RedStreak).values(schedule_id=schedule_id, run_id=run_id, since=ended_at, runs=1)
        lengthened = {"run_id": run_id, "runs": col(RedStreak.runs) + 1}
        session.execute(
            opened.on_conflict_do_update(index_elements=[col(RedStreak.schedule_id)], set_=lengthened)
        )
