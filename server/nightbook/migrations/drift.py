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
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            return list(compare_metadata(context, SQLModel.metadata))
    finally:
        engine.dispose()


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        found = differences(f"sqlite:///{folder}/drift.db")
    for difference in found:
        sys.stderr.write(f"not in a revision: {difference}\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
