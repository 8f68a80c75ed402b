"""Taking a backup: all rows in one snapshot, then the artifacts that they name."""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final

from alembic.migration import MigrationContext
from sqlalchemy import Connection, Engine, Table, inspect, select, text
from sqlmodel import SQLModel, col

from nightbook import __version__
from nightbook.adapters.storage import ArtifactStore, IntegrityError
from nightbook.backups.shapes import (
    CHUNK,
    FORMAT,
    LISTING,
    BackupError,
    Listing,
    Summary,
    TableFile,
    Told,
    artifact_path,
    kind_of,
    table_path,
    written,
)
from nightbook.core.clock import utc_now
from nightbook.records import tables  # noqa: F401  (so that the metadata is whole)
from nightbook.records.artifacts import Artifact
from nightbook.records.notebooks import Version

#: Worth nothing an hour later, and better not lying about.
_LEFT_OUT: Final = frozenset({"login_codes", "web_sessions"})
_ROWS_AT_ONCE: Final = 1000


def backup(
    engine: Engine, store: ArtifactStore, folder: Path, *, with_artifacts: bool = True, tell: Told
) -> Summary:
    """Write a backup into *folder*, which must not exist. Raises BackupError.

    Servers and workers may go on meanwhile. The folder appears under its name when it is whole.
    """
    if folder.exists():
        raise BackupError(f"{folder} exists. Name a folder that does not, for example with the date.")
    unfinished = folder.with_name(f".{folder.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        (unfinished / "tables").mkdir(parents=True, mode=0o700)
        revision, files, wanted = _write_rows(engine, unfinished, tell)
        kept, missing = _copy_artifacts(store, unfinished, sorted(wanted), with_artifacts, tell)
        listing = Listing(
            format=FORMAT,
            nightbook=__version__,
            revision=revision,
            created_at=utc_now(),
            tables=files,
            artifacts=kept,
            has_artifacts=with_artifacts,
            missing=missing,
        )
        with _synced(unfinished / LISTING) as opened:
            opened.write(listing.model_dump_json(indent=1).encode())
        unfinished.rename(folder)
    except OSError as error:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise BackupError(f"{folder} cannot be written: {error.strerror}.") from error
    return listing.summary


def _write_rows(engine: Engine, folder: Path, tell: Told) -> tuple[str, list[TableFile], set[str]]:
    """Write each table's file. Return the revision, the files, and the SHA-256 of all stored bytes named."""
    with _snapshot(engine) as connection:
        (revision,) = MigrationContext.configure(connection).get_current_heads()
        present = set(inspect(connection).get_table_names())
        files = []
        for table in SQLModel.metadata.sorted_tables:
            if table.name in present and table.name not in _LEFT_OUT:
                files.append(_write_table(connection, table, folder))
                tell(f"{files[-1].rows:,} rows of {table.name}")
        return revision, files, _stored_bytes(connection)


def _stored_bytes(connection: Connection) -> set[str]:
    """The SHA-256 of everything in the artifact store that some row names."""
    named = set(connection.scalars(select(col(Artifact.sha256)).distinct()))
    for content, files in connection.execute(select(col(Version.content_sha256), col(Version.files))):
        named |= {content, *files.values()}
    return named


@contextmanager
def _snapshot(engine: Engine) -> Iterator[Connection]:
    """One moment of the database, held while it goes on."""
    options: dict[str, Any] = {"reading": True}
    if engine.dialect.name == "postgresql":
        options |= {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    with engine.connect().execution_options(**options) as connection, connection.begin():
        if engine.dialect.name == "postgresql":
            connection.execute(text("SET LOCAL statement_timeout = 0"))
        yield connection


def _write_table(connection: Connection, table: Table, folder: Path) -> TableFile:
    columns = list(table.columns)
    kinds = [kind_of(column) for column in columns]
    digest, count = hashlib.sha256(), 0
    with _synced(table_path(folder, table.name)) as opened:

        def write(document: Any) -> None:
            line = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
            digest.update(line)
            opened.write(line)

        write({column.name: kind for column, kind in zip(columns, kinds, strict=True)})
        wanted = select(*columns).order_by(*table.primary_key.columns)
        for row in connection.execute(wanted.execution_options(yield_per=_ROWS_AT_ONCE)):
            write([written(value, kind) for value, kind in zip(row, kinds, strict=True)])
            count += 1
    return TableFile(name=table.name, rows=count, sha256=digest.hexdigest())


def _copy_artifacts(
    store: ArtifactStore, folder: Path, wanted: list[str], with_artifacts: bool, tell: Told
) -> tuple[dict[str, int], list[str]]:
    kept: dict[str, int] = {}
    missing: list[str] = []
    for count, sha256 in enumerate(wanted, start=1):
        try:
            kept[sha256] = _copy(store, sha256, folder) if with_artifacts else store.verified(sha256)
        except IntegrityError:
            missing.append(sha256)
        if count % 100 == 0 or count == len(wanted):
            tell(f"{count:,} of {len(wanted):,} artifacts")
    return kept, missing


def _copy(store: ArtifactStore, sha256: str, folder: Path) -> int:
    """Copy what the store holds under *sha256*. Raises IntegrityError where it does not match."""
    target = artifact_path(folder, sha256)
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    digest, size = hashlib.sha256(), 0
    with store.open(sha256) as source, _synced(target) as opened:
        while chunk := source.read(CHUNK):
            digest.update(chunk)
            size += len(chunk)
            opened.write(chunk)
    if digest.hexdigest() != sha256:
        target.unlink()
        raise IntegrityError("integrity_error", "The stored bytes no longer match their SHA-256.")
    return size


@contextmanager
def _synced(path: Path) -> Iterator[IO[bytes]]:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as opened:
        yield opened
        opened.flush()
        os.fsync(opened.fileno())
