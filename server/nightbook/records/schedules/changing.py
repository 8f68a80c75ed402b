"""How a schedule is made, edited, paused, resumed and deleted.

Whoever calls these has settled what was due before (`firing.settle`): a change counts from its commit.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlmodel import Session, col, select

from nightbook.core import triggers
from nightbook.core.clock import new_id
from nightbook.core.errors import Conflict, Invalid, Stale
from nightbook.core.spec import Spec
from nightbook.core.states import RED
from nightbook.core.timetables import FIRST_MARGIN, is_finish_by
from nightbook.records import chains, events, gaps
from nightbook.records.access import Caller
from nightbook.records.schedules.due import learn_margin, settle
from nightbook.records.schedules.tables import TIMING, Schedule

TIMING_SET: Final = frozenset(TIMING)


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
    session.add(schedule)
    session.flush()
    _follow(session, schedule)
    _answer_for(session, schedule, now)
    _record(session, "schedule.created", schedule, caller, now)
    session.flush()
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
    if not TIMING_SET.isdisjoint(facts):
        _note_silence(session, schedule, now)
    schedule.sqlmodel_update({**spec.columns(), **facts})
    schedule.live_name = _folded(schedule.name)
    _require_free_name(session, schedule)
    schedule.broken_reason = None
    if not TIMING_SET.isdisjoint(facts):
        _settle_trigger(schedule, now)
    _follow(session, schedule)
    _answer_for(session, schedule, now)
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
    _answer_for(session, schedule, now)
    _touch(session, schedule, now)
    _record(session, "schedule.paused", schedule, caller, now, reason=reason)
    session.flush()
    return schedule


def resume(
    session: Session, schedule: Schedule, *, reason: str | None, caller: Caller, now: datetime
) -> Schedule:
    """Let a schedule fire again. The fire times of the pause go to the ledger as skipped."""
    if schedule.paused_at is None:
        raise Conflict("not_paused", "This schedule is not paused.")
    _note_silence(session, schedule, now)
    schedule.paused_at = schedule.paused_by = schedule.paused_reason = None
    schedule.failures_since = now  # those that led to the pause do not count again
    _answer_for(session, schedule, now)
    _touch(session, schedule, now)
    _record(session, "schedule.resumed", schedule, caller, now, reason=reason)
    session.flush()
    return schedule


def delete(session: Session, schedule: Schedule, *, caller: Caller, now: datetime) -> None:
    """Delete softly: it fires no more, its runs stay. Raises Conflict `followed` where others follow it."""
    if followers := chains.followers(session, schedule.id):
        names = session.exec(select(Schedule.name).where(col(Schedule.id).in_(followers)).limit(5)).all()
        raise Conflict(
            "followed", f"Others run after this schedule; edit or delete them first: {', '.join(names)}."
        )
    _note_silence(session, schedule, now)
    schedule.deleted_at, schedule.live_name = now, None
    _answer_for(session, schedule, now)
    chains.unlink(session, schedule.id)
    _touch(session, schedule, now)
    _record(session, "schedule.deleted", schedule, caller, now)
    session.flush()


# ---------------------------------------------------------------- what every change keeps true


def _answer_for(session: Session, schedule: Schedule, now: datetime) -> None:
    """From *now* on this version answers; the fire times up to now are in the ledger, or noted for it."""
    schedule.fired_until = max(now, schedule.fired_until) if schedule.fired_until else now
    if is_finish_by(schedule.trigger):
        margin = timedelta(seconds=schedule.margin_seconds) if schedule.margin_seconds else FIRST_MARGIN
        learn_margin(session, schedule, margin)
    settle(schedule, now)
    session.add(schedule)


def _note_silence(session: Session, schedule: Schedule, now: datetime) -> None:
    """Note for the ledger the fire times that a paused or broken schedule has let pass."""
    reason = "paused" if schedule.paused_at else "broken" if schedule.broken_reason else None
    since = schedule.fired_until or schedule.paused_at
    if reason is None or since is None or since >= now or schedule.is_used_up:
        return
    try:
        has_fired = schedule.timetable.between(since, now, limit=1)
    except Invalid:
        return  # a trigger that cannot be read has no fire times
    if has_fired:
        gaps.note(
            session, schedule.id, after=since, until=now, reason=reason, timetable=schedule.timetable_fields
        )
    schedule.fired_until = now


def _follow(session: Session, schedule: Schedule) -> None:
    """Follow the schedules that the trigger names, and the own runs where their endings matter."""
    rule = schedule.rule
    is_after = isinstance(rule, triggers.After)
    upstreams = [UUID(each) for each in rule.schedule_ids] if isinstance(rule, triggers.After) else []
    known = select(Schedule.id).where(col(Schedule.id).in_(upstreams), col(Schedule.deleted_at).is_(None))
    if len(session.exec(known).all()) < len(upstreams):
        raise Invalid(
            "unknown_schedule",
            "There is no such schedule to run after. GET /schedules lists those there are.",
            field="trigger.schedule_id",
        )
    states = rule.states if isinstance(rule, triggers.After) else ()
    if is_after or chains.is_linked(session, schedule.id, "after"):
        chains.link(session, schedule.id, upstreams, purpose="after", states=states)
    is_watched = schedule.pause_after_failures is not None or is_finish_by(schedule.trigger)
    if is_watched or chains.is_linked(session, schedule.id, "watch"):
        watched = [schedule.id] if is_watched else []
        chains.link(session, schedule.id, watched, purpose="watch", states=RED | {"succeeded"})


def _settle_trigger(schedule: Schedule, now: datetime) -> None:
    """Give the trigger what it leaves open, and refuse one that never fires in its window."""
    settled = dict(schedule.trigger)
    if settled["kind"] == "interval" and settled.get("anchor") is None:
        settled["anchor"] = (schedule.start_at or now).isoformat().replace("+00:00", "Z")
    if "timezone" in settled:
        settled["timezone"] = getattr(triggers.parse(settled), "timezone", settled["timezone"])
    schedule.trigger = settled
    timetable = schedule.timetable
    is_timed = settled["kind"] in {"cron", "interval", "once"}
    if not is_timed and schedule.on_excluded != "skip":
        raise Invalid(
            "nothing_to_roll",
            "Only cron, interval and once have fire times that can be moved: use skip.",
            field="on_excluded",
        )
    if is_timed and timetable.next_after(now) is None:
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
