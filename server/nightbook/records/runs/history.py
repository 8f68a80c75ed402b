"""What former runs say: how a schedule has gone lately, and how long a run like this one usually takes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func
from sqlmodel import Session, col, select

from nightbook.records.runs.tables import Attempt, Run

#: How far back a look for comparable runs goes, and how many of them are compared.
_LOOKED_AT = 200
_COMPARED = 20
#: How long after a span a run of it may have ended, to be found.
_LONGEST_AFTER = timedelta(days=1)
_NOT_RUN = ("skipped", "expired")


@dataclass(frozen=True)
class Past:
    """One former attempt that succeeded: its seconds as a whole, and by cell."""

    seconds: float
    cells: dict[int, float]


def newest(session: Session, schedule_id: UUID, limit: int) -> Sequence[Run]:
    """The newest runs of a schedule in any state, the newest first."""
    wanted = select(Run).where(col(Run.schedule_id) == schedule_id).order_by(col(Run.id).desc()).limit(limit)
    return session.exec(wanted).all()


def within(session: Session, start: datetime, end: datetime, *, limit: int) -> Sequence[Run]:
    """Runs that were under way between *start* and *end*, by their ends; those that go on come first.

    One that ended more than a day after *end* is left out: the look would have no bound.
    """
    going_on = (
        select(Run)
        .where(col(Run.state) == "running", col(Run.started_at) < end)
        .order_by(col(Run.id))
        .limit(limit)
    )
    ended = (
        select(Run)
        .where(
            col(Run.finished_at) >= start,
            col(Run.finished_at) < end + _LONGEST_AFTER,
            func.coalesce(col(Run.started_at), col(Run.finished_at)) < end,
            col(Run.state).not_in(_NOT_RUN),
        )
        .order_by(col(Run.finished_at))
        .limit(limit)
    )
    return [*session.exec(going_on).all(), *session.exec(ended).all()][:limit]


def schedules_not_run(
    session: Session, start: datetime, end: datetime, *, limit: int
) -> Sequence[tuple[UUID, str]]:
    """Id and name of schedules with a fire time in the span that was skipped or expired.

    One that was written down more than a day after *end* is left out, as in `within`.
    """
    wanted = (
        select(Run.schedule_id, func.max(Run.schedule_name))
        .where(
            col(Run.finished_at) >= start,
            col(Run.finished_at) < end + _LONGEST_AFTER,
            col(Run.fire_at) >= start,
            col(Run.fire_at) < end,
            col(Run.state).in_(_NOT_RUN),
            col(Run.schedule_id).is_not(None),
        )
        .group_by(col(Run.schedule_id))
        .limit(limit)
    )
    return [(schedule_id, name or "") for schedule_id, name in session.execute(wanted).all()]


def not_run_within(
    session: Session, schedule_ids: Sequence[UUID], start: datetime, end: datetime, *, limit: int
) -> Sequence[Run]:
    """The fire times of these schedules in the span that were skipped or expired, the newest first."""
    if not schedule_ids:
        return []
    wanted = (
        select(Run)
        .where(
            col(Run.schedule_id).in_(schedule_ids),
            col(Run.fire_at) >= start,
            col(Run.fire_at) < end,
            col(Run.state).in_(_NOT_RUN),
        )
        .order_by(col(Run.fire_at).desc())
        .limit(limit)
    )
    return session.exec(wanted).all()


def comparable(session: Session, run: Run) -> list[Past]:
    """Successes before *run* of the same version, cell by cell alike, the newest first; at most 20.

    They are runs of the same schedule, or of the same notebook where there is none.
    """
    is_alike = (
        col(Run.schedule_id) == run.schedule_id
        if run.schedule_id
        else col(Run.notebook_path) == run.notebook_path
    )
    lately = (
        select(Run)
        .where(is_alike, col(Run.id) < run.id)
        .order_by(col(Run.id).desc())
        .limit(_LOOKED_AT)
        .subquery()
    )
    wanted = (
        select(Attempt.started_at, Attempt.finished_at, Attempt.cell_seconds)
        .join(lately, (lately.c.id == col(Attempt.run_id)) & (lately.c.fence == col(Attempt.fence)))
        .where(lately.c.state == "succeeded", lately.c.notebook_sha256 == run.notebook_sha256)
        .order_by(lately.c.id.desc())
        .limit(_COMPARED)
    )
    if run.cells_total is not None:
        wanted = wanted.where(lately.c.cells_total == run.cells_total)
    return [
        Past(_seconds(started, finished), {int(place): took for place, took in cells.items()})
        for started, finished, cells in session.execute(wanted).all()
        if finished is not None
    ]


def _seconds(started: datetime, finished: datetime) -> float:
    return max(0.0, (finished - started).total_seconds())


def waiting_since(session: Session, before: datetime, limit: int) -> Sequence[Run]:
    """Runs that might have started before *before* and have not, the oldest first."""
    wanted = (
        select(Run)
        .where(col(Run.state) == "queued", col(Run.available_at) < before)
        .order_by(col(Run.id))
        .limit(limit)
    )
    return session.exec(wanted).all()
