"""Dispatcher: rings the doorbell of each pool that has runs waiting and slots free.

A ring may be lost or doubled harmlessly. The window is bounded, so a backlog of ten thousand runs costs
a few messages, and a broker that was wiped is filled again.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlmodel import Session

from nightbook.records import pools, runs

#: The same run rings at most this often.
RING_AGAIN = timedelta(seconds=30)


def tick(session: Session, now: datetime) -> Sequence[tuple[str, UUID]]:
    """Choose which doorbells ring now, as (pool, run). The caller rings once this has committed."""
    rings: list[tuple[str, UUID]] = []
    running = runs.running_by(session, "pool")
    waiting = {pool for pool, _, _ in runs.waiting_by_pool(session, now)}
    for pool in pools.all_pools(session):
        if pool.name not in waiting:
            continue
        slots = sum(worker.slots for worker in pools.alive(session, pool, now))
        free = max(0, slots - running.get(pool.name, 0))
        ids = (
            runs.to_ring(session, pool.name, now, not_since=now - RING_AGAIN, limit=2 * free) if free else []
        )
        rings.extend((pool.name, run_id) for run_id in ids)
    return rings
