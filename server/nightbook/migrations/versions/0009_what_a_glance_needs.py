"""Red streaks, hourly tallies, and how long each cell of an attempt took: what pages show at a glance."""

import sqlalchemy as sa
from alembic import op

import nightbook.adapters.database

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

#: Schedules whose newest judged runs are red, as their runs tell it.
_STREAKS = """
INSERT INTO red_streaks (schedule_id, run_id, since, runs)
SELECT red.schedule_id, {newest}, MIN(red.finished_at), COUNT(*) FROM runs red
WHERE red.state IN ('failed', 'timed_out', 'lost') AND red.kind <> 'backfill'
AND red.schedule_id IS NOT NULL AND red.finished_at IS NOT NULL
AND NOT EXISTS (
    SELECT 1 FROM runs good WHERE good.schedule_id = red.schedule_id AND good.state = 'succeeded'
    AND good.kind <> 'backfill' AND good.id > red.id
)
GROUP BY red.schedule_id
"""


def upgrade() -> None:
    moment = nightbook.adapters.database.UtcDateTime(timezone=True)
    op.create_table(
        "red_streaks",
        sa.Column("schedule_id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("since", moment, nullable=False),
        sa.Column("runs", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["schedule_id"], ["schedules.id"]),
        sa.PrimaryKeyConstraint("schedule_id"),
    )
    op.create_index(op.f("ix_red_streaks_since"), "red_streaks", ["since"])
    op.create_table(
        "hour_tallies",
        sa.Column("hour", moment, nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("runs", sa.Integer(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("hour", "state"),
    )
    with op.batch_alter_table("attempts", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("cell_seconds", nightbook.adapters.database.Json, nullable=False, server_default="{}")
        )
    with op.batch_alter_table("attempts", schema=None) as batch_op:
        batch_op.alter_column("cell_seconds", server_default=None)
    op.create_index("runs_of_a_schedule_by_age", "runs", ["schedule_id", "id"])
    is_broken = sa.text("broken_reason IS NOT NULL")
    op.create_index(
        "broken_schedules", "schedules", ["id"], sqlite_where=is_broken, postgresql_where=is_broken
    )
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    newest = "(ARRAY_AGG(red.id ORDER BY red.id DESC))[1]" if is_postgresql else "MAX(red.id)"
    op.execute(_STREAKS.format(newest=newest))


def downgrade() -> None:
    op.drop_index("broken_schedules", table_name="schedules")
    op.drop_index("runs_of_a_schedule_by_age", table_name="runs")
    with op.batch_alter_table("attempts", schema=None) as batch_op:
        batch_op.drop_column("cell_seconds")
    op.drop_table("hour_tallies")
    op.drop_table("red_streaks")
