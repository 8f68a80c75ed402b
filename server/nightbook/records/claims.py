"""Claims: a worker takes the best run that may start. One conditional update raises the fence.

What the worker does with it from then on, and how it ends, is told in `leases`.
"""

from collections.abc import Sequence
from contextlib import nullcontext
from datetime import datetime, timedelta
from functools import cache
from uuid import UUID

from sqlalchemy import bindparam, func, or_, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from nightbook.adapters.database import UtcDateTime, is_postgresql
from nightbook.core.clock import new_id
from nightbook.records import runs
from nightbook.records.access import Caller
from nightbook.records.pools import Pool, Worker
from nightbook.records.runs import Attempt, Run

_CANDIDATES = 20


def claim(
    session: Session, worker: Worker, pool: Pool, *, key: str | None, caller: Caller, now: datetime
) -> tuple[Run, Attempt] | None:
    """Give *worker* the best admissible run of its pool, by priority, then by age; None if there is none."""
    if key and (earlier := _attempt_of_claim(session, worker.id, key)):
        return earlier
    if not _has_room(session, pool):
        return None
    for run in _candidates(session, worker, now):
        attempt = _take(session, run, worker, pool, key=key, caller=caller, now=now)
        if attempt is not None:
            return run, attempt
    return None


def may_claim(session: Session, worker: Worker, *, key: str | None, now: datetime) -> bool:
    """Say whether a claim is worth its transaction: something waits, or this key has an attempt already."""
    return runs.is_waiting(session, worker.pool, now) or bool(
        key and _attempt_of_claim(session, worker.id, key)
    )


def _attempt_of_claim(session: Session, worker_id: UUID, key: str) -> tuple[Run, Attempt] | None:
    wanted = select(Attempt).where(
        col(Attempt.worker_id) == worker_id, col(Attempt.claim_key) == key, col(Attempt.state) == "running"
    )
    attempt = session.exec(wanted).first()
    return (session.get_one(Run, attempt.run_id), attempt) if attempt else None


def _has_room(session: Session, pool: Pool) -> bool:
    if pool.concurrency is None:
        return True
    # A plain count lets two claims pass at the same instant: lock the pool's row first.
    session.exec(select(Pool).where(col(Pool.name) == pool.name).with_for_update()).one()
    running = select(func.count()).where(col(Run.pool) == pool.name, col(Run.state) == "running")
    return bool(session.execute(running).scalar_one() < pool.concurrency)


def _candidates(session: Session, worker: Worker, now: datetime) -> Sequence[Run]:
    wanted = _wanted(is_postgresql(session))
    values = {
        "pool": worker.pool,
        "kernels": worker.kernel_names,
        "now": now,
        **runs.full_owners(session),
    }
    return session.execute(wanted, values).scalars().all()


@cache
def _wanted(has_row_locks: bool) -> SelectOfScalar[Run]:
    """Built once, since that takes longer than asking; its values are `pool`, `kernels` and `now`."""
    now = bindparam("now", type_=UtcDateTime())
    other = aliased(Run)
    sibling_runs = (
        select(other.id).where(
            other.schedule_id == Run.schedule_id, other.state == "running", other.is_exclusive
        )
    ).exists()
    wanted = (
        select(Run)
        .where(
            col(Run.state) == "queued",
            col(Run.pool) == bindparam("pool"),
            col(Run.available_at) <= now,
            col(Run.kernel).in_(bindparam("kernels", expanding=True)),
            ~(col(Run.is_exclusive) & sibling_runs),
            runs.have_room(),
            or_(col(Run.expires_at).is_(None), col(Run.expires_at) > now, col(Run.started_at).is_not(None)),
        )
        .order_by(col(Run.priority).desc(), col(Run.id))
        .limit(_CANDIDATES if has_row_locks else 1)
        .with_for_update(skip_locked=True, of=Run)
    )
    return wanted.execution_options(populate_existing=True)


def _take(
    session: Session, run: Run, worker: Worker, pool: Pool, *, key: str | None, caller: Caller, now: datetime
) -> Attempt | None:
    fence = run.fence + 1
    slots = runs.free_slots(session, run)
    if slots is None:
        return None  # a cap filled up since the candidates were read
    try:
        # Where a unique index may refuse the claim, the rest of the transaction must outlive that.
        with session.begin_nested() if slots or run.is_exclusive else nullcontext():
            taken = session.execute(
                update(Run)
                .where(col(Run.id) == run.id, col(Run.state) == "queued", col(Run.fence) == run.fence)
                .values(
                    state="running",
                    reason=None,
                    failure_class=None,
                    fence=fence,
                    worker_id=worker.id,
                    lease_seconds=pool.lease_seconds,
                    lease_until=now + timedelta(seconds=pool.lease_seconds),
                    started_at=func.coalesce(Run.started_at, now),
                    available_at=None,
                    cells_done=None,
                    cells_total=None,
                    failed_cell=None,
                    **slots,
                )
                .execution_options(synchronize_session=False)
            )
    except IntegrityError:
        return None  # another run under the same cap was claimed at the same instant
    if not taken.rowcount:  # type: ignore[attr-defined]
        return None
    session.refresh(run)
    attempt = Attempt(
        id=new_id(),
        run_id=run.id,
        fence=fence,
        worker_id=worker.id,
        worker_name=worker.name,
        token_id=caller.token_id,
        claim_key=key,
        state="running",
        started_at=now,
    )
    session.add(attempt)
    runs.record(session, run, "run.running", caller=worker.name, now=now)
    session.flush()
    return attempt
