"""How a run ends that no worker holds, and how one is asked to end."""

from datetime import datetime

from sqlalchemy import update
from sqlmodel import Session, col, select

from nightbook.core.errors import Conflict
from nightbook.core.states import FINAL
from nightbook.records.access import Caller
from nightbook.records.runs.making import record
from nightbook.records.runs.tables import Run


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


def expire(session: Session, now: datetime, *, limit: int = 200) -> int:
    """End the runs that no worker took in time. Return how many."""
    wanted = (
        select(Run)
        .where(col(Run.state) == "queued", col(Run.expires_at) <= now, col(Run.started_at).is_(None))
        .order_by(col(Run.expires_at))
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    found = session.exec(wanted.execution_options(populate_existing=True)).all()
    for run in found:
        end_waiting(session, run, "expired", "expired", caller="nightbook", now=now)
    return len(found)
