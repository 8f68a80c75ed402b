"""Runs: what is asked for, how it went, and what it left."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from nightbook.core.states import AttemptState, CellState, FailureClass, RunKind, RunState
from nightbook.schemas.specs import Concurrency, SpecDraft
from nightbook.schemas.words import SCHEMA_VERSION, Draft, KernelStart, Parameters, Text, View


class RunDraft(SpecDraft):
    """A run by itself, without a schedule."""

    note: Text | None = None


class NotebookPin(View):
    path: str
    sha256: str | None


class AttemptView(View):
    """One try of a run. What it took of its worker is known when it has ended, by whoever saw its processes.

    `cpu_seconds` and `peak_memory_bytes` are those of the kernel and all that it started; `kernel_start` says
    how the kernel came, `kernel_start_reason` why not faster.
    """

    fence: int
    worker: str | None
    state: AttemptState
    class_: Annotated[FailureClass | None, Field(alias="class")] = None
    reason: str | None = None
    started_at: datetime
    begun_at: datetime | None = None
    finished_at: datetime | None = None
    peak_memory_bytes: int | None = None
    cpu_seconds: float | None = None
    kernel_start: KernelStart | None = None
    kernel_start_reason: str | None = None


class RunView(View):
    """One execution, from queued to its end.

    `fire_at` is the moment meant, `due_at` when the run was to start where that differs (jitter, finish-by).
    `caused_by` is the run whose end fired this one; `group_id` is the backfill or sweep that it belongs to.
    """

    schema_version: int = SCHEMA_VERSION
    id: UUID
    state: RunState
    class_: Annotated[FailureClass | None, Field(alias="class")] = None
    reason: str | None = None
    notebook: NotebookPin
    parameters: Parameters
    kernel: str | None = None
    schedule_id: UUID | None = None
    schedule_name: str | None = None
    fire_at: datetime | None = None
    rerun_of: UUID | None = None
    trigger: RunKind
    triggered_by: str
    pool: str
    priority: int
    timeout_seconds: int
    cell_timeout_seconds: int | None = None
    retries: int = 0
    retry_on: list[str] = []
    retry_delay_seconds: int | None = None
    retry_on_worker_loss: bool = False
    expire_after_seconds: int | None = None
    concurrency_key: str | None = None
    concurrency_per_key: int = 1
    fork_kernel: bool = True
    caused_by: UUID | None = None
    group_id: UUID | None = None
    due_at: datetime | None = None
    tags: list[str] = []
    note: str | None = None
    created_at: datetime
    queued_at: datetime | None = None
    available_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    cancelling_since: datetime | None = None
    cells_done: int | None = None
    cells_total: int | None = None
    failed_cell: int | None = None
    waiting_for: str | None = None
    attempts: list[AttemptView] = []


class RerunDraft(Draft):
    """Run again; `parameters` are merged over the parent's, `use` chooses its pins or the latest version."""

    parameters: Parameters = {}
    use: Literal["original", "latest"] = "original"
    note: Text | None = None


class SweepDraft(RunDraft):
    """A notebook run once for each combination of the values in *grid*, `parameters` being the same for all.

    At most `concurrency` of them run at once; null leaves that to the pool.
    """

    grid: Annotated[dict[str, Annotated[list[Any], Field(min_length=1, max_length=200)]], Field(min_length=1)]
    concurrency: Concurrency | None = None


class GroupView(View):
    """The runs that one request made. `GET /runs?group_id=` lists them with all that they are."""

    schema_version: int = SCHEMA_VERSION
    group_id: UUID
    count: int
    runs: list[UUID]


class CancelDraft(Draft):
    reason: Text | None = None


class NoteDraft(Draft):
    note: Text


class CellView(View):
    """One cell of a run's timeline; times are instants of the worker's clock."""

    index: int
    id: str | None
    type: str = "code"
    state: CellState
    started_at: datetime | None = None
    finished_at: datetime | None = None
    error: str | None = None
    source: str | None = None


class CellOutputsView(View):
    """The outputs of one cell, each an object of the notebook format."""

    schema_version: int = SCHEMA_VERSION
    index: int
    outputs: list[dict[str, Any]]


class CellList(View):
    schema_version: int = SCHEMA_VERSION
    items: list[CellView]


class ArtifactView(View):
    name: str
    sha256: str
    size: int
    media_type: str
    role: Literal["notebook", "manifest", "journal", "spill", "output"]
    created_at: datetime


class ArtifactList(View):
    schema_version: int = SCHEMA_VERSION
    items: list[ArtifactView]
