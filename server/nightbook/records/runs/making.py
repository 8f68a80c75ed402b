"""How a run begins: queued, or as the ledger's row of a fire time that does not run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Protocol, Required, TypedDict, Unpack
from uuid import UUID

from sqlalchemy import insert
from sqlmodel import Session, col, select

from nightbook.adapters import notices
from nightbook.core.clock import new_id
from nightbook.core.spec import Spec
from nightbook.core.states import FINAL
from nightbook.core.triggers import FOLLOWED
from nightbook.records import chains, events, streaks
from nightbook.records.runs.tables import Run, RunTag

#: What every event about a run says of it, where there is something to say.
_TOLD: Final = ("state", "failure_class", "reason", "notebook_path", "schedule_id", "fence")


@dataclass(frozen=True)
class Group:
    """The runs that one request makes (a backfill, a sweep): *limit* of them run at once, or all."""

    id: UUID
    limit: int | None = None


def expiry(spec: Spec, now: datetime) -> datetime | None:
    """Until when a run queued now has to be taken. The runs of a group wait for each other, so for ever."""
    seconds = spec.expire_after_seconds
    return None if seconds is None else now + timedelta(seconds=seconds)


class Facts(TypedDict, total=False):
    """What a run is, beside its spec. Only *kind*, *owner* and *created_by* must be there."""

    kind: Required[str]
    owner: Required[str]
    created_by: Required[str]
    schedule_id: UUID | None
    schedule_name: str | None
    fire_at: datetime | None
    due_at: datetime | None
    rerun_of: UUID | None
    caused_by: UUID | None
    group: Group | None
    is_exclusive: bool
    #: How many runs of the schedule may run beside each other, where that is more than one.
    schedule_limit: int | None
    tags: Sequence[str]
    note: str | None
    #: `queued`, or a final one: the ledger's row of a fire time that does not run.
    state: str
    failure_class: str | None
    reason: str | None


def create(session: Session, spec: Spec, *, now: datetime, **facts: Unpack[Facts]) -> Run:
    """Make a run, or, with a final *state*, the ledger's row of a fire time that does not run."""
    run = Run(**_columns(spec, now, facts))
    session.add(run)
    if run.tags:
        session.flush()
        session.add_all(RunTag(tag=tag, run_id=run.id) for tag in run.tags)
    record(session, run, f"run.{run.state}", caller=run.created_by, now=now)
    session.flush()
    return run


def queue_many(session: Session, drafts: Sequence[tuple[Spec, Facts]], *, now: datetime) -> None:
    """Make many runs with a few statements: what `create` does for each of *drafts*, which all queue.

    Raises IntegrityError where one of them is there already; then none is made.
    """
    if not drafts:
        return
    rows = [_columns(spec, now, facts) for spec, facts in drafts]
    session.execute(insert(Run), rows)
    tags = [{"tag": tag, "run_id": row["id"]} for row in rows for tag in row["tags"]]
    if tags:
        session.execute(insert(RunTag), tags)
    told = [(("run", row["id"]), _told(row)) for row in rows]
    events.record_many(session, "run.queued", told, caller=rows[0]["created_by"], now=now)


def _columns(spec: Spec, now: datetime, facts: Facts) -> dict[str, Any]:
    state, group = facts.get("state", "queued"), facts.get("group")
    fire_at, due_at = facts.get("fire_at"), facts.get("due_at")
    is_over = state in FINAL
    return {
        "id": new_id(),
        "state": state,
        "failure_class": facts.get("failure_class"),
        "reason": facts.get("reason"),
        "kind": facts["kind"],
        "schedule_id": facts.get("schedule_id"),
        "schedule_name": facts.get("schedule_name"),
        "fire_at": fire_at,
        "due_at": due_at if due_at != fire_at else None,
        "expires_at": None if is_over or group else expiry(spec, now),
        "rerun_of": facts.get("rerun_of"),
        "caused_by": facts.get("caused_by"),
        "group_id": group.id if group else None,
        "group_limit": group.limit if group else None,
        "is_exclusive": facts.get("is_exclusive", False),
        "schedule_limit": facts.get("schedule_limit"),
        **spec.columns(),
        "tags": list(facts.get("tags", ())),
        "note": facts.get("note"),
        "owner": facts["owner"],
        "created_by": facts["created_by"],
        "created_at": now,
        "queued_at": None if is_over else now,
        # Never after it is due: the beat that fires it may have a clock that is fast, or was put on.
        "available_at": None if is_over else min(now, due_at or now),
        "finished_at": now if is_over else None,
    }


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
    session: Session,
    schedule: Scheduled,
    fire_at: datetime,
    reason: str,
    *,
    now: datetime,
    caused_by: UUID | None = None,
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
        caused_by=caused_by,
        state="skipped",
        reason=reason,
    )


def create_many_skipped(
    session: Session, schedule: Scheduled, moments: Mapping[datetime, str], *, now: datetime
) -> int:
    """Write the rows of many fire times that did not run, each with its reason. Rows that exist stay.

    Return how many were written.
    """
    known = session.exec(
        select(Run.fire_at).where(
            col(Run.schedule_id) == schedule.id,
            col(Run.kind) == "scheduled",
            col(Run.fire_at).in_(list(moments)),
        )
    ).all()
    new = sorted(set(moments) - {moment for moment in known if moment})
    if not new:
        return 0
    first, rest = new[0], new[1:]
    pattern = create_skipped(session, schedule, first, moments[first], now=now)
    columns = pattern.model_dump()
    # Thousands of objects cost seconds, and the write lock with them; the rows differ in three columns only.
    rows = [{**columns, "id": new_id(), "fire_at": at, "reason": moments[at]} for at in rest]
    if rows:
        session.execute(insert(Run), rows)
        told = [(("run", row["id"]), {**_facts(pattern), "reason": row["reason"]}) for row in rows]
        events.record_many(session, "run.skipped", told, caller=pattern.created_by, now=now)
    return len(new)


def record(session: Session, run: Run, kind: str, *, caller: str, now: datetime, **facts: object) -> None:
    """Write an event about *run* with the facts that every reader of events needs."""
    told = {**_facts(run), **{key: value for key, value in facts.items() if value is not None}}
    events.record(session, kind, caller=caller, about=("run", run.id), now=now, facts=told)
    if run.state in FINAL:
        notices.tell(session, notices.end_topic(run.id))
    if run.cancel_asked_at is not None and run.worker_id is not None:
        notices.tell(session, notices.worker_topic(run.worker_id))
    # A backfill is about the past; what follows a schedule follows its runs of today.
    if kind == f"run.{run.state}" and run.schedule_id and run.state in FOLLOWED and run.kind != "backfill":
        chains.tell(session, run.schedule_id, run.id, run.state, run.finished_at or now)
        streaks.tell(session, run.schedule_id, run.id, run.state, run.finished_at or now)


def _facts(run: Run) -> dict[str, object]:
    return _told({name: getattr(run, name) for name in _TOLD})


def _told(row: Mapping[str, Any]) -> dict[str, object]:
    known = {
        "state": row["state"],
        "class": row["failure_class"],
        "reason": row["reason"],
        "notebook": row["notebook_path"],
        "schedule_id": str(row["schedule_id"]) if row["schedule_id"] else None,
        "fence": row.get("fence") or None,
    }
    return {key: value for key, value in known.items() if value is not None}
