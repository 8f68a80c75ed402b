"""Compares the tables with the revisions: `python -m nightbook.migrations.drift` exits 1 where they differ."""

import sys
import tempfile

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlmodel import SQLModel

from nightbook.adapters.database import migrate, open_engine
from nightbook.records import tables


def differences(url: str) -> list[object]:
    """What a new revision would have to change in a freshly migrated database."""
    assert tables.ALL
    migrate(url)
    engine = open_engine(url, pool_size=2)
    try:
        with engine.connect() as connection:
            dialect = connection.dialect.name
            opts = {
                "compare_type": True,
                "include_object": lambda _item, name, kind, *_rest: _is_compared(kind, name, dialect),
            }
            context = MigrationContext.configure(connection, opts=opts)
            return list(compare_metadata(context, SQLModel.metadata))
    finally:
        engine.dispose()


def _is_compared(kind: str, name: str | None, dialect: str) -> bool:
    # SQLite does not tell which columns of an index run backwards, so a drift there would be none.
    # PostgreSQL does, and a test compares there too.
    return (kind, name, dialect) != ("index", "runs_to_claim", "sqlite")


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        found = differences(f"sqlite:///{folder}/drift.db")
    for difference in found:
        sys.stderr.write(f"not in a revision: {difference}\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
