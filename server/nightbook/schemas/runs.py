"""Runs: what is asked for, how it went, and what it left."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from nightbook.core.states import AttemptState, CellState, FailureClass, RunKind, RunState
from nightbook.schemas.words import SCHEMA_VERSION, Draft, Parameters, PoolName, Tags, Text, View


class RunDraft(Draft):
    """What to run: a version (SHA-256, or a path for its latest version), with what, within which limits."""

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
    note: Text | None = None


class RunSpec(View):
    """A spec as frozen into a run, or as kept by a schedule (then `sha256` null means the latest)."""

    path: str
    sha256: str | None
    parameters: Parameters
    kernel: str | None = None
    pool: str
    priority: int
    timeout_seconds: int
    cell_timeout_seconds: int | None = None
    retries: int
    retry_on_worker_loss: bool


class NotebookPin(View):
    path: str
    sha256: str | None


class AttemptView(View):
    fence: int
    worker: str | None
    state: AttemptState
    class_: Annotated[FailureClass | None, Field(alias="class")] = None
    reason: str | None = None
    started_at: datetime
    begun_at: datetime | None = None
    finished_at: datetime | None = None


class RunView(View):
    """One execution, from queued to its end."""

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
    retry_on_worker_loss: bool = False
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


class CellList(View):
    schema_version: int = SCHEMA_VERSION
    items: list[CellView]


class ArtifactView(View):
    name: str
    sha256: str
    size: int
    media_type: str
    role: Literal["notebook", "manifest", "journal", "output"]
    created_at: datetime


class ArtifactList(View):
    schema_version: int = SCHEMA_VERSION
    items: list[ArtifactView]
