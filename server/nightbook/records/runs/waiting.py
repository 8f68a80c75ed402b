"""What waits and runs, by pool and worker, and for whom a doorbell is to ring."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import and_, func, or_, update
from sqlmodel import Session, col, select

from nightbook.records.runs.tables import Run


def waiting_by_pool(session: Session, now: datetime) -> Sequence[tuple[str, int, datetime]]:
    """For each pool: how many runs may start, and since when the oldest waits."""
    wanted = (
        select(Run.pool, func.count(), func.min(Run.queued_at))
        .where(col(Run.state) == "queued", col(Run.available_at) <= now)
        .group_by(col(Run.pool))
    )
    return [(pool, count, oldest) for pool, count, oldest in session.execute(wanted).all()]


def is_waiting(session: Session, pool: str, now: datetime) -> bool:
    """Say whether a run of the pool may be due; whether it may start only a claim can say."""
    wanted = (
        select(Run.id)
        .where(col(Run.state) == "queued", col(Run.pool) == pool, col(Run.available_at) <= now)
        .limit(1)
    )
    return session.execute(wanted).first() is not None


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
