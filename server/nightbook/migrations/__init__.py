"""The database schema, one revision after another (Alembic)."""
