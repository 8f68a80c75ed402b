"""Schedules: a spec and a trigger, with the policies that decide what happens at a fire time."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from nightbook.core.states import RunState
from nightbook.schemas.runs import NotebookPin
from nightbook.schemas.triggers import Trigger
from nightbook.schemas.words import (
    SCHEMA_VERSION,
    Draft,
    HttpUrl,
    Instant,
    Name,
    Parameters,
    PoolName,
    Tags,
    Text,
    View,
)


class ScheduleDraft(Draft):
    """A spec and a trigger, with the policies that decide what happens at a fire time."""

    name: Name
    trigger: Trigger
    notebook: Annotated[str, Field(min_length=1, max_length=1024)]
    parameters: Parameters = {}
    kernel: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,100}$")] | None = None
    pool: PoolName = "default"
    priority: Annotated[int, Field(ge=0, le=100)] = 50
    timeout_seconds: Annotated[int, Field(ge=1, le=604_800)] = 14_400
    cell_timeout_seconds: Annotated[int, Field(ge=1, le=604_800)] | None = None
    retries: Annotated[int, Field(ge=0, le=10)] = 0
    retry_on_worker_loss: bool = False
    tags: Tags = []
    start_at: Instant | None = None
    end_at: Instant | None = None
    catch_up: Literal["none", "latest", "all"] = "latest"
    overlap: Literal["skip", "queue_one", "queue_all", "cancel_previous", "allow"] = "skip"
    owner: Name | None = None
    description: Text = ""
    runbook_url: HttpUrl | None = None
    paused: bool = False

    @model_validator(mode="after")
    def _window_is_open(self) -> "ScheduleDraft":
        if self.start_at and self.end_at and self.start_at >= self.end_at:
            raise PydanticCustomError("end_before_start", "end_at must be later than start_at")
        return self


class SchedulePatch(Draft):
    """The fields to change; what is absent stays. Send the ETag you read as If-Match."""

    name: Name | None = None
    trigger: Trigger | None = None
    notebook: Annotated[str, Field(min_length=1, max_length=1024)] | None = None
    parameters: Parameters | None = None
    kernel: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,100}$")] | None = None
    pool: PoolName | None = None
    priority: Annotated[int, Field(ge=0, le=100)] | None = None
    timeout_seconds: Annotated[int, Field(ge=1, le=604_800)] | None = None
    cell_timeout_seconds: Annotated[int, Field(ge=1, le=604_800)] | None = None
    retries: Annotated[int, Field(ge=0, le=10)] | None = None
    retry_on_worker_loss: bool | None = None
    tags: Tags | None = None
    start_at: Instant | None = None
    end_at: Instant | None = None
    catch_up: Literal["none", "latest", "all"] | None = None
    overlap: Literal["skip", "queue_one", "queue_all", "cancel_previous", "allow"] | None = None
    owner: Name | None = None
    description: Text | None = None
    runbook_url: HttpUrl | None = None


class LastRunView(View):
    id: UUID
    state: RunState
    fire_at: datetime | None = None
    finished_at: datetime | None = None


class ScheduleView(View):
    """A schedule as it is now. `next_fire_at` is null while paused, and after the last fire time."""

    schema_version: int = SCHEMA_VERSION
    id: UUID
    name: str
    trigger: Trigger
    words: str
    notebook: NotebookPin
    follows_latest: bool
    parameters: Parameters
    kernel: str | None = None
    pool: str
    priority: int
    timeout_seconds: int
    cell_timeout_seconds: int | None = None
    retries: int
    retry_on_worker_loss: bool
    tags: list[str] = []
    start_at: datetime | None = None
    end_at: datetime | None = None
    catch_up: str
    overlap: str
    owner: str
    description: str = ""
    runbook_url: str | None = None
    state: Literal["active", "paused"]
    paused_reason: str | None = None
    paused_by: str | None = None
    broken_reason: str | None = None
    next_fire_at: datetime | None = None
    last_run: LastRunView | None = None
    created_at: datetime
    created_by: str
    updated_at: datetime
    version: int


class PauseDraft(Draft):
    reason: Text | None = None


class RunNowDraft(Draft):
    """Run a schedule now, with parameters merged over its own. `overlap: allow` runs beside a running one."""

    parameters: Parameters = {}
    overlap: Literal["refuse", "allow"] = "refuse"
    note: Text | None = None


class OccurrenceView(View):
    """One fire time of the ledger and what became of it."""

    fire_at: datetime
    state: RunState
    run_id: UUID
    reason: str | None = None
