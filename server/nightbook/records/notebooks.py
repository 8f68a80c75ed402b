"""Notebooks: the paths that people know, and the immutable versions behind them.

A version is named by the SHA-256 of its normalised content (and of its sibling files, if it has any).
The bytes lie in the artifact store; the row keeps what lists and forms need.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func
from sqlmodel import Field, Session, SQLModel, col, select

from nightbook.adapters.database import Json, UtcDateTime
from nightbook.core.clock import new_id
from nightbook.core.errors import Invalid, NotFound
from nightbook.core.parameters import Declared, Parameter
from nightbook.records import events
from nightbook.records.access import Caller

_SHA256 = re.compile(r"^[0-9a-f]{64}$")


class Version(SQLModel, table=True):
    __tablename__ = "versions"

    sha256: str = Field(primary_key=True)
    content_sha256: str
    size: int
    kernel: str | None
    language: str | None
    parameters: list[dict[str, Any]] = Field(sa_type=Json)
    has_parameters_cell: bool
    files: dict[str, str] = Field(sa_type=Json)  # path -> SHA-256 of a sibling file
    findings: list[dict[str, Any]] = Field(sa_type=Json)
    git: dict[str, Any] | None = Field(default=None, sa_type=Json)  # as of the newest upload that said so
    created_at: datetime = Field(sa_type=UtcDateTime)
    created_by: str

    @property
    def declared(self) -> Declared:
        """The parameters that this version declares, as read when it was uploaded."""
        found = tuple(Parameter(**{**one, "choices": _as_tuple(one["choices"])}) for one in self.parameters)
        return Declared(found, self.has_parameters_cell, self.language or "python")


def _as_tuple(choices: Sequence[Any] | None) -> tuple[Any, ...] | None:
    return None if choices is None else tuple(choices)


class NotebookVersion(SQLModel, table=True):
    """A path had this version; the newest `uploaded_at` is the path's latest."""

    __tablename__ = "notebook_versions"

    id: UUID = Field(primary_key=True)
    path: str = Field(index=True)
    sha256: str = Field(foreign_key="versions.sha256", index=True)
    uploaded_at: datetime = Field(sa_type=UtcDateTime)
    uploaded_by: str
    is_latest: bool = Field(index=True)


def upload(
    session: Session, version: Version, *, path: str, caller: Caller, now: datetime
) -> tuple[Version, bool]:
    """Keep a version under a path. Return the row and whether the path got something new."""
    known = session.get(Version, version.sha256)
    if known is None:
        session.add(version)
        session.flush()
        known = version
    elif version.git is not None and version.git != known.git:
        known.git = version.git
        session.add(known)
    latest = _latest_row(session, path)
    if latest is not None and latest.sha256 == known.sha256:
        # Whoever names the version next means this path, though a copy of the notebook lies elsewhere.
        latest.uploaded_at = now
        session.add(latest)
        session.flush()
        return known, False
    if latest is not None:
        latest.is_latest = False
    session.add(
        NotebookVersion(
            id=new_id(),
            path=path,
            sha256=known.sha256,
            uploaded_at=now,
            uploaded_by=caller.name,
            is_latest=True,
        )
    )
    facts = {"path": path, "sha256": known.sha256}
    events.record(
        session, "notebook.uploaded", caller=caller.name, about=("notebook", path), now=now, facts=facts
    )
    session.flush()
    return known, True


def latest(session: Session, path: str) -> Version | None:
    row = _latest_row(session, path)
    return session.get(Version, row.sha256) if row else None


def resolve(session: Session, reference: str) -> tuple[str, Version, bool]:
    """Find the version that a draft means. Return its path, the row, and whether it follows the latest.

    *reference* is a SHA-256 (that version) or a path (its latest). Raises Invalid where there is none.
    """
    if _SHA256.match(reference):
        version = session.get(Version, reference)
        if version is None:
            raise Invalid("unknown_version", "No notebook of this SHA-256 was uploaded.", field="notebook")
        return path_of(session, reference), version, False
    version = latest(session, reference)
    if version is None:
        raise Invalid(
            "unknown_notebook",
            "No notebook was uploaded under this path. Upload it with POST /api/v1/notebooks first.",
            field="notebook",
        )
    return reference, version, True


def require_version(session: Session, sha256: str) -> Version:
    version = session.get(Version, sha256)
    if version is None:
        raise NotFound("version_not_found", "No notebook of this SHA-256 was uploaded.")
    return version


def path_of(session: Session, sha256: str) -> str:
    """The path under which a version was last uploaded."""
    wanted = (
        select(NotebookVersion.path)
        .where(col(NotebookVersion.sha256) == sha256)
        .order_by(col(NotebookVersion.uploaded_at).desc(), col(NotebookVersion.id).desc())
        .limit(1)
    )
    return session.exec(wanted).first() or sha256


def page(
    session: Session, *, after: str | None, limit: int, q: str | None
) -> Sequence[tuple[NotebookVersion, int]]:
    """Paths in their order, with the latest version of each and how many versions there are."""
    wanted = select(NotebookVersion).where(col(NotebookVersion.is_latest)).order_by(col(NotebookVersion.path))
    if after is not None:
        wanted = wanted.where(col(NotebookVersion.path) > after)
    if q:
        wanted = wanted.where(col(NotebookVersion.path).icontains(q, autoescape=True))
    rows = session.exec(wanted.limit(limit)).all()
    counts = _version_counts(session, [row.path for row in rows])
    return [(row, counts[row.path]) for row in rows]


def versions(
    session: Session, path: str, *, before: UUID | None, limit: int
) -> Sequence[tuple[NotebookVersion, Version]]:
    """The versions of a path, newest first."""
    wanted = (
        select(NotebookVersion, Version)
        .join(Version, col(Version.sha256) == col(NotebookVersion.sha256))
        .where(col(NotebookVersion.path) == path)
        .order_by(col(NotebookVersion.id).desc())
    )
    if before is not None:
        wanted = wanted.where(col(NotebookVersion.id) < before)
    found = session.exec(wanted.limit(limit)).all()
    if not found and before is None:
        raise NotFound("notebook_not_found", "No notebook was uploaded under this path.")
    return found


def _version_counts(session: Session, paths: Sequence[str]) -> Mapping[str, int]:
    counted = session.exec(
        select(NotebookVersion.path, func.count())
        .where(col(NotebookVersion.path).in_(paths))
        .group_by(col(NotebookVersion.path))
    ).all()
    return dict(counted)


def _latest_row(session: Session, path: str) -> NotebookVersion | None:
    wanted = select(NotebookVersion).where(col(NotebookVersion.path) == path, col(NotebookVersion.is_latest))
    return session.exec(wanted.order_by(col(NotebookVersion.id).desc()).limit(1)).first()
