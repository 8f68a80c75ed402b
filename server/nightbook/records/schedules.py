"""Schedules: a spec and a trigger, active or paused, with an owner.

`next_fire_at` is null while a schedule is paused, broken, deleted or has no fire time left, so that one
plain index finds what is due. Every edit raises `version`, which is the ETag.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Index, String, cast, update
from sqlmodel import Field, Session, SQLModel, col, select

from nightbook.adapters.database import Json, UtcDateTime
from nightbook.core import triggers
from nightbook.core.clock import new_id
from nightbook.core.errors import Conflict, Invalid, NotFound, Stale
from nightbook.core.spec import Spec
from nightbook.records import events
from nightbook.records.access import Caller


class Schedule(SQLModel, table=True):
    __tablename__ = "schedules"
    __table_args__ = (Index("one_schedule_a_name", "live_name", unique=True),)

    id: UUID = Field(primary_key=True)
    name: str
    live_name: str | None  # the name, folded; null once deleted, so that it can be used again
    trigger: dict[str, Any] = Field(sa_type=Json)
    next_fire_at: datetime | None = Field(sa_type=UtcDateTime, index=True)
    start_at: datetime | None = Field(sa_type=UtcDateTime)
    end_at: datetime | None = Field(sa_type=UtcDateTime)
    catch_up: str
    overlap: str
    notebook_path: str = Field(index=True)
    notebook_sha256: str | None
    parameters: dict[str, Any] = Field(sa_type=Json)
    kernel: str | None
    pool: str = Field(foreign_key="pools.name")
    priority: int
    timeout_seconds: int
    cell_timeout_seconds: int | None
    retries: int
    retry_on_worker_loss: bool
    tags: list[str] = Field(sa_type=Json)
    owner: str = Field(index=True)
    description: str
    runbook_url: str | None
    paused_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    paused_by: str | None = None
    paused_reason: str | None = None
    broken_reason: str | None = None
    created_at: datetime = Field(sa_type=UtcDateTime)
    created_by: str
    updated_at: datetime = Field(sa_type=UtcDateTime)
    deleted_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    version: int = 1

    @property
    def spec(self) -> Spec:
        return Spec.of(self)

    @property
    def rule(self) -> triggers.Trigger:
        return triggers.parse(self.trigger)


def create(
    session: Session, spec: Spec, facts: Mapping[str, Any], *, caller: Caller, now: datetime, is_paused: bool
) -> Schedule:
    """Make a schedule. *facts* are the fields that are not part of the spec."""
    schedule = Schedule(
        id=new_id(),
        **spec.columns(),
        **{**facts, "owner": facts.get("owner") or caller.name},
        live_name=_folded(facts["name"]),
        next_fire_at=None,
        created_at=now,
        created_by=caller.name,
        updated_at=now,
    )
    _require_free_name(session, schedule)
    if is_paused:
        schedule.paused_at, schedule.paused_by = now, caller.name
    _settle_trigger(schedule, now)
    schedule.next_fire_at = next_fire_time(schedule, now)
    session.add(schedule)
    _record(session, "schedule.created", schedule, caller, now)
    session.flush()
    return schedule


def require(session: Session, schedule_id: UUID) -> Schedule:
    schedule = session.get(Schedule, schedule_id)
    if schedule is None or schedule.deleted_at is not None:
        raise NotFound("schedule_not_found", "There is no such schedule.")
    return schedule


def require_for_change(session: Session, schedule_id: UUID) -> Schedule:
    """The schedule, locked until the end of the transaction, so that no beat fires it in between."""
    wanted = select(Schedule).where(col(Schedule.id) == schedule_id).with_for_update()
    schedule = session.exec(wanted.execution_options(populate_existing=True)).first()
    if schedule is None or schedule.deleted_at is not None:
        raise NotFound("schedule_not_found", "There is no such schedule.")
    return schedule


def edit(
    session: Session,
    schedule: Schedule,
    spec: Spec,
    facts: Mapping[str, Any],
    *,
    caller: Caller,
    now: datetime,
) -> Schedule:
    """Change a schedule from this commit on: no past fire time is run again."""
    before = schedule.model_dump(mode="json", include=set(facts) | set(spec.columns()))
    schedule.sqlmodel_update({**spec.columns(), **facts})
    schedule.live_name = _folded(schedule.name)
    _require_free_name(session, schedule)
    schedule.broken_reason = None
    if "trigger" in facts or "start_at" in facts or "end_at" in facts:
        _settle_trigger(schedule, now)
    schedule.next_fire_at = next_fire_time(schedule, now)
    _touch(session, schedule, now)
    after = schedule.model_dump(mode="json", include=set(before))
    changed = sorted(key for key in before if before[key] != after[key])
    _record(session, "schedule.edited", schedule, caller, now, changed=changed)
    session.flush()
    return schedule


def require_version(schedule: Schedule, if_match: int | None) -> None:
    """Refuse an edit of something that has changed since it was read."""
    if if_match is not None and if_match != schedule.version:
        raise Stale("stale", "This schedule changed since you read it. Read it again and repeat your edit.")


def pause(
    session: Session, schedule: Schedule, *, reason: str | None, caller: Caller, now: datetime
) -> Schedule:
    if schedule.paused_at is not None:
        raise Conflict("already_paused", "This schedule is paused already.")
    schedule.paused_at, schedule.paused_by, schedule.paused_reason = now, caller.name, reason
    schedule.next_fire_at = None
    _touch(session, schedule, now)
    _record(session, "schedule.paused", schedule, caller, now, reason=reason)
    session.flush()
    return schedule


def resume(
    session: Session, schedule: Schedule, *, reason: str | None, caller: Caller, now: datetime
) -> datetime:
    """Let a schedule fire again. Return since when it was paused, for the ledger."""
    if schedule.paused_at is None:
        raise Conflict("not_paused", "This schedule is not paused.")
    since = schedule.paused_at
    schedule.paused_at = schedule.paused_by = schedule.paused_reason = None
    schedule.next_fire_at = next_fire_time(schedule, now)
    _touch(session, schedule, now)
    _record(session, "schedule.resumed", schedule, caller, now, reason=reason)
    session.flush()
    return since


def delete(session: Session, schedule: Schedule, *, caller: Caller, now: datetime) -> None:
    """Delete softly: it fires no more, its runs stay."""
    schedule.deleted_at, schedule.live_name, schedule.next_fire_at = now, None, None
    _touch(session, schedule, now)
    _record(session, "schedule.deleted", schedule, caller, now)
    session.flush()


def due(session: Session, now: datetime, *, limit: int = 200) -> Sequence[Schedule]:
    """The schedules whose fire time has come, the longest waiting first; locked where the database can."""
    wanted = (
        select(Schedule)
        .where(col(Schedule.next_fire_at) <= now)
        .order_by(col(Schedule.next_fire_at))
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return session.exec(wanted.execution_options(populate_existing=True)).all()


def is_any_due(session: Session, now: datetime) -> bool:
    return (
        session.exec(select(Schedule.id).where(col(Schedule.next_fire_at) <= now).limit(1)).first()
        is not None
    )


def advance(session: Session, schedule: Schedule, *, past: datetime) -> bool:
    """Move to the fire time after *past*. Return whether this caller was the one to do it."""
    # The update names the old value, so of two planners only one can win this moment.
    moved = session.execute(
        update(Schedule)
        .where(
            col(Schedule.id) == schedule.id,
            col(Schedule.next_fire_at) == schedule.next_fire_at,
            col(Schedule.version) == schedule.version,
        )
        .values(next_fire_at=next_fire_time(schedule, past))
        .execution_options(synchronize_session=False)
    )
    return bool(moved.rowcount)  # type: ignore[attr-defined]


def mark_broken(session: Session, schedule: Schedule, reason: str, now: datetime) -> None:
    """Stop a schedule that cannot fire, so that it stops no other; an edit mends it."""
    schedule.broken_reason, schedule.next_fire_at = reason, None
    _touch(session, schedule, now)
    events.record(
        session,
        "schedule.broken",
        caller="nightbook",
        about=("schedule", schedule.id),
        now=now,
        facts={"name": schedule.name, "reason": reason},
    )
    session.flush()


def next_fire_time(schedule: Schedule, after: datetime) -> datetime | None:
    """The first fire time later than *after* within the schedule's window; null while it does not fire."""
    if schedule.paused_at or schedule.deleted_at or schedule.broken_reason:
        return None
    return _first_fire_time(schedule, after)


