"""The door to the database: engines, sessions, column types, migrations.

SQLite writers say BEGIN IMMEDIATE (a deferred lock upgrade fails at once, whatever the busy time-out);
readers say BEGIN. PostgreSQL runs at READ COMMITTED and leans on unique keys and row locks.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import (
    JSON,
    DateTime,
    Dialect,
    Engine,
    MetaData,
    TypeDecorator,
    create_engine,
    event,
    func,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import sessionmaker
from sqlmodel import Session

from nightbook.adapters import notices
from nightbook.core.errors import Unavailable

#: JSON that PostgreSQL keeps parsed.
Json = JSON().with_variant(JSONB(), "postgresql")

_NETWORK_FILE_SYSTEMS = {
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "smbfs",
    "fuse.sshfs",
    "9p",
    "afs",
    "glusterfs",
    "lustre",
}


class UtcDateTime(TypeDecorator[datetime]):
    """An aware moment in UTC. SQLite keeps no zone, so it is taken off on the way in and put back."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive moment must not reach the database")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def open_engine(url: str, *, pool_size: int = 20) -> Engine:
    """An engine for *url* with the settings that the fault experiments proved necessary."""
    if make_url(url).get_backend_name() == "sqlite":
        return _open_sqlite(url, pool_size)
    return create_engine(
        url.replace("postgresql://", "postgresql+psycopg://", 1),
        json_serializer=_to_json,
        pool_size=pool_size,
        max_overflow=0,
        pool_pre_ping=True,
        # A query on a dead link blocks for more than a minute without tcp_user_timeout.
        connect_args={
            "connect_timeout": 5,
            "tcp_user_timeout": 10_000,
            "keepalives_idle": 5,
            "keepalives_interval": 2,
            "keepalives_count": 3,
            # Compiling a statement took 1.8 s where running it takes 0.2 ms: a long queue looks costly.
            "options": "-c statement_timeout=10000 -c timezone=UTC -c jit=off",
        },
    )


def _open_sqlite(url: str, pool_size: int) -> Engine:
    place = make_url(url).database
    if place and place != ":memory:":
        Path(place).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _refuse_network_file_system(Path(place))
    engine = create_engine(
        url,
        json_serializer=_to_json,
        pool_size=pool_size,
        max_overflow=0,
        connect_args={"timeout": 30, "check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=30000", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        reading = connection.get_execution_options().get("reading", False)
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")

    return engine


def _refuse_network_file_system(place: Path) -> None:
    """WAL needs memory shared by all processes of one host, which a network file system cannot give."""
    mounts = Path("/proc/mounts")
    if not mounts.exists():
        return
    folder = place.parent.resolve()
    best, kind = Path("/"), ""
    for line in mounts.read_text(encoding="utf-8", errors="replace").splitlines():
        _, point, found, *_ = line.split(" ")
        mounted = Path(point.replace("\\040", " "))
        if folder.is_relative_to(mounted) and len(mounted.parts) >= len(best.parts):
            best, kind = mounted, found
    if kind in _NETWORK_FILE_SYSTEMS:
        raise Unavailable(
            "network_file_system",
            f"{place} lies on a network file system ({kind}), where SQLite loses rows. "
            "Move NIGHTBOOK_HOME to a local disk, or set NIGHTBOOK_DATABASE_URL to PostgreSQL.",
        )


def file_of(url: str) -> Path | None:
    """The file of a SQLite database; None for any other, and for one in memory."""
    address = make_url(url)
    is_file = address.get_backend_name() == "sqlite" and address.database not in {None, "", ":memory:"}
    return Path(address.database or "") if is_file else None


def said_by(error: SQLAlchemyError) -> str:
    """What the database itself said, in a line."""
    return str(getattr(error, "orig", None) or error).strip().partition("\n")[0]


def _to_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def sessions(engine: Engine) -> sessionmaker[Session]:
    """Sessions that write. Functions below the edge flush; the edge commits."""
    maker = sessionmaker(engine, class_=Session, expire_on_commit=False)
    notices.post_after_commit(maker)
    return maker


def reading_sessions(engine: Engine) -> sessionmaker[Session]:
    """Sessions that only read, and so take no write lock on SQLite."""
    return sessionmaker(engine.execution_options(reading=True), class_=Session, expire_on_commit=False)


def moment_of(session: Session, now: datetime) -> datetime:
    """The clock by which leases are judged: PostgreSQL's own, where there is one, else *now*."""
    if session.get_bind().dialect.name != "postgresql":
        return now
    moment: datetime = session.execute(select(func.clock_timestamp())).scalar_one()
    return moment.astimezone(UTC)


def is_postgresql(session: Session) -> bool:
    return session.get_bind().dialect.name == "postgresql"


# ---------------------------------------------------------------- migrations


class DatabaseTooNew(Exception):
    """A newer Nightbook has migrated this database; its message says what to do."""


def _alembic(url: str) -> Config:
    config = Config()
    config.set_main_option("script_location", "nightbook:migrations")
    config.attributes["url"] = url
    return config


def migrate(url: str, to: str = "head") -> None:
    """Bring the database behind *url* to this release's revision. Safe to call from several processes."""
    config = _alembic(url)
    engine = open_engine(url, pool_size=2)
    try:
        with _one_migrator(engine) as connection:
            _refuse_too_new(connection, config)
            config.attributes["connection"] = connection
            command.upgrade(config, to)
    finally:
        engine.dispose()


def is_at_head(engine: Engine) -> bool:
    """Say whether the database has the revision of this code."""
    with engine.execution_options(reading=True).connect() as connection:
        current = MigrationContext.configure(connection).get_current_heads()
    return set(current) == set(ScriptDirectory.from_config(_alembic("")).get_heads())


def knows_revision(revision: str) -> bool:
    """Say whether this release has the migration that made *revision*."""
    return revision in _known_revisions(_alembic(""))


def _known_revisions(config: Config) -> set[str]:
    return {revision.revision for revision in ScriptDirectory.from_config(config).walk_revisions()}


def empty(engine: Engine) -> None:
    """Drop every table, as if no migration had ever run."""
    found = MetaData()
    with engine.begin() as connection:
        found.reflect(connection)
        found.drop_all(connection)


def _refuse_too_new(connection: Connection, config: Config) -> None:
    known = _known_revisions(config)
    for revision in MigrationContext.configure(connection).get_current_heads():
        if revision not in known:
            raise DatabaseTooNew(
                f"The database is at revision {revision}, which this release does not know. "
                "Install the release that migrated it, or restore a backup."
            )


@contextmanager
def _one_migrator(engine: Engine) -> Iterator[Connection]:
    with engine.connect() as connection:
        is_sqlite = connection.dialect.name == "sqlite"
        if is_sqlite:
            # SQLite alters a table by making it anew, which keys that point to it forbid. The pragma counts
            # outside a transaction only, and each connection here is closed after its use.
            _raw(connection).execute("PRAGMA foreign_keys=OFF")
        with connection.begin():
            if not is_sqlite:
                connection.execute(text("SET LOCAL statement_timeout = 0"))
                connection.execute(text("SELECT pg_advisory_xact_lock(7261836)"))
            yield connection
            if is_sqlite and (broken := connection.exec_driver_sql("PRAGMA foreign_key_check").first()):
                raise RuntimeError(f"A migration left a row of {broken[0]} that points to nothing.")


def _raw(connection: Connection) -> Any:
    return connection.connection.driver_connection
