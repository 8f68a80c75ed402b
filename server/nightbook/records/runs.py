"""Runs: one execution of a notebook, from queued to its end; attempts: the tries of it.

A run changes state only through the functions here and in `leases`, each of which checks the move,
writes the event and leaves the commit to its caller. Nothing here talks to the broker.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import Index, and_, func, or_, text, update
from sqlalchemy.orm import aliased
from sqlmodel import Field, Session, SQLModel, col, select

from nightbook.adapters.database import Json, UtcDateTime
from nightbook.core.clock import new_id
from nightbook.core.errors import Conflict, NotFound
from nightbook.core.spec import Spec
from nightbook.core.states import FINAL, RED
from nightbook.records import events
from nightbook.records.access import Caller


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
        Index("runs_to_claim", "state", "pool", "priority", "id"),
        Index("runs_of_a_schedule", "schedule_id", "state", "id"),
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
    rerun_of: UUID | None = Field(default=None, index=True)
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
    retry_on_worker_loss: bool
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


# ---------------------------------------------------------------- making


def create(
    session: Session,
    spec: Spec,
    *,
    kind: str,
    owner: str,
    created_by: str,
    now: datetime,
    schedule_id: UUID | None = None,
    schedule_name: str | None = None,
    fire_at: datetime | None = None,
    rerun_of: UUID | None = None,
    is_exclusive: bool = False,
    tags: Sequence[str] = (),
    note: str | None = None,
    state: str = "queued",
    failure_class: str | None = None,
    reason: str | None = None,
) -> Run:
    """Make a run, or, with a final *state*, the ledger's row of a fire time that does not run."""
    is_over = state in FINAL
    run = Run(
        id=new_id(),
        state=state,
        failure_class=failure_class,
        reason=reason,
        kind=kind,
        schedule_id=schedule_id,
        schedule_name=schedule_name,
        fire_at=fire_at,
        rerun_of=rerun_of,
        is_exclusive=is_exclusive,
        **spec.columns(),
        tags=list(tags),
        note=note,
        owner=owner,
        created_by=created_by,
        created_at=now,
        queued_at=None if is_over else now,
        available_at=None if is_over else now,
        finished_at=now if is_over else None,
    )
    session.add(run)
    session.flush()
    session.add_all(RunTag(tag=tag, run_id=run.id) for tag in tags)
    record(session, run, f"run.{state}", caller=created_by, now=now)
    session.flush()
    return run


class Scheduled(Protocol):
    """What the ledger needs to know of a schedule."""

    @property
    def id(self) -> UUID: ...
    @property
    def name(self) -> str: ...
    @property
    def owner(self) -> str: ...
    @property
    def spec(self) -> Spec: ...


def create_skipped(
    session: Session, schedule: Scheduled, fire_at: datetime, reason: str, *, now: datetime
) -> Run:
    """Write the ledger's row of a fire time that did not run, with the reason why."""
    return create(
        session,
        schedule.spec,
        kind="scheduled",
        owner=schedule.owner,
        created_by="nightbook",
        now=now,
        schedule_id=schedule.id,
        schedule_name=schedule.name,
        fire_at=fire_at,
        state="skipped",
        reason=reason,
    )


def record(session: Session, run: Run, kind: str, *, caller: str, now: datetime, **facts: object) -> None:
    """Write an event about *run* with the facts that every reader of events needs."""
    known = {
        "state": run.state,
        "class": run.failure_class,
        "reason": run.reason,
        "notebook": run.notebook_path,
        "schedule_id": str(run.schedule_id) if run.schedule_id else None,
        "fence": run.fence or None,
        **facts,
    }
    kept = {key: value for key, value in known.items() if value is not None}
    events.record(session, kind, caller=caller, about=("run", run.id), now=now, facts=kept)


# ---------------------------------------------------------------- asking


def require(session: Session, run_id: UUID) -> Run:
    run = session.get(Run, run_id)
    if run is None:
        raise NotFound("run_not_found", "There is no such run.")
    return run


def require_for_change(session: Session, run_id: UUID) -> Run:
    wanted = select(Run).where(col(Run.id) == run_id).with_for_update()
    run = session.exec(wanted.execution_options(populate_existing=True)).first()
    if run is None:
        raise NotFound("run_not_found", "There is no such run.")
    return run


def attempts_of(session: Session, run_ids: Sequence[UUID]) -> Mapping[UUID, list[Attempt]]:
    """The attempts of each run, the first one first."""
    wanted = select(Attempt).where(col(Attempt.run_id).in_(run_ids)).order_by(col(Attempt.fence))
    found: dict[UUID, list[Attempt]] = {run_id: [] for run_id in run_ids}
    for attempt in session.exec(wanted).all():
        found[attempt.run_id].append(attempt)
    return found