def _first_fire_time(schedule: Schedule, after: datetime) -> datetime | None:
    moment = schedule.rule.next_after(window_begin(schedule, after))
    return None if moment and schedule.end_at and moment > schedule.end_at else moment


def window_begin(schedule: Schedule, after: datetime) -> datetime:
    """*after*, or the instant before start_at where that is later: a fire time at start_at itself counts."""
    return max(after, schedule.start_at - timedelta(microseconds=1)) if schedule.start_at else after


def moments_missed(
    schedule: Schedule, since: datetime, until: datetime, limit: int = 500
) -> Sequence[datetime]:
    """The fire times that a paused schedule would have had, for the ledger."""
    end = min(until, schedule.end_at) if schedule.end_at else until
    return triggers.moments_between(schedule.rule, window_begin(schedule, since), end, limit)


def page(
    session: Session, *, before: UUID | None, limit: int, filters: Mapping[str, str]
) -> Sequence[Schedule]:
    """Schedules, newest first. Filters: notebook, owner, tag, state, q, pool."""
    wanted = select(Schedule).where(col(Schedule.deleted_at).is_(None)).order_by(col(Schedule.id).desc())
    if before is not None:
        wanted = wanted.where(col(Schedule.id) < before)
    if value := filters.get("notebook"):
        wanted = wanted.where(col(Schedule.notebook_path) == value)
    if value := filters.get("owner"):
        wanted = wanted.where(col(Schedule.owner) == value)
    if value := filters.get("pool"):
        wanted = wanted.where(col(Schedule.pool) == value)
    if value := filters.get("tag"):
        wanted = wanted.where(cast(col(Schedule.tags), String).contains(f'"{value}"', autoescape=True))
    if value := filters.get("state"):
        is_paused = col(Schedule.paused_at).is_not(None)
        wanted = wanted.where(is_paused if value == "paused" else ~is_paused)
    if value := filters.get("q"):
        in_name = col(Schedule.name).icontains(value, autoescape=True)
        wanted = wanted.where(in_name | col(Schedule.notebook_path).icontains(value, autoescape=True))
    return session.exec(wanted.limit(limit)).all()


