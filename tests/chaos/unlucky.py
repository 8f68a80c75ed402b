"""Starts `nightbook` with a database that takes back one commit of five: `python unlucky.py WORDS…`.

It does so as the real ones do: SQLite is busy, PostgreSQL finds a deadlock or cannot serialize.
"""

import random
import sqlite3
from typing import Any

import psycopg.errors
from sqlalchemy.engine.default import DefaultDialect

from nightbook.cli import main

SHARE = 0.2
_TROUBLE = {
    "sqlite": [sqlite3.OperationalError("database is locked")],
    "postgresql": [
        psycopg.errors.SerializationFailure("could not serialize access due to concurrent update"),
        psycopg.errors.DeadlockDetected("deadlock detected"),
    ],
}
_do_commit = DefaultDialect.do_commit


def commit_or_not(dialect: DefaultDialect, connection: Any) -> None:
    if random.random() < SHARE:
        connection.rollback()
        raise random.choice(_TROUBLE[dialect.name])
    _do_commit(dialect, connection)


if __name__ == "__main__":
    DefaultDialect.do_commit = commit_or_not  # type: ignore[method-assign]
    main()
