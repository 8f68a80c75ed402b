"""Schedules as rows: a spec and a trigger, active or paused, with an owner.

`next_fire_at` is the next fire time and `due_at` when its run starts. Both are null while a schedule is
paused, broken, deleted or used up, so that one plain index finds what is due. Every edit raises `version`,
the ETag.
"""

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Index, text
from sqlmodel import Field, SQLModel

from nightbook.adapters.database import Json, UtcDateTime
from nightbook.core import triggers
from nightbook.core.spec import Spec
from nightbook.core.timetables import Timetable, is_finish_by, jitter_of

#: The fields that decide when a schedule fires.
TIMETABLE: Final = ("trigger", "start_at", "end_at", "exclude_dates", "holidays", "on_excluded")
#: The fields that decide when the run of a fire time starts.
TIMING: Final = (*TIMETABLE, "jitter_seconds", "max_runs")


class Schedule(SQLModel, table=True):
    __tablename__ = "schedules"
    __table_args__ = (
        Index("one_schedule_a_name", "live_name", unique=True),
        Index(
            "broken_schedules",
            "id",
            sqlite_where=text("broken_reason IS NOT NULL"),
            postgresql_where=text("broken_reason IS NOT NULL"),
        ),
    )

    id: UUID = Field(primary_key=True)
    name: str
    live_name: str | None  # the name, folded; null once deleted, so that it can be used again
    trigger: dict[str, Any] = Field(sa_type=Json)
    next_fire_at: datetime | None = Field(sa_type=UtcDateTime, index=True)
    start_at: datetime | None = Field(sa_type=UtcDateTime)
    end_at: datetime | None = Field(sa_type=UtcDateTime)
    due_at: datetime | None = Field(default=None, sa_type=UtcDateTime, index=True)
    fired_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    zones_edition: str | None = None  # of tzdata, under which a beat has looked at `next_fire_at`
    max_runs: int | None
    runs_made: int = 0
    jitter_seconds: int
    margin_seconds: int = 0
    exclude_dates: list[str] = Field(sa_type=Json)
    holidays: str | None
    on_excluded: str
    catch_up: str
    catch_up_limit: int
    overlap: str
    concurrency: int | None
    pause_after_failures: int | None
    failures_since: datetime | None = Field(default=None, sa_type=UtcDateTime)
    notebook_path: str = Field(index=True)
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
    owner: str = Field(index=True)
    description: str
    runbook_url: str | None
    paused_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    paused_by: str | None = None
    paused_reason: str | None = None
    broken_reason: str | None = None
    hook_sha256: str | None = None
    hook_made_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    created_at: datetime = Field(sa_type=UtcDateTime)
    created_by: str
    updated_at: datetime = Field(sa_type=UtcDateTime)
    deleted_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    version: int = 1

    @property
    def spec(self) -> Spec:
        return Spec.of(self)

    @property
    def rule(self) -> triggers.Trigger:
        return triggers.parse(self.trigger)

    @property
    def timetable_fields(self) -> dict[str, Any]:
        """What makes the timetable, as JSON."""
        return self.model_dump(mode="json", include=set(TIMETABLE))

    @property
    def timetable(self) -> Timetable:
        return Timetable.of(self.timetable_fields)

    @property
    def shift(self) -> timedelta:
        """From a fire time to when its run starts: the jitter, or back by the margin of finish-by."""
        if is_finish_by(self.trigger):
            return -timedelta(seconds=self.margin_seconds)
        return jitter_of(self.id, self.jitter_seconds)

    @property
    def is_used_up(self) -> bool:
        return self.max_runs is not None and self.runs_made >= self.max_runs
