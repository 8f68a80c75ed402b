"""Artifacts: what an attempt left in storage, visible only once its fenced finish has committed."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, Session, SQLModel, col, select

from nightbook.adapters.database import UtcDateTime
from nightbook.core.clock import new_id
from nightbook.core.errors import NotFound
from nightbook.schemas import FinishedArtifact


class Artifact(SQLModel, table=True):
    __tablename__ = "artifacts"
    __table_args__ = (UniqueConstraint("run_id", "fence", "name"),)

    id: UUID = Field(primary_key=True)
    run_id: UUID = Field(foreign_key="runs.id")
    fence: int
    name: str
    sha256: str = Field(index=True)
    size: int
    media_type: str
    role: str
    created_at: datetime = Field(sa_type=UtcDateTime)


def keep(session: Session, run_id: UUID, fence: int, left: Sequence[FinishedArtifact], now: datetime) -> None:
    """Make the artifacts of an attempt visible; called in the transaction of its end."""
    rows = (artifact.model_dump(exclude={"content"}) for artifact in left)
    session.add_all(Artifact(id=new_id(), run_id=run_id, fence=fence, created_at=now, **row) for row in rows)
    session.flush()


def replace(session: Session, run_id: UUID, fence: int, left: FinishedArtifact, now: datetime) -> None:
    """Put a newer copy in the place of an artifact, for late evidence of a lost attempt."""
    wanted = select(Artifact).where(
        col(Artifact.run_id) == run_id, col(Artifact.fence) == fence, col(Artifact.name) == left.name
    )
    for old in session.exec(wanted).all():
        session.delete(old)
    session.flush()
    keep(session, run_id, fence, [left], now)


def of_run(session: Session, run_id: UUID) -> Sequence[Artifact]:
    """The artifacts of the run's last attempt that left any, by name."""
    wanted = (
        select(Artifact)
        .where(col(Artifact.run_id) == run_id)
        .order_by(col(Artifact.fence).desc(), col(Artifact.name))
    )
    found = session.exec(wanted).all()
    return [artifact for artifact in found if artifact.fence == found[0].fence]


def require(session: Session, run_id: UUID, name: str) -> Artifact:
    for artifact in of_run(session, run_id):
        if artifact.name == name:
            return artifact
    raise NotFound("artifact_not_found", "This run left no artifact of this name (or has not ended yet).")


def of_attempt(session: Session, run_id: UUID, fence: int) -> Sequence[Artifact]:
    wanted = select(Artifact).where(col(Artifact.run_id) == run_id, col(Artifact.fence) == fence)
    return session.exec(wanted).all()
