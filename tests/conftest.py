"""Databases for the tests of rows: every test runs on SQLite and on PostgreSQL."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import Engine
from sqlmodel import Session, SQLModel

from nightbook.adapters import database

# Tests are imported by file, so what stands beside them is found only if we say so.
sys.path.insert(0, str(Path(__file__).parent))

POSTGRESQL = os.environ.get("TEST_POSTGRESQL_URL", "postgresql://postgres:postgres@127.0.0.1:5432/postgres")
KEPT = {"pools"}


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    try:
        server = psycopg.connect(POSTGRESQL, autocommit=True, connect_timeout=3)
    except psycopg.OperationalError:
        # Where the machine is meant to have one, its absence is a failure.
        if os.environ.get("CI"):
            raise
        pytest.skip("no PostgreSQL")
    name = f"nightbook_rows_{uuid4().hex[:12]}"
    with server:
        server.execute(f"CREATE DATABASE {name}")
        url = f"{POSTGRESQL.rpartition('/')[0]}/{name}"
        database.migrate(url)
        yield url
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def sqlite(tmp_path_factory: pytest.TempPathFactory) -> str:
    url = f"sqlite:///{tmp_path_factory.mktemp('rows')}/rows.db"
    database.migrate(url)
    return url


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    engine = database.open_engine(request.getfixturevalue(request.param))
    yield engine
    engine.dispose()


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    """A session that writes, on tables that hold nothing but the default pool."""
    with engine.begin() as connection:
        for table in reversed(SQLModel.metadata.sorted_tables):
            if table.name not in KEPT:
                connection.execute(table.delete())
        connection.exec_driver_sql("UPDATE pools SET concurrency = NULL")
    with database.sessions(engine)() as session:
        yield session
        session.rollback()