def page(session: Session, *, before: UUID | None, limit: int, filters: Mapping[str, Any]) -> Sequence[Run]:
    """Runs, newest first.

    Filters: state, schedule_id, notebook, owner, tag, trigger, pool, rerun_of, since, until, q.
    """
    wanted = select(Run).order_by(col(Run.id).desc()).limit(limit)
    if before is not None:
        wanted = wanted.where(col(Run.id) < before)
    if tag := filters.get("tag"):
        wanted = wanted.join(RunTag, col(RunTag.run_id) == col(Run.id)).where(col(RunTag.tag) == tag)
    if states := filters.get("state"):
        wanted = wanted.where(col(Run.state).in_(states))
    columns = {
        "schedule_id": Run.schedule_id,
        "notebook": Run.notebook_path,
        "owner": Run.owner,
        "trigger": Run.kind,
        "pool": Run.pool,
        "rerun_of": Run.rerun_of,
    }
    for name, column in columns.items():
        if (value := filters.get(name)) is not None:
            wanted = wanted.where(col(column) == value)
    if since := filters.get("since"):
        wanted = wanted.where(col(Run.created_at) >= since)
    if until := filters.get("until"):
        wanted = wanted.where(col(Run.created_at) < until)
    if q := filters.get("q"):
        in_path = col(Run.notebook_path).icontains(q, autoescape=True)
        wanted = wanted.where(in_path | col(Run.schedule_name).icontains(q, autoescape=True))
    return session.exec(wanted).all()


def latest(session: Session, schedule_id: UUID, *, successful: bool = False) -> Run | None:
    """The newest ended run of a schedule; or the newest that succeeded. Skipped fire times do not count."""
    states = ["succeeded"] if successful else sorted(FINAL - {"skipped", "expired"})
    wanted = (
        select(Run)
        .where(col(Run.schedule_id) == schedule_id, col(Run.state).in_(states))
        .order_by(col(Run.id).desc())
        .limit(1)
    )
    return session.exec(wanted).first()


def last_of_each(session: Session, schedule_ids: Sequence[UUID]) -> Mapping[UUID, Run]:
    """The newest run of each schedule that ran or will, for lists."""
    found: dict[UUID, Run] = {}
    for schedule_id in schedule_ids:
        wanted = (
            select(Run)
            .where(col(Run.schedule_id) == schedule_id, col(Run.state).not_in(["skipped", "expired"]))
            .order_by(col(Run.id).desc())
            .limit(1)
        )
        if (run := session.exec(wanted).first()) is not None:
            found[schedule_id] = run
    return found


def occurrences(session: Session, schedule_id: UUID, *, before: datetime | None, limit: int) -> Sequence[Run]:
    """The ledger: one row a fire time, newest fire time first."""
    wanted = (
        select(Run)
        .where(col(Run.schedule_id) == schedule_id, col(Run.kind) == "scheduled")
        .order_by(col(Run.fire_at).desc())
        .limit(limit)
    )
    if before is not None:
        wanted = wanted.where(col(Run.fire_at) < before)
    return session.exec(wanted).all()


def unfinished(session: Session, schedule_id: UUID) -> Sequence[Run]:
    """The runs of a schedule that wait or run, the oldest first."""
    wanted = (
        select(Run)
        .where(col(Run.schedule_id) == schedule_id, col(Run.state).in_(["queued", "running"]))
        .order_by(col(Run.id))
    )
    return session.exec(wanted).all()


def is_under_way(run: Run) -> bool:
    """Running, or waiting for its next attempt: both count for overlap."""
    return run.state == "running" or (run.state == "queued" and run.fence > 0)


def previous_success(session: Session, schedule_id: UUID, before: datetime) -> datetime | None:
    """The fire time of the newest success that was due before *before*."""
    wanted = (
        select(Run.fire_at)
        .where(col(Run.schedule_id) == schedule_id, col(Run.state) == "succeeded", col(Run.fire_at) < before)
        .order_by(col(Run.fire_at).desc())
        .limit(1)
    )
    return session.exec(wanted).first()


def waiting_by_pool(session: Session, now: datetime) -> Sequence[tuple[str, int, datetime]]:
    """For each pool: how many runs may start, and since when the oldest waits."""
    wanted = (
        select(Run.pool, func.count(), func.min(Run.queued_at))
        .where(col(Run.state) == "queued", col(Run.available_at) <= now)
        .group_by(col(Run.pool))
    )
    return [(pool, count, oldest) for pool, count, oldest in session.execute(wanted).all()]