def next_due(session: Session, limit: int) -> Sequence[Schedule]:
    """The schedules that fire next."""
    wanted = (
        select(Schedule).where(col(Schedule.next_fire_at).is_not(None)).order_by(col(Schedule.next_fire_at))
    )
    return session.exec(wanted.limit(limit)).all()


def broken(session: Session, limit: int) -> Sequence[Schedule]:
    """Schedules that cannot fire until somebody edits them."""
    wanted = select(Schedule).where(
        col(Schedule.broken_reason).is_not(None), col(Schedule.deleted_at).is_(None)
    )
    return session.exec(wanted.limit(limit)).all()


def by_ids(session: Session, ids: Sequence[UUID]) -> Sequence[Schedule]:
    """Those of *ids* that still live."""
    wanted = select(Schedule).where(col(Schedule.id).in_(ids), col(Schedule.deleted_at).is_(None))
    return session.exec(wanted).all()


def count_by_state(session: Session) -> Mapping[str, int]:
    """How many schedules are active and paused, for the metrics."""
    live = select(Schedule.paused_at).where(col(Schedule.deleted_at).is_(None))
    paused = [moment is not None for moment in session.exec(live).all()]
    return {"active": paused.count(False), "paused": paused.count(True)}


def _settle_trigger(schedule: Schedule, now: datetime) -> None:
    """Give the trigger what it leaves open, and refuse one that never fires in its window."""
    settled = dict(schedule.trigger)
    if settled["kind"] == "interval" and settled.get("anchor") is None:
        settled["anchor"] = (schedule.start_at or now).isoformat().replace("+00:00", "Z")
    if "timezone" in settled:
        settled["timezone"] = getattr(triggers.parse(settled), "timezone", settled["timezone"])
    schedule.trigger = settled
    if settled["kind"] != "manual" and _first_fire_time(schedule, now) is None:
        field = "end_at" if schedule.end_at and schedule.rule.next_after(now) else "trigger"
        raise Invalid(
            "never_fires",
            "This trigger has no fire time from now on (within start_at and end_at).",
            field=field,
        )


def _folded(name: str) -> str:
    return name.casefold()


def _require_free_name(session: Session, schedule: Schedule) -> None:
    wanted = select(Schedule.id).where(
        col(Schedule.live_name) == schedule.live_name, col(Schedule.id) != schedule.id
    )
    with session.no_autoflush:
        taken = session.exec(wanted).first()
    if taken is not None:
        raise Conflict(
            "name_taken", "There is already a schedule of this name. Choose another name.", field="name"
        )


def _touch(session: Session, schedule: Schedule, now: datetime) -> None:
    schedule.version += 1
    schedule.updated_at = now
    session.add(schedule)


def _record(
    session: Session, kind: str, schedule: Schedule, caller: Caller, now: datetime, **facts: object
) -> None:
    facts = {"name": schedule.name, **{key: value for key, value in facts.items() if value is not None}}
    events.record(session, kind, caller=caller.name, about=("schedule", schedule.id), now=now, facts=facts)
