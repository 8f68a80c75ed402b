"""The lease protocol (scope `worker`): claim, heartbeat, journal, finish."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from nightbook.core.states import FailureClass, RunKind, RunState
from nightbook.schemas.limits import Limits
from nightbook.schemas.manifests import GitRecord
from nightbook.schemas.runs import NotebookPin
from nightbook.schemas.words import (
    Draft,
    Id,
    KernelStart,
    Name,
    Parameters,
    PoolName,
    SandboxLevel,
    Sha256,
    View,
)


class WorkerKernel(Draft):
    name: Annotated[str, Field(max_length=100)]
    display_name: Annotated[str, Field(max_length=200)]
    language: Annotated[str, Field(max_length=100)]


class WorkerRegistration(Draft):
    """A worker says who it is. `id` is its own UUIDv7, kept in its state folder over restarts."""

    id: Id
    name: Name
    pool: PoolName
    slots: Annotated[int, Field(ge=1, le=1000)]
    host: Annotated[str, Field(max_length=255)]
    pid: int
    version: Annotated[str, Field(max_length=50)]
    kernels: Annotated[list[WorkerKernel], Field(max_length=200)]
    sandbox: SandboxLevel | None = None  # an older worker does not say


class Registered(View):
    worker_id: UUID
    heartbeat_seconds: float
    lease_seconds: float
    poll_seconds: float


class HeldAttempt(Draft):
    attempt_id: Id
    fence: int


class Heartbeat(Draft):
    """All live attempts of a worker in one request; sent every `heartbeat_seconds`."""

    worker_id: Id
    draining: bool = False
    attempts: Annotated[list[HeldAttempt], Field(max_length=1000)] = []


class LeaseAnswer(View):
    """`lost` means: this attempt is no longer yours; kill it at once."""

    attempt_id: UUID
    lease_seconds: float
    cancel: bool = False
    cancelled_by: str | None = None
    lost: bool = False


class HeartbeatAnswer(View):
    attempts: list[LeaseAnswer]


class CancelList(View):
    """Attempts of one worker that a person asked to cancel; asked for every second while any runs."""

    items: list[LeaseAnswer]


class ClaimDraft(Draft):
    worker_id: Id


class RunOrder(View):
    """Everything that an attempt needs. Parameters are checked; nothing in here is a secret."""

    run_id: UUID
    attempt_id: UUID
    attempt: int
    fence: int
    lease_seconds: float
    notebook: NotebookPin
    parameters: Parameters
    kernel: str | None
    timeout_seconds: int
    cell_timeout_seconds: int | None
    fork_kernel: bool = True
    pool: str
    trigger: RunKind
    triggered_by: str
    schedule_id: UUID | None = None
    schedule_name: str | None = None
    fire_at: datetime | None = None
    rerun_of: UUID | None = None
    created_at: datetime
    git: GitRecord | None = None
    limits: Limits
    source: Annotated[
        str | None,
        Field(description="What the route `source` answers, as text, where it is small"),
    ] = None


class ClaimAnswer(View):
    """`order` is null where no run of the pool may start now; `waiting`: more runs of the pool wait."""

    order: RunOrder | None
    waiting: bool = False


class SourceView(View):
    """The pinned version, as uploaded, and the files declared beside it."""

    sha256: str
    content: dict[str, Any]
    files: list[dict[str, str]]  # path, base64


class JournalAnswer(View):
    next_offset: int


class FinishedArtifact(Draft):
    name: Annotated[str, Field(min_length=1, max_length=512)]
    sha256: Sha256
    size: Annotated[int, Field(ge=0)]
    media_type: Annotated[str, Field(max_length=200)]
    role: Literal["notebook", "manifest", "journal", "spill", "output"]


class LeftArtifact(FinishedArtifact):
    """An artifact of an ended attempt. What was not uploaded comes along, up to 64 KiB each.

    A journal that the server holds whole needs neither.
    """

    content: Annotated[
        str | None, Field(max_length=88 * 1024, description="The bytes as base64; null: they are there")
    ] = None


class JournalTail(Draft):
    """The journal's last lines, which were not uploaded before."""

    offset: Annotated[int, Field(ge=0, le=2**40)]
    content: Annotated[str, Field(max_length=88 * 1024, description="Whole lines as base64")]


class Usage(Draft):
    peak_memory_bytes: int | None = None
    cpu_seconds: float | None = None


class FinishDraft(Draft):
    """How an attempt ended. Repeating it with the same fence and manifest is answered the same way."""

    fence: int
    state: Literal["succeeded", "failed", "timed_out", "cancelled", "handed_back"]
    class_: Annotated[FailureClass | None, Field(alias="class")] = None
    reason: Annotated[str, Field(max_length=4000)] | None = None
    failed_cell: int | None = None
    cells_done: int | None = None
    cells_total: int | None = None
    artifacts: Annotated[list[LeftArtifact], Field(max_length=1100)] = []
    journal: JournalTail | None = None
    usage: Usage = Usage()
    kernel_start: KernelStart | None = None
    kernel_start_reason: Annotated[str, Field(max_length=500)] | None = None


class FinishAnswer(View):
    """`waiting`: runs of the pool wait, so ask for the next."""

    run_id: UUID
    state: RunState
    waiting: bool = True
