"""Pools and workers: who can run what, and who is alive.

A pool is a named group of workers with a concurrency cap and a lease; it is a trust boundary. A worker
is alive while it has been seen within its pool's lease.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from sqlmodel import Field, Session, SQLModel, col, select

from nightbook.adapters.database import Json, UtcDateTime
from nightbook.core.errors import Conflict, Forbidden, Invalid, NotFound, Stale
from nightbook.records import events
from nightbook.records.access import Caller
from nightbook.schemas import PoolDraft, PoolPatch, WorkerRegistration

DEFAULT_POOL = "default"
HEARTBEAT_SECONDS = 10.0
POLL_SECONDS = 10.0


class Pool(SQLModel, table=True):
    __tablename__ = "pools"

    name: str = Field(primary_key=True)
    description: str
    concurrency: int | None
    lease_seconds: int
    max_timeout_seconds: int
    #: What the pool has set of its limits; the rest has the defaults of `schemas.Limits`.
    limits: dict[str, Any] = Field(default_factory=dict, sa_type=Json)
    created_at: datetime = Field(sa_type=UtcDateTime)
    version: int = 1


class Worker(SQLModel, table=True):
    __tablename__ = "workers"

    id: UUID = Field(primary_key=True)
    name: str
    pool: str = Field(foreign_key="pools.name", index=True)
    token_id: str
    slots: int
    host: str
    pid: int
    version: str
    kernels: list[dict[str, Any]] = Field(sa_type=Json)
    sandbox: str | None = None
    draining: bool = False
    registered_at: datetime = Field(sa_type=UtcDateTime)
    seen_at: datetime = Field(sa_type=UtcDateTime)

    @property
    def kernel_names(self) -> list[str]:
        return [kernel["name"] for kernel in self.kernels]


# ---------------------------------------------------------------- pools


def create(session: Session, draft: PoolDraft, *, caller: Caller, now: datetime) -> Pool:
    """Make a pool. Raises Conflict where the name is taken."""
    if session.get(Pool, draft.name) is not None:
        raise Conflict("name_taken", "There is already a pool of this name.", field="name")
    limits = draft.limits.model_dump(exclude_unset=True)
    pool = Pool(**draft.model_dump(exclude={"limits"}), limits=limits, created_at=now)
    session.add(pool)
    events.record(session, "pool.created", caller=caller.name, about=("pool", pool.name), now=now)
    session.flush()
    return pool


#: What an edit may empty by sending null.
_MAY_BE_NULL = {"concurrency"}


def find(session: Session, name: str, *, for_change: bool = False) -> Pool:
    """The pool of this name, locked where it is *for_change*. Raises NotFound."""
    pool = session.get(Pool, name, with_for_update=for_change)
    if pool is None:
        raise NotFound("pool_not_found", "There is no such pool.")
    return pool


def change(
    session: Session, pool: Pool, patch: PoolPatch, *, read: int | None, caller: Caller, now: datetime
) -> None:
    """Change the fields that were sent, for runs claimed from now on. *read*: the version meant."""
    if read is not None and read != pool.version:
        raise Stale("stale", "This pool changed since you read it. Read it again and repeat your edit.")
    sent = patch.model_dump(exclude_unset=True)
    for name, value in sent.items():
        if value is None and name not in _MAY_BE_NULL:
            raise Invalid("null_not_allowed", "This field cannot be emptied.", field=name)
    if not sent:
        return
    limits = {**pool.limits, **sent.pop("limits", {})}
    pool.sqlmodel_update({**sent, "limits": limits, "version": pool.version + 1})
    session.add(pool)
    facts = {"fields": sorted(patch.model_fields_set)}
    events.record(
        session, "pool.changed", caller=caller.name, about=("pool", pool.name), now=now, facts=facts
    )
    session.flush()


def all_pools(session: Session) -> Sequence[Pool]:
    return session.exec(select(Pool).order_by(col(Pool.name))).all()


def require(session: Session, name: str) -> Pool:
    """The pool of this name. Raises Invalid, naming the pools that exist."""
    pool = session.get(Pool, name)
    if pool is None:
        known = ", ".join(p.name for p in all_pools(session))
        raise Invalid("unknown_pool", f"There is no such pool. Pools here: {known}.", field="pool")
    return pool


# ---------------------------------------------------------------- workers


def register(session: Session, registration: WorkerRegistration, *, caller: Caller, now: datetime) -> Pool:
    """A worker says who it is, at its start and whenever the server has forgotten it. Return its pool."""
    caller.require_pool(registration.pool)
    pool = require(session, registration.pool)
    row = session.get(Worker, registration.id)
    if row is not None and row.token_id != caller.token_id:
        raise Forbidden("worker_of_another_token", "This worker id belongs to another token.")
    facts = registration.model_dump(mode="json", exclude={"id"})
    if row is None:
        row = Worker(id=registration.id, token_id=caller.token_id, registered_at=now, seen_at=now, **facts)
        events.record(session, "worker.registered", caller=caller.name, about=("worker", row.id), now=now)
    row.sqlmodel_update({**facts, "draining": False, "registered_at": now, "seen_at": now})
    session.add(row)
    session.flush()
    return pool


def is_fresh(worker: Worker, now: datetime) -> bool:
    """Say whether the worker was seen so lately that it need not be noted again."""
    return now - worker.seen_at < timedelta(seconds=HEARTBEAT_SECONDS)


def seen(
    session: Session, worker_id: UUID, *, caller: Caller, now: datetime, draining: bool | None = None
) -> Worker:
    """A worker of this caller's token spoke. Raises Conflict where it must register first."""
    row = require_worker(session, worker_id, caller=caller)
    row.seen_at = now
    if draining is not None:
        row.draining = draining
    session.add(row)
    return row


