"""An upgrade tells at once which schedules fail, though nothing has run since."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import psycopg
import pytest
from sqlalchemy import JSON, Boolean, DateTime, Integer, MetaData, insert, select

from nightbook.adapters import database
from nightbook.core.clock import new_id

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.fixture(params=["sqlite", "postgresql"])
def old(request, tmp_path):
    """The address of a database of the revision before."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path}/old.db"
        database.migrate(url, "0008")
        yield url
        return
    place = request.getfixturevalue("postgresql").rpartition("/")[0]
    name = f"nightbook_old_{uuid4().hex[:12]}"
    with psycopg.connect(f"{place}/postgres", autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
        url = f"{place}/{name}"
        database.migrate(url, "0008")
        yield url
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")


def filled(table, **values):
    """A row of *table*, whatever must not be null being there."""
    blank = {Integer: 0, Boolean: False, DateTime: NOON, JSON: {}}
    row = {}
    for column in table.columns:
        if column.name in values:
            row[column.name] = values[column.name]
        elif not column.nullable:
            kind = next((kind for kind in blank if isinstance(column.type, kind)), None)
            row[column.name] = blank[kind] if kind else "default"
    return row


def test_schedules_that_fail_are_known_after_the_upgrade(old):
    engine = database.open_engine(old, pool_size=2)
    tables = MetaData()
    tables.reflect(engine, only=["schedules", "runs", "pools"])
    runs, schedules = tables.tables["runs"], tables.tables["schedules"]
    mended, failing = new_id(), new_id()
    history = [
        (mended, "failed", "scheduled"),
        (mended, "succeeded", "scheduled"),
        (failing, "failed", "scheduled"),
        (failing, "succeeded", "scheduled"),
        (failing, "failed", "scheduled"),
        (failing, "cancelled", "scheduled"),
        (failing, "lost", "rerun"),
        (failing, "succeeded", "backfill"),
    ]
    made = []
    with engine.begin() as connection:
        for number, schedule_id in enumerate((mended, failing)):
            values = {"id": shown(engine, schedule_id), "name": str(number), "live_name": str(number)}
            connection.execute(insert(schedules), filled(schedules, **values))
        for hour, (schedule_id, state, kind) in enumerate(history):
            made.append(new_id())
            values = {
                "id": shown(engine, made[-1]),
                "schedule_id": shown(engine, schedule_id),
                "state": state,
                "kind": kind,
                "fire_at": NOON + timedelta(hours=hour),
                "finished_at": NOON + timedelta(hours=hour),
            }
            connection.execute(insert(runs), filled(runs, **values))

    database.migrate(old)

    with engine.connect() as connection:
        tables.reflect(engine, only=["red_streaks"])
        found = connection.execute(select(tables.tables["red_streaks"])).mappings().all()
    engine.dispose()
    assert [(UUID(str(row["schedule_id"])), row["runs"]) for row in found] == [(failing, 2)]
    assert UUID(str(found[0]["run_id"])) == made[6]
    assert found[0]["since"].replace(tzinfo=UTC) == NOON + timedelta(hours=4)


def shown(engine, key):
    """An id as the reflected column takes it: SQLite knows no UUIDs."""
    return key if engine.dialect.name == "postgresql" else key.hex
