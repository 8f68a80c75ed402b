"""Whether a run's kernel may be a fork; and which version of a pool an edit was meant for."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

NEW = (
    ("runs", "fork_kernel", sa.Boolean(), sa.true()),
    ("schedules", "fork_kernel", sa.Boolean(), sa.true()),
    ("pools", "version", sa.Integer(), "1"),
)


def upgrade() -> None:
    for table, name, kind, value in NEW:
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.add_column(sa.Column(name, kind, nullable=False, server_default=value))
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.alter_column(name, server_default=None)


def downgrade() -> None:
    for table, name, _, _ in NEW:
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.drop_column(name)
