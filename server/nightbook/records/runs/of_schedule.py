"""What a schedule's runs say of it: its ledger, its newest ones, what is under way."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Subquery, func, union_all
from sqlalchemy import select as sa_select
from sqlmodel import Session, col, select

from nightbook.core.states import FINAL, RED
from nightbook.records.runs.tables import Run


@dataclass(frozen=True)
class Recent:
    """What a list shows of a run of a schedule."""

    id: UUID
    state: str
    fire_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None

    @property
    def seconds(self) -> float | None:
        """From start to end; none of a run that goes on, or ended before it started."""
        if self.started_at is None or self.finished_at is None:
            return None
        return max(0.0, (self.finished_at - self.started_at).total_seconds())


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


def newest_of_each(
    session: Session, schedule_ids: Sequence[UUID], limit: int
) -> Mapping[UUID, Sequence[Recent]]:
    """The newest runs of each of these schedules that ran or will, the newest first, in one statement."""
    found: dict[UUID, list[Recent]] = {schedule_id: [] for schedule_id in schedule_ids}
    if not found:
        return found
    # A window function would read each whole history; this reads *limit* entries of the index.
    of_each = [_newest_of(schedule_id, limit) for schedule_id in found]
    for schedule_id, *facts in session.execute(union_all(*(sa_select(one) for one in of_each))):
        found[schedule_id].append(Recent(*facts))
    for newest in found.values():
        newest.sort(key=lambda run: run.id, reverse=True)
    return found


def _newest_of(schedule_id: UUID, limit: int) -> Subquery:
    return (
        sa_select(
            col(Run.schedule_id),
            col(Run.id),
            col(Run.state),
            col(Run.fire_at),
            col(Run.started_at),
            col(Run.finished_at),
        )
        .where(col(Run.schedule_id) == schedule_id, col(Run.state).not_in(["skipped", "expired"]))
        .order_by(col(Run.id).desc())
        .limit(limit)
        .subquery()
    )


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
    """The runs of a schedule that wait or run, the oldest first. Backfills stand in nobody's way."""
    wanted = (
        select(Run)
        .where(
            col(Run.schedule_id) == schedule_id,
            col(Run.state).in_(["queued", "running"]),
            col(Run.kind) != "backfill",
        )
        .order_by(col(Run.id))
    )
    return session.exec(wanted).all()


def with_unfinished(session: Session, schedule_ids: Sequence[UUID]) -> set[UUID]:
    """Those of the schedules that have runs as `unfinished` lists them."""
    if not schedule_ids:
        return set()
    wanted = (
        select(Run.schedule_id)
        .where(
            col(Run.schedule_id).in_(schedule_ids),
            col(Run.state).in_(["queued", "running"]),
            col(Run.kind) != "backfill",
        )
        .distinct()
    )
    return {schedule_id for schedule_id in session.exec(wanted) if schedule_id is not None}


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


def durations(session: Session, schedule_id: UUID, limit: int) -> Sequence[timedelta]:
    """How long the newest successes took, from being queued to their end."""
    wanted = (
        select(Run.queued_at, Run.finished_at)
        .where(
            col(Run.schedule_id) == schedule_id, col(Run.state) == "succeeded", col(Run.kind) != "backfill"
        )
        .order_by(col(Run.id).desc())
        .limit(limit)
    )
    found = session.execute(wanted).all()
    return [finished - queued for queued, finished in found if queued and finished]


def reds_in_a_row(session: Session, schedule_id: UUID, *, since: datetime | None, limit: int) -> int:
    """How many of the newest ended runs are red without another end between, at most *limit*.

    Only runs made at or after *since* count; cancelled and skipped ones neither count nor interrupt.
    """
    judged = sorted(RED | {"succeeded"})
    wanted = (
        select(Run.state)
        .where(
            col(Run.schedule_id) == schedule_id,
            col(Run.state).in_(judged),
            col(Run.kind).in_(["scheduled", "rerun"]),
        )
        .order_by(col(Run.id).desc())
        .limit(limit)
    )
    if since is not None:
        wanted = wanted.where(col(Run.created_at) >= since)
    states = session.exec(wanted).all()
    return next((place for place, state in enumerate(states) if state not in RED), len(states))


def fire_time_rows(session: Session, schedule_id: UUID, moments: Sequence[datetime]) -> Sequence[Run]:
    """The runs for these fire times (scheduled, backfilled, run again), the oldest first."""
    wanted = (
        select(Run)
        .where(col(Run.schedule_id) == schedule_id, col(Run.fire_at).in_(moments))
        .order_by(col(Run.id))
    )
    return session.exec(wanted).all()


def backfills_of(session: Session, rows: Sequence[Run]) -> Mapping[datetime | None, Run]:
    """The backfills that made up for these rows of one schedule's ledger, by fire time."""
    if not rows:
        return {}
    wanted = select(Run).where(
        col(Run.schedule_id) == rows[0].schedule_id,
        col(Run.kind) == "backfill",
        col(Run.fire_at).in_([row.fire_at for row in rows]),
    )
    return {run.fire_at: run for run in session.exec(wanted).all()}


def newest_fire_at(session: Session, schedule_id: UUID) -> datetime | None:
    """The latest fire time in the ledger."""
    wanted = (
        select(Run.fire_at)
        .where(col(Run.schedule_id) == schedule_id, col(Run.kind) == "scheduled")
        .order_by(col(Run.fire_at).desc())
        .limit(1)
    )
    return session.exec(wanted).first()


def has_row(session: Session, schedule_id: UUID, fire_at: datetime) -> bool:
    """Whether the ledger has this fire time."""
    wanted = select(Run.id).where(
        col(Run.schedule_id) == schedule_id, col(Run.fire_at) == fire_at, col(Run.kind) == "scheduled"
    )
    return session.exec(wanted).first() is not None


def fired_since(session: Session, schedule_id: UUID, since: datetime) -> int:
    """How many fire times a schedule has had since a moment."""
    wanted = select(func.count()).where(
        col(Run.schedule_id) == schedule_id, col(Run.kind) == "scheduled", col(Run.fire_at) > since
    )
    return int(session.execute(wanted).scalar_one())
