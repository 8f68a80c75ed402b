"""The files of a backup, and how a value of a row is written in JSON."""

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from sqlalchemy import Column, LargeBinary, Uuid
from sqlalchemy.types import TypeEngine

from nightbook.adapters.database import Json, UtcDateTime

FORMAT: Final = 1
LISTING: Final = "backup.json"
CHUNK: Final = 1024 * 1024
#: Hears a line of progress.
Told = Callable[[str], None]


class BackupError(Exception):
    """A backup cannot be taken, read or restored; the message says why and what to do."""


@dataclass(frozen=True)
class Summary:
    """What a backup holds."""

    rows: int
    artifacts: int
    artifact_bytes: int
    missing: tuple[str, ...] = ()


class TableFile(BaseModel):
    """One table's file; the order of the list is the order in which rows can be put back."""

    model_config = ConfigDict(extra="forbid")

    name: str
    rows: int
    sha256: str


class Listing(BaseModel):
    """`backup.json`."""

    model_config = ConfigDict(extra="forbid")

    format: int
    nightbook: str
    revision: str
    created_at: datetime
    tables: list[TableFile]
    #: SHA-256 of each artifact that the rows name, with its size; kept elsewhere if `has_artifacts` is false.
    artifacts: dict[str, int]
    has_artifacts: bool
    #: Named by rows, but not in the store when the backup was taken.
    missing: list[str]

    @property
    def summary(self) -> Summary:
        return Summary(
            rows=sum(table.rows for table in self.tables),
            artifacts=len(self.artifacts),
            artifact_bytes=sum(self.artifacts.values()),
            missing=tuple(self.missing),
        )


def read_listing(folder: Path) -> Listing:
    """What *folder* holds. Raises BackupError where it is no backup that this release can read."""
    try:
        text = (folder / LISTING).read_bytes()
    except OSError as error:
        raise BackupError(f"{folder} holds no {LISTING}: it is no backup, or an unfinished one.") from error
    try:
        listing = Listing.model_validate_json(text)
    except ValueError as error:
        raise BackupError(f"{folder / LISTING} cannot be read; is it of a later release?") from error
    if listing.format != FORMAT:
        raise BackupError(f"{folder} has format {listing.format}; this release reads {FORMAT}.")
    return listing


def table_path(folder: Path, name: str) -> Path:
    return folder / "tables" / f"{name}.jsonl"


def artifact_path(folder: Path, sha256: str) -> Path:
    return folder / "artifacts" / sha256[:2] / sha256[2:4] / sha256


def digest_of(path: Path) -> str:
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


# ---------------------------------------------------------------- values

#: Kinds of columns whose values JSON cannot hold as they are.
_TYPES: Final[dict[str, Callable[[], TypeEngine[Any]]]] = {
    "moment": UtcDateTime,
    "uuid": Uuid,
    "bytes": LargeBinary,
    "json": lambda: Json,
}


def kind_of(column: Column[Any]) -> str:
    """`moment`, `uuid`, `bytes`, `json`, or `plain` for numbers, texts and booleans."""
    if isinstance(column.type, UtcDateTime):
        return "moment"
    if isinstance(column.type, Uuid):
        return "uuid"
    if isinstance(column.type, LargeBinary):
        return "bytes"
    return "json" if isinstance(column.type, type(Json)) else "plain"


def type_of(kind: str) -> TypeEngine[Any] | None:
    """The column type that takes a value of this kind on either database. Raises BackupError."""
    if kind == "plain":
        return None
    if kind not in _TYPES:
        raise BackupError(f"A table has a column of the unknown kind {kind!r}; is it of a later release?")
    return _TYPES[kind]()


def written(value: Any, kind: str) -> Any:
    """A row's value as JSON holds it."""
    if value is None or kind in ("plain", "json"):
        return value
    if kind == "moment":
        return value.astimezone(UTC).isoformat()
    return str(value) if kind == "uuid" else base64.b64encode(value).decode("ascii")


def read(value: Any, kind: str) -> Any:
    """What `written` was given. Raises ValueError."""
    if value is None or kind in ("plain", "json"):
        return value
    if kind == "moment":
        return datetime.fromisoformat(value)
    return UUID(value) if kind == "uuid" else base64.b64decode(value, validate=True)
