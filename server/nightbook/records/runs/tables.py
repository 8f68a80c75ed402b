"""Runs, their tags and attempts, as rows."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, text
from sqlmodel import Field, SQLModel

from nightbook.adapters.database import Json, UtcDateTime
from nightbook.core.spec import Spec


class Run(SQLModel, table=True):
    __tablename__ = "runs"
    __table_args__ = (
        # One run a fire time, for ever: no restart, edit or second beat can make another.
        Index(
            "one_run_a_fire_time",
            "schedule_id",
            "fire_at",
            "kind",
            unique=True,
            sqlite_where=text("kind IN ('scheduled', 'backfill')"),
            postgresql_where=text("kind IN ('scheduled', 'backfill')"),
        ),
        # Two claims of one schedule's runs at the same instant: the second is refused here.
        Index(
            "one_running_a_schedule",
            "schedule_id",
            unique=True,
            sqlite_where=text("state = 'running' AND is_exclusive"),
            postgresql_where=text("state = 'running' AND is_exclusive"),
        ),
        # Each run that counts against a cap holds one of its slots while it runs: two claims cannot share it.
        *(
            Index(
                name,
                owner,
                slot,
                unique=True,
                sqlite_where=text("state = 'running'"),
                postgresql_where=text("state = 'running'"),
            )
            for name, owner, slot in (
                ("one_run_a_schedule_slot", "schedule_id", "schedule_slot"),
                ("one_run_a_key_slot", "concurrency_key", "key_slot"),
                ("one_run_a_group_slot", "group_id", "group_slot"),
            )
        ),
        Index("runs_to_expire", "state", "expires_at"),
        # In the order of claims, so that the first admissible run is found without a sort of the whole queue.
        Index("runs_to_claim", "state", "pool", text("priority DESC"), "id"),
        Index("runs_of_a_schedule", "schedule_id", "state", "id"),
        Index("runs_of_a_schedule_by_age", "schedule_id", "id"),
        Index("runs_by_fire_time", "schedule_id", "fire_at"),
        Index("runs_by_state", "state", "id"),
        Index("runs_of_a_notebook", "notebook_path", "id"),
        Index("runs_of_an_owner", "owner", "id"),
        Index("runs_by_kind", "kind", "id"),
        Index("runs_by_lease", "state", "lease_until"),
        Index("runs_by_end", "finished_at"),
    )

    id: UUID = Field(primary_key=True)
    state: str
    failure_class: str | None = None
    reason: str | None = None
    kind: str
    schedule_id: UUID | None = Field(default=None, foreign_key="schedules.id")
    schedule_name: str | None = None
    fire_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    due_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    expires_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    rerun_of: UUID | None = Field(default=None, index=True)
    caused_by: UUID | None = Field(default=None, index=True)
    group_id: UUID | None = Field(default=None, index=True)
    group_limit: int | None = None
    group_slot: int | None = None
    schedule_limit: int | None = None
    schedule_slot: int | None = None
    key_slot: int | None = None
    is_exclusive: bool = False
    notebook_path: str
    notebook_sha256: str | None
    parameters: dict[str, Any] = Field(sa_type=Json)
    kernel: str | None
    pool: str = Field(foreign_key="pools.name")
    priority: int
    timeout_seconds: int
    cell_timeout_seconds: int | None
    retries: int
    retry_on: list[str] = Field(sa_type=Json)
    retry_delay_seconds: int
    retry_on_worker_loss: bool
    expire_after_seconds: int | None
    concurrency_key: str | None
    concurrency_per_key: int
    fork_kernel: bool
    tags: list[str] = Field(sa_type=Json)
    note: str | None = None
    owner: str
    created_by: str
    created_at: datetime = Field(sa_type=UtcDateTime)
    queued_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    available_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    started_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    finished_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    cancel_asked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    cancel_asked_by: str | None = None
    fence: int = 0
    worker_id: UUID | None = None
    lease_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    lease_seconds: int | None = None
    user_retries_used: int = 0
    platform_retries_used: int = 0
    cells_done: int | None = None
    cells_total: int | None = None
    failed_cell: int | None = None
    rung_at: datetime | None = Field(default=None, sa_type=UtcDateTime)

    @property
    def spec(self) -> Spec:
        return Spec.of(self)


class RunTag(SQLModel, table=True):
    __tablename__ = "run_tags"

    tag: str = Field(primary_key=True)
    run_id: UUID = Field(primary_key=True, foreign_key="runs.id")


class Attempt(SQLModel, table=True):
    __tablename__ = "attempts"
    __table_args__ = (
        Index("one_attempt_a_fence", "run_id", "fence", unique=True),
        # A claim that is repeated after a lost answer gets the same attempt.
        Index("one_attempt_a_claim", "worker_id", "claim_key", unique=True),
    )

    id: UUID = Field(primary_key=True)
    run_id: UUID = Field(foreign_key="runs.id")
    fence: int
    worker_id: UUID
    worker_name: str
    token_id: str
    claim_key: str | None
    state: str
    failure_class: str | None = None
    reason: str | None = None
    started_at: datetime = Field(sa_type=UtcDateTime)
    begun_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    finished_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    journal_size: int = 0
    needs_copy: bool = Field(default=False, index=True)
    peak_memory_bytes: int | None = None
    cpu_seconds: float | None = None
    kernel_start: str | None = None
    kernel_start_reason: str | None = None
    #: Seconds of each cell that succeeded, by its place in the executed copy; later runs are held against it.
    cell_seconds: dict[str, float] = Field(default_factory=dict, sa_type=Json)
