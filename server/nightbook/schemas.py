"""Everything that crosses the wire: what is sent in (drafts, strict) and what comes out (views).

Shared by the API, the client, the command line, the worker and JupyterLab, so it imports only
`nightbook.core`. A draft refuses unknown fields and coerces nothing; a view tolerates fields that a
newer server adds. Instants are RFC 3339 UTC; `…_seconds` are numbers; ids are UUIDv7.
"""

import re
import unicodedata
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, Literal, TypeVar
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from nightbook.core import triggers
from nightbook.core.errors import Invalid
from nightbook.core.states import AttemptState, CellState, FailureClass, RunKind, RunState

SCHEMA_VERSION = 1

Item = TypeVar("Item")

# ---------------------------------------------------------------- words of the wire

_EARLIEST, _LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2201, 1, 1, tzinfo=UTC)
_FORBIDDEN_CATEGORIES = {"Cc", "Cs", "Cn", "Zl", "Zp"}
_BIDI_AND_INVISIBLE = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff\u00ad]")
_TOO_MANY_MARKS = re.compile(
    r"[^\W\d_]?[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]{9,}"
)


def _plain_line(text: str) -> str:
    """One visible line, stored in NFC: no controls, no invisible or direction-changing characters."""
    text = unicodedata.normalize("NFC", text)
    if not text.strip():
        raise PydanticCustomError("empty", "must not be empty")
    if text != text.strip():
        raise PydanticCustomError("surrounding_space", "must not begin or end with a space")
    _refuse_hidden(text, allowed="")
    return text


def _plain_text(text: str) -> str:
    text = unicodedata.normalize("NFC", text)
    _refuse_hidden(text, allowed="\n\t\r")
    return text


def _refuse_hidden(text: str, *, allowed: str) -> None:
    if any(unicodedata.category(c) in _FORBIDDEN_CATEGORIES and c not in allowed for c in text):
        raise PydanticCustomError("control_character", "must not contain control characters or line breaks")
    if _BIDI_AND_INVISIBLE.search(text):
        raise PydanticCustomError(
            "invisible_character", "must not contain invisible or direction-changing characters"
        )
    if _TOO_MANY_MARKS.search(text):
        raise PydanticCustomError("too_many_marks", "must not stack more than 8 marks on one character")


def _utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise PydanticCustomError(
            "naive_instant", "must name its offset from UTC, for example 2026-11-23T07:30:00Z"
        )
    # Compared before it is converted: at the edges of the calendar a conversion overflows.
    if not _EARLIEST <= moment < _LATEST:
        raise PydanticCustomError("out_of_range", "must lie between the years 2000 and 2200")
    return moment.astimezone(UTC)


_RFC3339 = re.compile(r"^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)$")


def _rfc3339(value: object) -> object:
    # pydantic alone also takes numbers, dates and naive forms.
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str) or not _RFC3339.match(value):
        raise PydanticCustomError(
            "not_an_instant", "must be an RFC 3339 instant, for example 2026-11-23T07:30:00Z"
        )
    return value


def _notebook_path(path: str) -> str:
    """A label that people know, with forward slashes; never a place on a disk of ours."""
    path = _plain_line(path)
    parts = path.split("/")
    if (
        path.startswith(("/", "~"))
        or "\\" in path
        or ":" in parts[0]
        or any(p in {"", ".", ".."} for p in parts)
    ):
        raise PydanticCustomError("not_a_path", "must be a relative path with forward slashes and no '..'")
    if len(path.encode()) > 1024 or any(len(p.encode()) > 255 for p in parts):
        raise PydanticCustomError("too_long", "must be at most 1,024 bytes, and 255 a part")
    return path


def _unique(tags: list[str]) -> list[str]:
    if len(set(tags)) != len(tags):
        raise PydanticCustomError("duplicate", "must not name a tag twice")
    return tags


def _no_comma(tag: str) -> str:
    if "," in tag:
        raise PydanticCustomError("comma", "must not contain a comma")
    return tag


def _http_url(url: str) -> str:
    if not re.match(r"^https?://[^\s/?#@]+([/?#]\S*)?$", url):
        raise PydanticCustomError("not_a_url", "must be an http or https address without user name")
    return url


