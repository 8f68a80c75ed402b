"""Journals: the record of an attempt as its worker uploads it, in pieces, by offset.

The server appends only at its own end: what lies before it is skipped, what lies beyond it is refused
with the offset that is wanted, so repeats and overlaps change nothing.
"""

from collections.abc import Iterator
from uuid import UUID

from sqlalchemy import LargeBinary, delete, func
from sqlmodel import Field, Session, SQLModel, col, select

from nightbook.core.errors import Conflict, FieldError


class JournalPiece(SQLModel, table=True):
    __tablename__ = "journal_pieces"

    attempt_id: UUID = Field(primary_key=True, foreign_key="attempts.id")
    start: int = Field(primary_key=True)
    body: bytes = Field(sa_type=LargeBinary)


def append(session: Session, attempt_id: UUID, *, end: int, offset: int, body: bytes) -> int:
    """Append what is new of *body*, which begins at *offset*; *end* is our own. Return the new end."""
    if offset > end:
        raise Conflict(
            "journal_gap",
            f"The journal is known up to byte {end}.",
            errors=[FieldError("offset", "journal_gap", str(end))],
        )
    fresh = body[end - offset :]
    if fresh:
        session.add(JournalPiece(attempt_id=attempt_id, start=end, body=fresh))
        session.flush()
    return end + len(fresh)


def read(session: Session, attempt_id: UUID, *, start: int = 0, at_most: int | None = None) -> bytes:
    """The journal's bytes from *start*; with *at_most*, those of the next pieces until it is that many."""
    of_attempt = col(JournalPiece.attempt_id) == attempt_id
    first = select(func.max(JournalPiece.start)).where(of_attempt, col(JournalPiece.start) <= start)
    wanted = (
        select(JournalPiece.start, JournalPiece.body)
        .where(of_attempt, col(JournalPiece.start) >= first.scalar_subquery())
        .order_by(col(JournalPiece.start))
        .execution_options(yield_per=4)
    )
    found = bytearray()
    for piece_start, body in session.exec(wanted):
        found += body[max(0, start - piece_start) :]
        if at_most is not None and len(found) >= at_most:
            break
    return bytes(found)


def pieces(session: Session, attempt_id: UUID) -> Iterator[bytes]:
    """The journal from its start, piece by piece: never all of it in memory."""
    starts = select(JournalPiece.start).where(col(JournalPiece.attempt_id) == attempt_id)
    for start in session.exec(starts.order_by(col(JournalPiece.start))).all():
        yield session.exec(
            select(JournalPiece.body).where(
                col(JournalPiece.attempt_id) == attempt_id, col(JournalPiece.start) == start
            )
        ).one()


def drop(session: Session, attempt_id: UUID) -> None:
    """Forget the pieces, once the journal is an artifact."""
    session.execute(delete(JournalPiece).where(col(JournalPiece.attempt_id) == attempt_id))