def require_worker(session: Session, worker_id: UUID, *, caller: Caller) -> Worker:
    """The worker of this caller's token. Raises Conflict where it must register first."""
    row = session.get(Worker, worker_id)
    if row is None or row.token_id != caller.token_id:
        raise Conflict("not_registered", "Register this worker first.")
    return row


def workers(session: Session, pool: str | None = None) -> Sequence[Worker]:
    wanted = select(Worker).order_by(col(Worker.seen_at).desc())
    if pool is not None:
        wanted = wanted.where(col(Worker.pool) == pool)
    return session.exec(wanted).all()


def state_of(worker: Worker, pool: Pool, now: datetime) -> Literal["alive", "draining", "silent"]:
    if now - worker.seen_at > timedelta(seconds=pool.lease_seconds):
        return "silent"
    return "draining" if worker.draining else "alive"


def by_pool(session: Session) -> Mapping[str, list[Worker]]:
    """All workers that are known, by the name of their pool."""
    found: dict[str, list[Worker]] = {}
    for worker in session.exec(select(Worker).order_by(col(Worker.name))).all():
        found.setdefault(worker.pool, []).append(worker)
    return found


def alive(session: Session, pool: Pool, now: datetime) -> list[Worker]:
    """The pool's workers that would take a run now."""
    return [worker for worker in workers(session, pool.name) if state_of(worker, pool, now) == "alive"]


def kernels_of(session: Session, pool: str) -> dict[str, dict[str, Any]]:
    """The kernels that the pool's workers said they have, by name; empty where none has ever spoken."""
    return {kernel["name"]: kernel for worker in workers(session, pool) for kernel in worker.kernels}


def forget_silent(session: Session, now: datetime, *, after: timedelta) -> int:
    """Remove workers that have been silent for *after*; their runs keep the name."""
    gone = session.exec(select(Worker).where(col(Worker.seen_at) < now - after).limit(100)).all()
    for worker in gone:
        session.delete(worker)
    session.flush()
    return len(gone)