def running_by(session: Session, column: str) -> Mapping[Any, int]:
    """How many runs run, by `pool` or by `worker_id`."""
    key = col(Run.pool) if column == "pool" else col(Run.worker_id)
    counted = select(key, func.count()).where(col(Run.state) == "running").group_by(key)
    return {by: count for by, count in session.exec(counted).all()}  # noqa: C416


def count_by_pool_and_state(session: Session) -> Sequence[tuple[str, str, int]]:
    """Open runs for the metrics: final ones are counted as they end."""
    wanted = (
        select(Run.pool, Run.state, func.count())
        .where(col(Run.state).in_(["queued", "running"]))
        .group_by(col(Run.pool), col(Run.state))
    )
    return [(pool, state, count) for pool, state, count in session.execute(wanted).all()]


def ended_since(session: Session, since: datetime) -> Sequence[tuple[datetime, str]]:
    """End and state of the runs that ended since a moment, for the landing page."""
    wanted = select(Run.finished_at, Run.state).where(col(Run.finished_at) >= since)
    return [(moment, state) for moment, state in session.execute(wanted).all()]


def red_schedules(session: Session, limit: int) -> Sequence[UUID]:
    """Schedules whose newest ended run is red, the newest first."""
    later = aliased(Run)
    judged = sorted(FINAL - {"skipped", "expired", "cancelled"})
    has_later = (
        select(later.id)
        .where(later.schedule_id == Run.schedule_id, later.state.in_(judged), later.id > Run.id)  # type: ignore[attr-defined]
        .exists()
    )
    wanted = (
        select(Run.schedule_id)
        .where(col(Run.state).in_(sorted(RED)), col(Run.schedule_id).is_not(None), ~has_later)
        .order_by(col(Run.id).desc())
        .limit(limit)
    )
    return [schedule_id for schedule_id in session.exec(wanted).all() if schedule_id]


# ---------------------------------------------------------------- ending without a worker


def cancel(session: Session, run: Run, *, reason: str | None, caller: Caller, now: datetime) -> Run:
    """Ask a run to end. A waiting one ends at once; a running one when its worker has confirmed."""
    if run.state in FINAL:
        raise Conflict("already_ended", f"This run has ended already ({run.state}).")
    if run.state == "queued":
        end_waiting(
            session, run, "cancelled", reason or f"cancelled by {caller.name}", caller=caller.name, now=now
        )
        return run
    if run.cancel_asked_at is None:
        run.cancel_asked_at, run.cancel_asked_by = now, caller.name
        session.add(run)
        record(session, run, "run.cancel_asked", caller=caller.name, now=now, why=reason)
        session.flush()
    return run


def end_waiting(session: Session, run: Run, state: str, reason: str, *, caller: str, now: datetime) -> None:
    """End a run that no worker holds: cancelled, skipped or expired."""
    ended = session.execute(
        update(Run)
        .where(col(Run.id) == run.id, col(Run.state) == "queued")
        .values(state=state, reason=reason, finished_at=now, available_at=None)
        .execution_options(synchronize_session=False)
    )
    if not ended.rowcount:  # type: ignore[attr-defined]
        raise Conflict("already_started", "A worker has just taken this run; ask again.")
    session.refresh(run)
    record(session, run, f"run.{state}", caller=caller, now=now)
    session.flush()


def ask_cancel(session: Session, run: Run, *, by: str, now: datetime) -> None:
    """The platform's own wish to end a running run (overlap `cancel_previous`)."""
    if run.cancel_asked_at is None:
        run.cancel_asked_at, run.cancel_asked_by = now, by
        session.add(run)
        record(session, run, "run.cancel_asked", caller=by, now=now)
        session.flush()


def to_ring(session: Session, pool: str, now: datetime, *, not_since: datetime, limit: int) -> Sequence[UUID]:
    """Waiting runs of a pool for which no doorbell rang lately; marks them as rung."""
    wanted = (
        select(Run.id)
        .where(
            col(Run.state) == "queued",
            col(Run.pool) == pool,
            col(Run.available_at) <= now,
            or_(col(Run.rung_at).is_(None), col(Run.rung_at) < not_since),
        )
        .order_by(col(Run.priority).desc(), col(Run.id))
        .limit(limit)
    )
    ids = session.exec(wanted).all()
    if ids:
        session.execute(
            update(Run)
            .where(and_(col(Run.id).in_(ids), col(Run.state) == "queued"))
            .values(rung_at=now)
            .execution_options(synchronize_session=False)
        )
    return ids
