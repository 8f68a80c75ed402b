"""Journals: the record of an attempt as its worker uploads it, in pieces, by offset.

The server appends only at its own end: what lies before it is skipped, what lies beyond it is refused
with the offset that is wanted, so repeats and overlaps change nothing.
"""

from collections.abc import Iterator
from uuid import UUID

from sqlalchemy import LargeBinary, delete
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


def read(session: Session, attempt_id: UUID, *, start: int = 0) -> bytes:
    """The journal's bytes from *start*, which is an offset that was given out before."""
    wanted = (
        select(JournalPiece)
        .where(col(JournalPiece.attempt_id) == attempt_id, col(JournalPiece.start) >= start)
        .order_by(col(JournalPiece.start))
    )
    pieces = session.exec(wanted).all()
    if start and (not pieces or pieces[0].start != start):
        return _whole(session, attempt_id)[start:]
    return b"".join(piece.body for piece in pieces)


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


def _whole(session: Session, attempt_id: UUID) -> bytes:
    wanted = (
        select(JournalPiece)
        .where(col(JournalPiece.attempt_id) == attempt_id)
        .order_by(col(JournalPiece.start))
    )
    return b"".join(piece.body for piece in session.exec(wanted).all())
