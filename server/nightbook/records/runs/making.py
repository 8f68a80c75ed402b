"""How a run begins: queued, or as the ledger's row of a fire time that does not run."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from sqlmodel import Session

from nightbook.core.clock import new_id
from nightbook.core.spec import Spec
from nightbook.core.states import FINAL
from nightbook.records import events
from nightbook.records.runs.tables import Run, RunTag


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
