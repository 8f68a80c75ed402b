"""Schedules: a spec and a trigger, with the policies that decide what happens at a fire time."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, RootModel, model_validator
from pydantic_core import PydanticCustomError

from nightbook.core import policies
from nightbook.core.states import RunState
from nightbook.schemas.runs import NotebookPin
from nightbook.schemas.specs import (
    Concurrency,
    ConcurrencyKey,
    KernelName,
    NotebookName,
    Priority,
    Retries,
    RetryDelay,
    RetryOn,
    Seconds,
    SpecDraft,
)
from nightbook.schemas.triggers import CalendarDraft, ExcludedDates, HolidayCalendar, OnExcluded, Trigger
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

CatchUp = Literal["none", "latest", "all"]
Overlap = Literal["skip", "queue_one", "queue_all", "cancel_previous", "allow"]
MaxRuns = Annotated[int, Field(ge=1, le=1_000_000)]
JitterSeconds = Annotated[int, Field(ge=0, le=86_400)]
CatchUpLimit = Annotated[int, Field(ge=1, le=1000)]
Failures = Annotated[int, Field(ge=1, le=1000)]


class ScheduleDraft(SpecDraft, CalendarDraft):
    """A spec and a trigger, with the policies that decide what happens at a fire time.

    `max_runs` ends the schedule after so many runs. `jitter_seconds` delays its runs by up to so much, always
    by the same. `catch_up_limit` bounds catch-up `all`. `concurrency` is how many of its runs may run at once
    before the overlap policy holds (with `allow`: at all). `pause_after_failures` pauses it after so many
    failed, timed-out or lost runs in a row.
    """

    name: Name
    trigger: Trigger
    start_at: Instant | None = None
    end_at: Instant | None = None
    max_runs: MaxRuns | None = None
    jitter_seconds: JitterSeconds = 0
    catch_up: CatchUp = "latest"
    catch_up_limit: CatchUpLimit = policies.CATCH_UP_LIMIT
    overlap: Overlap = "skip"
    concurrency: Concurrency | None = None
    pause_after_failures: Failures | None = None
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
    notebook: NotebookName | None = None
    parameters: Parameters | None = None
    kernel: KernelName | None = None
    pool: PoolName | None = None
    priority: Priority | None = None
    timeout_seconds: Seconds | None = None
    cell_timeout_seconds: Seconds | None = None
    retries: Retries | None = None
    retry_on: RetryOn | None = None
    retry_delay_seconds: RetryDelay | None = None
    retry_on_worker_loss: bool | None = None
    expire_after_seconds: Seconds | None = None
    concurrency_key: ConcurrencyKey | None = None
    concurrency_per_key: Concurrency | None = None
    fork_kernel: bool | None = None
    tags: Tags | None = None
    start_at: Instant | None = None
    end_at: Instant | None = None
    max_runs: MaxRuns | None = None
    jitter_seconds: JitterSeconds | None = None
    exclude_dates: ExcludedDates | None = None
    holidays: HolidayCalendar | None = None
    on_excluded: OnExcluded | None = None
    catch_up: CatchUp | None = None
    catch_up_limit: CatchUpLimit | None = None
    overlap: Overlap | None = None
    concurrency: Concurrency | None = None
    pause_after_failures: Failures | None = None
    owner: Name | None = None
    description: Text | None = None
    runbook_url: HttpUrl | None = None


class LastRunView(View):
    """A run as the list of schedules shows it. `seconds` is from start to end, null before the end."""

    id: UUID
    state: RunState
    fire_at: datetime | None = None
    finished_at: datetime | None = None
    seconds: float | None = None


class ScheduleView(View):
    """A schedule as it is now. `next_fire_at` is null while paused, and after the last fire time.

    `due_at` is when the next run starts: the fire time, later by the jitter or earlier by the margin.
    `newest_runs` are at most twelve, the newest first, without the fire times that did not run;
    `last_run` is the first of them.
    """

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
    retry_on: list[str] = []
    retry_delay_seconds: int = policies.RETRY_DELAY_SECONDS
    retry_on_worker_loss: bool
    expire_after_seconds: int | None = None
    concurrency_key: str | None = None
    concurrency_per_key: int = 1
    fork_kernel: bool = True
    tags: list[str] = []
    start_at: datetime | None = None
    end_at: datetime | None = None
    max_runs: int | None = None
    runs_made: int = 0
    jitter_seconds: int = 0
    exclude_dates: list[str] = []
    holidays: str | None = None
    on_excluded: str = "skip"
    catch_up: str
    catch_up_limit: int = policies.CATCH_UP_LIMIT
    overlap: str
    concurrency: int | None = None
    pause_after_failures: int | None = None
    owner: str
    description: str = ""
    runbook_url: str | None = None
    state: Literal["active", "paused"]
    paused_reason: str | None = None
    paused_by: str | None = None
    broken_reason: str | None = None
    next_fire_at: datetime | None = None
    due_at: datetime | None = None
    has_hook: bool = False
    last_run: LastRunView | None = None
    newest_runs: list[LastRunView] = []
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
    """One fire time of the ledger and what became of it; beside it, the backfill that made up for it."""

    fire_at: datetime
    state: RunState
    run_id: UUID
    reason: str | None = None
    backfill_run_id: UUID | None = None
    backfill_state: RunState | None = None


class BackfillDraft(Draft):
    """Run the fire times from `since` (inclusive) to `until` (inclusive), with the schedule's spec of now.

    `redo` chooses which: those that never ran (`missing`), those whose last run failed, or all. They run
    after live runs unless `priority` says otherwise, `concurrency` at once. `dry_run` only counts.
    """

    since: Instant
    until: Instant
    redo: Literal["missing", "failed", "all"] = "missing"
    dry_run: bool = False
    priority: Priority = 10
    concurrency: Concurrency = 1
    parameters: Parameters = {}
    note: Text | None = None

    @model_validator(mode="after")
    def _range_is_open(self) -> "BackfillDraft":
        if self.since > self.until:
            raise PydanticCustomError("end_before_start", "until must not be earlier than since")
        return self


class BackfillView(View):
    """What a backfill makes: its fire times and, unless it is a dry run, their runs in the same order."""

    schema_version: int = SCHEMA_VERSION
    dry_run: bool
    group_id: UUID | None = None
    count: int
    fire_times: list[datetime]
    runs: list[UUID] = []


class HookView(View):
    """Where a program fires an event schedule. The secret is shown in this answer only."""

    schema_version: int = SCHEMA_VERSION
    path: str
    secret: str
    made_at: datetime


class HookCall(RootModel[Parameters]):
    """The body of a call: parameters by name. Only those that the trigger names may be set."""


class HookAnswer(View):
    """What a call of a hook made: a run, or the ledger's row that says why there is none."""

    run_id: UUID
    state: RunState
    reason: str | None = None
    fire_at: datetime
