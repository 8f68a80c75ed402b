"""Runs and attempts asked for by id, and as pages."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlmodel import Session, col, select

from nightbook.core.clock import first_id_at
from nightbook.core.errors import NotFound
from nightbook.records.runs.tables import Attempt, Run, RunTag


def require(session: Session, run_id: UUID) -> Run:
    run = session.get(Run, run_id)
    if run is None:
        raise NotFound("run_not_found", "There is no such run.")
    return run


def state_of(session: Session, run_id: UUID) -> str:
    """The state of a run, as cheaply as it can be asked for. Raises NotFound."""
    state = session.exec(select(Run.state).where(col(Run.id) == run_id)).first()
    if state is None:
        raise NotFound("run_not_found", "There is no such run.")
    return state


def by_ids(session: Session, run_ids: Sequence[UUID]) -> Mapping[UUID, Run]:
    """Those of *run_ids* that are there."""
    return {run.id: run for run in session.exec(select(Run).where(col(Run.id).in_(run_ids))).all()}


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


def page(
    session: Session,
    *,
    beyond: UUID | None,
    limit: int,
    filters: Mapping[str, Any],
    oldest_first: bool = False,
) -> Sequence[Run]:
    """Runs after *beyond* in their order, newest first unless told otherwise.

    Filters: state, schedule_id, notebook, owner, tag, trigger, pool, rerun_of, caused_by, group_id, since,
    until, q.
    """
    wanted = select(Run).order_by(col(Run.id).asc() if oldest_first else col(Run.id).desc()).limit(limit)
    if beyond is not None:
        wanted = wanted.where(col(Run.id) > beyond if oldest_first else col(Run.id) < beyond)
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
        "caused_by": Run.caused_by,
        "group_id": Run.group_id,
    }
    for name, column in columns.items():
        if (value := filters.get(name)) is not None:
            wanted = wanted.where(col(column) == value)
    if since := filters.get("since"):
        wanted = wanted.where(col(Run.created_at) >= since, col(Run.id) >= first_id_at(_earlier(since)))
    if until := filters.get("until"):
        wanted = wanted.where(col(Run.created_at) < until, col(Run.id) < first_id_at(_later(until)))
    if q := filters.get("q"):
        in_path = col(Run.notebook_path).icontains(q, autoescape=True)
        wanted = wanted.where(in_path | col(Run.schedule_name).icontains(q, autoescape=True))
    return session.exec(wanted).all()


# Ids sort by the time they were made, which is that of `created_at` but for the moments between two reads of
# the clock. So a span of time is a span of ids, and one of years ago is not searched for from today on.
_SLACK = timedelta(days=1)


def _earlier(moment: datetime) -> datetime:
    return moment - _SLACK if moment - datetime.min.replace(tzinfo=UTC) > _SLACK else moment


def _later(moment: datetime) -> datetime:
    return moment + _SLACK if datetime.max.replace(tzinfo=UTC) - moment > _SLACK else moment


def of_group(session: Session, group_id: UUID) -> Sequence[Run]:
    """The runs that one request made, in their order; locked, for a change of all."""
    wanted = select(Run).where(col(Run.group_id) == group_id).order_by(col(Run.id)).with_for_update()
    return session.exec(wanted.execution_options(populate_existing=True)).all()
