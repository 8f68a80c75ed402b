"""Timetables, caps, retries by class, hooks, chains, groups, and gaps of the ledger."""

import json
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


JSON = sa.JSON().with_variant(JSONB(), "postgresql")
MOMENT = sa.DateTime(timezone=True)
RETRY_ON = json.dumps(["code", "kernel_died"])


def upgrade() -> None:
    _add("schedules", [*_of_spec(), *_of_schedules()])
    _add("runs", [*_of_spec(), *_of_runs()])
    op.execute("UPDATE schedules SET due_at = next_fire_at")
    with op.batch_alter_table("schedules", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_schedules_due_at"), ["due_at"], unique=False)
    with op.batch_alter_table("runs", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_runs_group_id"), ["group_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_runs_caused_by"), ["caused_by"], unique=False)
        batch_op.create_index("runs_to_expire", ["state", "expires_at"], unique=False)
        for name, columns in (
            ("one_run_a_schedule_slot", ["schedule_id", "schedule_slot"]),
            ("one_run_a_key_slot", ["concurrency_key", "key_slot"]),
            ("one_run_a_group_slot", ["group_id", "group_slot"]),
        ):
            running = sa.text("state = 'running'")
            batch_op.create_index(name, columns, unique=True, sqlite_where=running, postgresql_where=running)
    op.create_table(
        "schedule_links",
        sa.Column("upstream_id", sa.Uuid(), nullable=False),
        sa.Column("follower_id", sa.Uuid(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("states", JSON, nullable=False),
        sa.PrimaryKeyConstraint("upstream_id", "follower_id", "purpose"),
    )
    with op.batch_alter_table("schedule_links", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_schedule_links_follower_id"), ["follower_id"], unique=False)
    op.create_table(
        "arrivals",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("follower_id", sa.Uuid(), nullable=False),
        sa.Column("upstream_id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("ended_at", MOMENT, nullable=False),
        sa.Column("taken_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("arrivals", schema=None) as batch_op:
        batch_op.create_index("one_arrival_a_run", ["follower_id", "run_id", "purpose"], unique=True)
        batch_op.create_index("arrivals_to_take", ["taken_at", "id"], unique=False)
    op.create_table(
        "ledger_gaps",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("schedule_id", sa.Uuid(), nullable=False),
        sa.Column("after", MOMENT, nullable=False),
        sa.Column("until", MOMENT, nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("timetable", JSON, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )


def downgrade() -> None:
    op.drop_table("ledger_gaps")
    op.drop_table("arrivals")
    op.drop_table("schedule_links")
    with op.batch_alter_table("runs", schema=None) as batch_op:
        for name in (
            "one_run_a_group_slot",
            "one_run_a_key_slot",
            "one_run_a_schedule_slot",
            "runs_to_expire",
        ):
            batch_op.drop_index(name)
        batch_op.drop_index(batch_op.f("ix_runs_caused_by"))
        batch_op.drop_index(batch_op.f("ix_runs_group_id"))
        for column in (*_of_spec(), *_of_runs()):
            batch_op.drop_column(column.name)
    with op.batch_alter_table("schedules", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_schedules_due_at"))
        for column in (*_of_spec(), *_of_schedules()):
            batch_op.drop_column(column.name)


def _of_spec() -> list[sa.Column[Any]]:
    return [
        sa.Column("retry_on", JSON, nullable=False, server_default=RETRY_ON),
        sa.Column("retry_delay_seconds", sa.Integer(), nullable=False, server_default="60"),
        sa.Column("expire_after_seconds", sa.Integer(), nullable=True),
        sa.Column("concurrency_key", sa.String(), nullable=True),
        sa.Column("concurrency_per_key", sa.Integer(), nullable=False, server_default="1"),
    ]


def _of_schedules() -> list[sa.Column[Any]]:
    return [
        sa.Column("due_at", MOMENT, nullable=True),
        sa.Column("fired_until", MOMENT, nullable=True),
        sa.Column("max_runs", sa.Integer(), nullable=True),
        sa.Column("runs_made", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("jitter_seconds", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("margin_seconds", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("exclude_dates", JSON, nullable=False, server_default="[]"),
        sa.Column("holidays", sa.String(), nullable=True),
        sa.Column("on_excluded", sa.String(), nullable=False, server_default="skip"),
        sa.Column("catch_up_limit", sa.Integer(), nullable=False, server_default="50"),
        sa.Column("concurrency", sa.Integer(), nullable=True),
        sa.Column("pause_after_failures", sa.Integer(), nullable=True),
        sa.Column("failures_since", MOMENT, nullable=True),
        sa.Column("hook_sha256", sa.String(), nullable=True),
        sa.Column("hook_made_at", MOMENT, nullable=True),
    ]


def _of_runs() -> list[sa.Column[Any]]:
    return [
        sa.Column("due_at", MOMENT, nullable=True),
        sa.Column("expires_at", MOMENT, nullable=True),
        sa.Column("caused_by", sa.Uuid(), nullable=True),
        sa.Column("group_id", sa.Uuid(), nullable=True),
        sa.Column("group_limit", sa.Integer(), nullable=True),
        sa.Column("group_slot", sa.Integer(), nullable=True),
        sa.Column("schedule_limit", sa.Integer(), nullable=True),
        sa.Column("schedule_slot", sa.Integer(), nullable=True),
        sa.Column("key_slot", sa.Integer(), nullable=True),
    ]


def _add(table: str, columns: list[sa.Column[Any]]) -> None:
    for column in columns:
        op.add_column(table, column)
