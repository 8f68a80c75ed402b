"""Runs the revisions on the connection that `adapters.database.migrate` opened."""

from alembic import context
from sqlmodel import SQLModel

from nightbook.records import tables

target_metadata = SQLModel.metadata
assert tables.ALL, "importing the tables fills the metadata"

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=target_metadata,
    render_as_batch=connection.dialect.name == "sqlite",
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
