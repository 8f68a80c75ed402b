"""Rows survive the way up from every revision, a migration that is killed, and the way back down.

Rows of today, as far as a revision has room for them, are put into a database of that revision.
"""

import signal
import subprocess
import sys
from uuid import uuid4

import psycopg
import pytest
import sqlalchemy as sa
import world
from alembic import command
from alembic.script import ScriptDirectory
from sqlmodel import SQLModel, select
from world import NOON, at

from nightbook.adapters import database
from nightbook.beat import planner
from nightbook.records import tables
from nightbook.records.runs import Attempt, Run, RunTag
from nightbook.records.schedules import Schedule

assert tables.ALL
REVISIONS = sorted(
    each.revision for each in ScriptDirectory.from_config(database._alembic("")).walk_revisions()
)
#: One of them: which of a database's tables come first, so that keys point to rows that are there.
TABLES = SQLModel.metadata.sorted_tables


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request, tmp_path):
    """The URL of a database without tables."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/old.db"
        return
    address = request.getfixturevalue("postgresql").rpartition("/")[0]  # skips where there is none
    name = f"nightbook_old_{uuid4().hex[:12]}"
    with psycopg.connect(f"{address}/postgres", autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
        yield f"{address}/{name}"
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    """What a platform at work has in its tables: by table, the rows as the models write them."""
    url = f"sqlite:///{tmp_path_factory.mktemp('today')}/today.db"
    database.migrate(url)
    engine = database.open_engine(url, pool_size=2)
    with database.sessions(engine).begin() as session:
        hourly = world.schedule(session, now=at("09:30"), tags=["daily"], parameters={"region": "süd"})
        world.schedule(
            session, now=at("09:30"), name="after", trigger={"kind": "after", "schedule_id": str(hourly.id)}
        )
        who = world.worker(session)
        for now, state in (("10:00:01", "succeeded"), ("11:00:01", "failed")):
            planner.tick(session, at(now))
            session.flush()
            taken = world.claim(session, who, now=at(now))
            assert taken is not None
            world.begin(session, taken[1], who)
            world.finish(session, taken[1], who, state, class_="code" if state == "failed" else None)
        world.run(session, tags=["by hand"], note="once more")
    found = {}
    with engine.execution_options(reading=True).connect() as connection:
        for table in TABLES:
            found[table.name] = [dict(row) for row in connection.execute(table.select()).mappings()]
    engine.dispose()
    filled = {name for name, kept in found.items() if kept}
    assert {"schedules", "runs", "run_tags", "attempts", "events", "journal_pieces", "artifacts"} <= filled
    return found


def migrated(url, revision):
    database.migrate(url, to=revision)
    return database.open_engine(url, pool_size=2)


def fill(engine, rows):
    """Put *rows* where there is room; return what was put: by table, the columns and the rows."""
    put = {}
    with engine.begin() as connection:
        inspector = sa.inspect(connection)
        for table in TABLES:
            if not inspector.has_table(table.name):
                continue
            there = {column["name"] for column in inspector.get_columns(table.name)}
            columns = [column for column in table.columns if column.name in there]
            old = sa.table(table.name, *(sa.column(column.name, column.type) for column in columns))
            kept = [{column.name: row[column.name] for column in columns} for row in rows[table.name]]
            if table.name == "pools":
                connection.execute(old.delete())
            if kept:
                connection.execute(old.insert(), kept)
                put[table.name] = (old, kept)
        if connection.dialect.name == "postgresql":
            numbered = "pg_get_serial_sequence('events', 'seq')"
            connection.exec_driver_sql(f"SELECT setval({numbered}, (SELECT max(seq) FROM events))")
    return put


def require_kept(engine, put, without=frozenset()):
    with engine.execution_options(reading=True).connect() as connection:
        for name, (old, kept) in put.items():
            found = [dict(row) for row in connection.execute(old.select()).mappings()]
            key = [column.name for column in SQLModel.metadata.tables[name].primary_key]
            assert by_key(found, key) == by_key(kept, key), name


def by_key(found, key):
    return {tuple(row[name] for name in key): row for row in found}


def require_at_work(engine):
    """The platform goes on with these rows: it fires, claims and finishes."""
    with database.sessions(engine).begin() as session:
        hourly = session.exec(select(Schedule).where(Schedule.name != "after")).one()
        assert hourly.next_fire_at == NOON
        assert planner.tick(session, at("12:00:01")) >= 1
        who = world.worker(session, name="w2")
        while (taken := world.claim(session, who, now=at("12:00:02"))) is not None:
            world.begin(session, taken[1], who)
            assert world.finish(session, taken[1], who, now=at("12:00:09")).state == "succeeded"
        states = [run.state for run in session.exec(select(Run).where(Run.schedule_id == hourly.id))]
        assert sorted(states) == ["failed", "succeeded", "succeeded"]
        assert {tag.tag for tag in session.exec(select(RunTag))} >= {"daily", "by hand"}
        assert len(session.exec(select(Attempt)).all()) >= 4


@pytest.mark.parametrize("revision", REVISIONS)
def test_rows_of_each_revision_are_there_after_the_upgrade_and_go_on(empty, rows, revision):
    engine = migrated(empty, revision)
    put = fill(engine, rows)

    database.migrate(empty)

    require_kept(engine, put)
    require_at_work(engine)
    engine.dispose()


def test_what_the_first_release_had_is_there_after_the_way_back(empty, rows):
    engine = migrated(empty, REVISIONS[0])
    put = fill(engine, rows)
    config = database._alembic(empty)
    database.migrate(empty)

    with database._one_migrator(engine) as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, REVISIONS[0])

    require_kept(engine, put)
    database.migrate(empty)
    require_at_work(engine)
    engine.dispose()


_KILLED = """
import os, signal, sys
from sqlalchemy import Engine, event
from nightbook.adapters import database

left = int(sys.argv[2])

@event.listens_for(Engine, "after_cursor_execute")
def count(_connection, _cursor, statement, *_):
    global left
    if statement.lstrip().split()[0] in {"CREATE", "ALTER", "UPDATE", "INSERT", "DROP"}:
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

database.migrate(sys.argv[1])
"""


@pytest.mark.parametrize("after", [7, 60])
def test_a_migration_that_is_killed_leaves_the_database_as_it_was(empty, rows, after):
    engine = migrated(empty, REVISIONS[0])
    put = fill(engine, rows)
    engine.dispose()

    killed = subprocess.run([sys.executable, "-c", _KILLED, empty, str(after)], check=False, timeout=60)

    assert killed.returncode == -signal.SIGKILL
    engine = database.open_engine(empty, pool_size=2)
    with engine.execution_options(reading=True).connect() as connection:
        assert connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar() == REVISIONS[0]
    require_kept(engine, put)
    database.migrate(empty)
    require_at_work(engine)
    engine.dispose()
