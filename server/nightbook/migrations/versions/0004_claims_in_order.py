"""The queue of a pool, in the order of claims."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("runs_to_claim", table_name="runs")
    op.create_index("runs_to_claim", "runs", ["state", "pool", sa.text("priority DESC"), "id"])


def downgrade() -> None:
    op.drop_index("runs_to_claim", table_name="runs")
    op.create_index("runs_to_claim", "runs", ["state", "pool", "priority", "id"])