_PARAMETER_NAME = re.compile(r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")

Instant = Annotated[datetime, Field(strict=False), BeforeValidator(_rfc3339), AfterValidator(_utc)]
Id = Annotated[UUID, Field(strict=False)]
Name = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_plain_line)]
Text = Annotated[str, Field(max_length=10_000), AfterValidator(_plain_text)]
NotebookPath = Annotated[str, Field(min_length=1, max_length=1024), AfterValidator(_notebook_path)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Tags = Annotated[
    list[
        Annotated[
            str, Field(min_length=1, max_length=64), AfterValidator(_plain_line), AfterValidator(_no_comma)
        ]
    ],
    Field(max_length=50),
    AfterValidator(_unique),
]
PoolName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
Parameters = dict[str, Any]  # checked against the notebook by core.parameters
HttpUrl = Annotated[str, Field(max_length=2000), AfterValidator(_http_url)]


class Draft(BaseModel):
    """Sent by a caller: no unknown field, nothing coerced."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class View(BaseModel):
    """Sent by the server."""

    model_config = ConfigDict(extra="ignore", populate_by_name=True)


class Page(View, Generic[Item]):
    """A keyset page: send `next_cursor` back as `cursor` for the page after it."""

    schema_version: int = SCHEMA_VERSION
    items: list[Item]
    next_cursor: str | None = None


class ProblemError(View):
    field: str
    code: str
    message: str


class Problem(View):
    """An RFC 9457 problem document."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    instance: str | None = None
    errors: list[ProblemError] = []


# ---------------------------------------------------------------- notebooks


class SiblingFile(Draft):
    """A file that the notebook needs beside it, by its path relative to the notebook."""

    path: NotebookPath
    base64: Annotated[str, Field(max_length=30_000_000)]


class NotebookUpload(Draft):
    """A notebook as saved. The same content gives the same version again."""

    path: NotebookPath
    content: dict[str, Any]
    files: Annotated[list[SiblingFile], Field(max_length=200)] = []


class Finding(View):
    """What the pre-flight check noticed: `cell` counts from 0; null is the whole notebook."""

    rule: str
    severity: Literal["error", "warning", "note"]
    cell: int | None = None
    message: str


class Parameter(View):
    """One parameter that the notebook declares.

    `type` is one of `bool int float str date datetime list dict any`, with `choices` where the
    notebook lists them. `default` is null where `editable` is false: the notebook computes it.
    """

    name: str
    type: str
    default: Any = None
    help: str = ""
    required: bool = False
    nullable: bool = False
    choices: list[Any] | None = None
    editable: bool = True
    expression: str | None = None
    item_type: str | None = None


class ParameterList(View):
    schema_version: int = SCHEMA_VERSION
    items: list[Parameter]
    has_parameters_cell: bool = True


class VersionView(View):
    """An immutable snapshot of a notebook, named by its SHA-256."""

    schema_version: int = SCHEMA_VERSION
    path: str
    sha256: str
    created_at: datetime
    size: int = 0
    kernel: str | None = None
    language: str | None = None
    files: list[str] = []
    findings: list[Finding] = []


class NotebookView(View):
    path: str
    sha256: str
    updated_at: datetime
    versions: int


class FindingList(View):
    items: list[Finding]


# ---------------------------------------------------------------- triggers


class _Trigger(Draft):
    def rule(self) -> triggers.Trigger:
        """The trigger as a rule that can be asked for its fire times."""
        return triggers.parse(self.model_dump(mode="json"))

    @model_validator(mode="after")
    def _is_a_rule(self) -> "_Trigger":
        try:
            self.rule()
        except Invalid as fault:
            field = fault.errors[0].field if fault.errors else ""
            context = {"message": fault.message, "field": field}
            raise PydanticCustomError(fault.code, "{message}", context) from fault
        return self


class CronTrigger(_Trigger):
    """Five fields of cron, read in a time zone."""

    kind: Literal["cron"]
    expression: Annotated[str, Field(max_length=256)]
    timezone: str = "UTC"
    dst_gap: Literal["run_after", "skip"] = "run_after"
    dst_fold: Literal["first", "second", "both"] = "first"


class IntervalTrigger(_Trigger):
    """Every so often (an ISO 8601 duration of at least a minute), counted from an anchor."""

    kind: Literal["interval"]
    every: Annotated[str, Field(max_length=64)]
    anchor: Instant | None = None
    timezone: str = "UTC"


class OnceTrigger(_Trigger):
    """One instant."""

    kind: Literal["once"]
    at: Instant


class ManualTrigger(_Trigger):
    """Only by hand or over the API."""

    kind: Literal["manual"]


Trigger = Annotated[CronTrigger | IntervalTrigger | OnceTrigger | ManualTrigger, Field(discriminator="kind")]


class PreviewDraft(Draft):
    trigger: Trigger
    from_: Annotated[Instant | None, Field(alias="from")] = None
    count: Annotated[int, Field(ge=1, le=1000)] = 5


class FireTimeView(View):
    """One fire time: the instant, the wall clock of the trigger's zone, and a word on odd days."""

    at: datetime
    local: str
    note: str | None = None


class PreviewView(View):
    schema_version: int = SCHEMA_VERSION
    words: str
    fire_times: list[FireTimeView]


# ---------------------------------------------------------------- specs, runs


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


# ---------------------------------------------------------------- schedules


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


# ---------------------------------------------------------------- pools, workers


class KernelView(View):
    name: str
    display_name: str
    language: str
    pools: list[str] = []


class KernelList(View):
    items: list[KernelView]


class PoolDraft(Draft):
    name: PoolName
    description: Text = ""
    concurrency: Annotated[int, Field(ge=1, le=10_000)] | None = None
    lease_seconds: Annotated[int, Field(ge=15, le=900)] = 60
    max_timeout_seconds: Annotated[int, Field(ge=1, le=604_800)] = 604_800


class PoolView(View):
    schema_version: int = SCHEMA_VERSION
    name: str
    description: str = ""
    concurrency: int | None = None
    lease_seconds: int = 60
    max_timeout_seconds: int
    workers: int = 0
    slots: int = 0
    free_slots: int = 0
    queued: int = 0
    running: int = 0
    oldest_queued_at: datetime | None = None


class PoolList(View):
    items: list[PoolView]


class WorkerView(View):
    id: UUID
    name: str
    pool: str
    state: Literal["alive", "draining", "silent"]
    slots: int
    running: int
    host: str
    version: str
    kernels: list[str]
    registered_at: datetime
    last_seen_at: datetime


class WorkerList(View):
    items: list[WorkerView]


# ---------------------------------------------------------------- the lease protocol (scope `worker`)


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
    pool: str
    trigger: RunKind
    triggered_by: str
    schedule_id: UUID | None = None
    schedule_name: str | None = None
    fire_at: datetime | None = None
    rerun_of: UUID | None = None
    created_at: datetime
    limits: "OutputLimits"


class OutputLimits(View):
    cell_output_bytes: int = 10 * 1024 * 1024
    run_output_bytes: int = 100 * 1024 * 1024
    artifact_bytes: int = 200 * 1024 * 1024
    artifacts: int = 1000


class ClaimAnswer(View):
    """`order` is null where no run of the pool may start now."""

    order: RunOrder | None


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
    role: Literal["notebook", "manifest", "journal", "output"]


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
    artifacts: Annotated[list[FinishedArtifact], Field(max_length=1100)] = []
    usage: Usage = Usage()


class FinishAnswer(View):
    run_id: UUID
    state: RunState


# ---------------------------------------------------------------- callers, events, limits


class TokenDraft(Draft):
    """A new token. Its scopes may not be wider than the caller's own."""

    name: Name
    scopes: Annotated[list[str], Field(min_length=1, max_length=20)]
    kind: Literal["pat", "svc", "wrk"] = "pat"
    owner: Name | None = None
    pools: Annotated[list[PoolName], Field(max_length=100)] = []
    expires_in_days: Annotated[int, Field(ge=1, le=366)] = 90


class TokenView(View):
    schema_version: int = SCHEMA_VERSION
    id: str
    name: str
    kind: str
    owner: str
    scopes: list[str]
    pools: list[str] = []
    created_at: datetime
    created_by: str
    expires_at: datetime
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None
    token: str | None = None


class CallerView(View):
    """Who is asking. `csrf_token` is given to a session (cookie) only."""

    name: str
    scopes: list[str]
    token_id: str
    csrf_token: str | None = None


class SessionDraft(Draft):
    """Log in to the web page with a one-time code or with a token."""

    code: Annotated[str, Field(max_length=200)] | None = None
    token: Annotated[str, Field(max_length=200)] | None = None


class LoginCodeView(View):
    code: str
    expires_in_seconds: int


class EventView(View):
    """A fact: who, what, when, about what. `seq` grows; use the last one as `Last-Event-ID`."""

    seq: int
    at: datetime
    kind: str
    caller: str
    object_type: str
    object_id: str
    facts: dict[str, Any] = {}


class LimitView(View):
    name: str
    value: int | float | None
    unit: str
    applies_to: str


class LimitList(View):
    schema_version: int = SCHEMA_VERSION
    items: list[LimitView]


class OverviewView(View):
    """The landing page in one answer: what needs attention, what runs, what comes next."""

    schema_version: int = SCHEMA_VERSION
    red: list[ScheduleView]
    running: list[RunView]
    next: list[ScheduleView]
    pools: list[PoolView]
    ended_by_hour: list["HourView"]


class HourView(View):
    hour: datetime
    state: RunState
    runs: int
