"""How the kernel of an attempt was started, and why not faster."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

NEW = ("kernel_start", "kernel_start_reason")


def upgrade() -> None:
    for name in NEW:
        op.add_column("attempts", sa.Column(name, sa.String(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("attempts", schema=None) as batch_op:
        for name in NEW:
            batch_op.drop_column(name)
