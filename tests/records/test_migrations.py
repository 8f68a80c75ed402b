"""The revisions make the tables of the code, on both databases."""

import pytest
from alembic import command
from sqlalchemy import text

from nightbook.adapters import database
from nightbook.adapters.database import open_engine
from nightbook.migrations.drift import differences


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_the_revisions_make_the_tables_of_the_code(kind, request):
    assert differences(request.getfixturevalue(kind)) == []


def test_schedules_of_the_first_release_go_on_firing(tmp_path):
    url = f"sqlite:///{tmp_path}/old.db"
    engine = open_engine(url, pool_size=2)
    config = database._alembic(url)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.execute(
            text(
                "INSERT INTO schedules (id, name, trigger, next_fire_at, catch_up, overlap, notebook_path,"
                " parameters, pool, priority, timeout_seconds, retries, retry_on_worker_loss, tags, owner,"
                " description, created_at, created_by, updated_at, version) VALUES ('a', 'Morning', '{}',"
                " '2026-11-23 12:00:00', 'latest', 'skip', 'r.ipynb', '{}', 'default', 50, 60, 0, 0, '[]',"
                " 'ana', '', '2026-11-23', 'ana', '2026-11-23', 1)"
            )
        )
    database.migrate(url)
    with engine.begin() as connection:
        row = connection.execute(
            text(
                "SELECT due_at, retry_on, catch_up_limit, jitter_seconds, expire_after_seconds FROM schedules"
            )
        ).one()
    engine.dispose()

    assert tuple(row) == ("2026-11-23 12:00:00", '["code", "kernel_died"]', 50, 0, None)
