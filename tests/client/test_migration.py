"""What jupyter-scheduler stored, moved through the client to a real server."""

import json
import sqlite3

import pytest

from nightbook_lab.compat import migrate

NOTEBOOK = {
    "nbformat": 4,
    "nbformat_minor": 5,
    "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
    "cells": [
        {
            "id": "p",
            "cell_type": "code",
            "metadata": {"tags": ["parameters"]},
            "source": "n: int = 1",
            "outputs": [],
            "execution_count": None,
        }
    ],
}


@pytest.fixture
def old_home(tmp_path):
    """A database and a staging folder as jupyter-scheduler leaves them."""
    database = tmp_path / "scheduler.sqlite"
    columns = "job_definition_id, name, input_filename, schedule, timezone, parameters, tags, active"
    rows = [
        ("d1", "Sales", "sales.ipynb", "0 7 * * *", "Europe/Rome", '{"n": "3"}', '["x"]', 1, 1),
        ("d2", "Gone", "gone.ipynb", "0 8 * * *", "UTC", None, None, 0, 2),
    ]
    with sqlite3.connect(database) as connection:
        connection.execute(f"CREATE TABLE job_definitions ({columns}, create_time)")
        connection.executemany("INSERT INTO job_definitions VALUES (?,?,?,?,?,?,?,?,?)", rows)
    (tmp_path / "staging" / "d1").mkdir(parents=True)
    (tmp_path / "staging" / "d1" / "sales.ipynb").write_text(json.dumps(NOTEBOOK))
    return database, tmp_path / "staging"


def test_definitions_are_moved_once_and_what_cannot_be_is_named(old_home, client):
    first = list(migrate.move(client, *old_home))
    again = list(migrate.move(client, *old_home))

    assert [moved.name for moved in first] == ["Sales", "Gone"]
    assert first[0].problem is None
    assert "gone.ipynb" in first[1].problem
    assert again[0] == first[0]
    [schedule] = client.schedules.list(tag=migrate.TAG)
    assert schedule.parameters == {"n": 3}
    assert schedule.trigger.expression == "0 7 * * *"
