"""Putting a backup back, into a database that holds nothing yet."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, column, delete, func, select, table, text
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import SQLModel

from nightbook.adapters import database
from nightbook.adapters.storage import ArtifactStore
from nightbook.backups.shapes import (
    CHUNK,
    BackupError,
    Listing,
    Summary,
    Told,
    artifact_path,
    read,
    table_path,
    type_of,
)
from nightbook.backups.verifying import verified

#: What a fresh installation has by itself; anything beyond it is somebody's work.
_OF_A_FRESH_ONE: Final = frozenset({"pools", "tokens", "events", "workers", "answers"})
_ROWS_AT_ONCE: Final = 500


def restore(url: str, store: ArtifactStore, folder: Path, *, tell: Told) -> Summary:
    """Put the backup in *folder* into the database at *url* and into *store*. Raises BackupError.

    The database must hold no schedule, run or notebook; no server may be using it. It ends at this
    release's revision. A restore that was cut short may be repeated.
    """
    listing = verified(folder)
    tell("the backup is whole")
    database.migrate(url)
    engine = database.open_engine(url, pool_size=1)
    try:
        _refuse_used(engine)
        _put_artifacts(store, folder, listing, tell)
        if not database.knows_revision(listing.revision):
            raise BackupError(
                f"The backup is at revision {listing.revision}, of a later release. Install that."
            )
        database.empty(engine)
        database.migrate(url, to=listing.revision)
        with engine.begin() as connection:
            _put_rows(connection, folder, listing, tell)
        database.migrate(url)
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).partition("\n")[0]
        raise BackupError(f"The database refused the rows: {reason}") from error
    finally:
        engine.dispose()
    return listing.summary


def _refuse_used(engine: Engine) -> None:
    with engine.execution_options(reading=True).connect() as connection:
        for one in SQLModel.metadata.sorted_tables:
            if one.name in _OF_A_FRESH_ONE:
                continue
            if connection.execute(select(func.count()).select_from(one)).scalar_one():
                raise BackupError(
                    f"The database holds {one.name.replace('_', ' ')} already. "
                    "Restore into a new one: set NIGHTBOOK_DATABASE_URL or NIGHTBOOK_HOME."
                )


def _put_artifacts(store: ArtifactStore, folder: Path, listing: Listing, tell: Told) -> None:
    for count, (sha256, size) in enumerate(listing.artifacts.items(), start=1):
        if listing.has_artifacts and not store.exists(sha256):
            store.put(_chunks(artifact_path(folder, sha256)), limit=size)
        if count % 100 == 0 or count == len(listing.artifacts):
            tell(f"{count:,} of {len(listing.artifacts):,} artifacts")


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as opened:
        while chunk := opened.read(CHUNK):
            yield chunk


def _put_rows(connection: Connection, folder: Path, listing: Listing, tell: Told) -> None:
    is_postgresql = connection.dialect.name == "postgresql"
    # A migration may have put rows of its own in, such as the default pool.
    for file in reversed(listing.tables):
        connection.execute(delete(table(file.name)))
    for file in listing.tables:
        _put_table(connection, file.name, table_path(folder, file.name))
        if is_postgresql:
            _go_on_counting(connection, file.name)
        tell(f"{file.rows:,} rows of {file.name}")


def _put_table(connection: Connection, name: str, path: Path) -> None:
    with path.open(encoding="utf-8") as lines:
        kinds: dict[str, str] = json.loads(next(lines))
        columns = [column(each, type_of(kind)) for each, kind in kinds.items()]
        into = table(name, *columns).insert()
        rows: list[dict[str, Any]] = []
        for line in lines:
            values = json.loads(line)
            rows.append({each: read(v, kind) for (each, kind), v in zip(kinds.items(), values, strict=True)})
            if len(rows) == _ROWS_AT_ONCE:
                connection.execute(into, rows)
                rows = []
        if rows:
            connection.execute(into, rows)


def _go_on_counting(connection: Connection, name: str) -> None:
    """Let a column that counts by itself go on behind the highest number that was put back."""
    for one in SQLModel.metadata.tables[name].primary_key.columns:
        sequence = connection.execute(
            text("SELECT pg_get_serial_sequence(:table, :column)"), {"table": name, "column": one.name}
        ).scalar_one_or_none()
        if sequence is not None:
            highest = connection.execute(select(func.max(one))).scalar_one()
            if highest is not None:
                connection.execute(select(func.setval(sequence, highest)))
