"""Firing: what becomes of each fire time, whoever finds it: the beat, an edit, a hook, another run's end.

A fire time ends as one row of the ledger: a run, or skipped with a reason. All of it happens under the
lock of the schedule's row, in one transaction with the step to the next fire time.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, cast
from uuid import UUID

from sqlmodel import Session

from nightbook.adapters import metrics
from nightbook.core import policies
from nightbook.core.errors import Invalid
from nightbook.core.policies import CatchUp, Overlap, OverlapPolicy
from nightbook.core.timetables import LEARNED_FROM, Timetable, is_finish_by, margin_from
from nightbook.records import gaps, runs, schedules, specs
from nightbook.records.gaps import LedgerGap
from nightbook.records.runs import Run
from nightbook.records.schedules import Schedule

BY: Final = "nightbook"
#: Rows of a gap that are written where it is found; a longer one is left to the beat.
_AT_ONCE: Final = 50
_TICK: Final = timedelta(microseconds=1)


def fire_due(session: Session, schedule: Schedule, now: datetime) -> list[Run]:
    """Turn the due fire times of a locked schedule into rows. Return the runs that were queued."""
    return _fire_until(session, schedule, now - schedule.shift, now)


def settle(session: Session, schedule: Schedule, now: datetime) -> list[Run]:
    """Before a change: fire what is due by now, so that it holds under one version only."""
    until = max(now, now - schedule.shift)
    if schedule.next_fire_at is None or schedule.next_fire_at > until:
        return []
    return _fire_until(session, schedule, until, now)


def _fire_until(session: Session, schedule: Schedule, until: datetime, now: datetime) -> list[Run]:
    first, timetable = schedule.next_fire_at, schedule.timetable
    assert first is not None
    before = first - _TICK
    last = timetable.last(before, until) or first
    kept = _moments_to_run(schedule, timetable, before, last, now)
    if not schedules.advance(session, schedule, past=last):
        return []  # another planner was first
    queued: list[Run] = []
    for fire_at in kept:
        if schedule.is_used_up:
            return queued  # what follows the last run is no fire time
        run = _queue(session, schedule, fire_at, now)
        if run is not None:
            queued.append(run)
    if timetable.between(before, last, limit=len(kept) + 1) != kept:
        _note_missed(session, schedule, before, last, now)
    return queued


def _moments_to_run(
    schedule: Schedule, timetable: Timetable, before: datetime, last: datetime, now: datetime
) -> list[datetime]:
    """Those of the due fire times that are on time or that catch-up wants, and that no calendar excludes."""
    on_time = timetable.between(max(before, late_before(schedule, now) - _TICK), last)
    newest = timetable.newest(
        before, last, policies.caught_up(cast(CatchUp, schedule.catch_up), schedule.catch_up_limit)
    )
    return sorted({*newest, *(at for at in on_time if timetable.why_excluded(at) is None)})


def late_before(schedule: Schedule, now: datetime) -> datetime:
    """The oldest fire time that is on time at *now*."""
    # A finish-by run that has its whole margin or a part of it left is not late yet.
    return now if is_finish_by(schedule.trigger) else now - schedule.shift - policies.TOLERANCE


def _note_missed(
    session: Session, schedule: Schedule, after: datetime, until: datetime, now: datetime
) -> None:
    gap = gaps.note(
        session,
        schedule.id,
        after=after,
        until=until,
        reason="catch_up",
        timetable=schedule.timetable_fields,
    )
    fill(session, gap, schedule, now, limit=_AT_ONCE)


def fill(session: Session, gap: LedgerGap, schedule: Schedule, now: datetime, *, limit: int) -> int:
    """Write up to *limit* rows of a gap; the last of them ends it. Return how many fire times were passed."""
    timetable = Timetable.of(gap.timetable)
    moments = timetable.between(gap.after, gap.until, limit)
    reasons = {at: "excluded" if timetable.why_excluded(at) else gap.reason for at in moments}
    runs.create_many_skipped(session, schedule, reasons, now=now)
    if len(moments) < limit:
        session.delete(gap)
    else:
        gap.after = moments[-1]
        session.add(gap)
    session.flush()
    return len(moments)


# ---------------------------------------------------------------- one fire time


def fire_once(
    session: Session,
    schedule: Schedule,
    at: datetime,
    now: datetime,
    *,
    caused_by: UUID | None = None,
    parameters: Mapping[str, Any] | None = None,
    by: str = BY,
) -> Run | None:
    """A moment that no timetable knows (an event, the end of a run) makes a row. None: outside its window.

    *at* moves on by microseconds where another fire time has the same.
    """
    timetable = schedule.timetable
    if schedule.is_used_up or not _is_within(timetable, at):
        return None
    newest = runs.newest_fire_at(session, schedule.id)
    fire_at = max(at, newest + _TICK) if newest else at
    if reason := _why_not(schedule, timetable, fire_at):
        return runs.create_skipped(session, schedule, fire_at, reason, now=now, caused_by=caused_by)
    return _run_or_skip(
        session, schedule, fire_at, now, caused_by=caused_by, parameters=parameters or {}, by=by
    )


def _is_within(timetable: Timetable, at: datetime) -> bool:
    return not (
        (timetable.start_at and at < timetable.start_at) or (timetable.end_at and at > timetable.end_at)
    )


def _why_not(schedule: Schedule, timetable: Timetable, fire_at: datetime) -> str | None:
    if schedule.paused_at is not None:
        return "paused"
    if schedule.broken_reason is not None:
        return "broken"
    return "excluded" if timetable.why_excluded(fire_at) else None


def _queue(session: Session, schedule: Schedule, fire_at: datetime, now: datetime) -> Run | None:
    run = _run_or_skip(session, schedule, fire_at, now)
    return run if run.state == "queued" else None


def _run_or_skip(
    session: Session,
    schedule: Schedule,
    fire_at: datetime,
    now: datetime,
    *,
    caused_by: UUID | None = None,
    parameters: Mapping[str, Any] | None = None,
    by: str = BY,
) -> Run:
    open_runs = runs.unfinished(session, schedule.id)
    under_way = [run for run in open_runs if runs.is_under_way(run)]
    waiting = [run for run in open_runs if not runs.is_under_way(run)]
    at_once = schedule.concurrency or 1
    decision = policies.overlap(
        cast(OverlapPolicy, schedule.overlap), running=len(under_way), queued=len(waiting), at_once=at_once
    )
    if decision is Overlap.SKIP:
        return runs.create_skipped(session, schedule, fire_at, "overlap", now=now, caused_by=caused_by)
    if decision in {Overlap.REPLACE_QUEUED, Overlap.CANCEL_PREVIOUS}:
        _supersede(session, waiting, now)
    if decision is Overlap.CANCEL_PREVIOUS:
        for run in under_way[: max(0, len(under_way) - at_once + 1)]:
            _end_previous(session, run, now)
    return _create(session, schedule, fire_at, now, caused_by=caused_by, parameters=parameters or {}, by=by)


def _create(
    session: Session,
    schedule: Schedule,
    fire_at: datetime,
    now: datetime,
    *,
    caused_by: UUID | None,
    parameters: Mapping[str, Any],
    by: str,
) -> Run:
    spec, failure = schedule.spec, None
    if parameters:
        spec = spec.pinned(spec.notebook_sha256, spec.kernel, specs.merged(spec, parameters))
    try:
        spec = specs.freeze(session, spec)
    except Invalid as fault:
        if parameters:
            raise  # whoever sent them hears of it
        # The notebook moved on under a schedule that follows its latest version.
        failure = f"{fault.message} ({', '.join(e.field for e in fault.errors) or fault.code})"
    facts = facts_of_run(schedule, fire_at, by=by)
    facts["caused_by"] = caused_by
    if failure:
        facts |= {"state": "failed", "failure_class": "parameters", "reason": failure}
    run = runs.create(session, spec, now=now, **facts)
    schedules.count_run(session, schedule)
    observe_delay(schedule, fire_at, now)
    return run


def facts_of_run(schedule: Schedule, fire_at: datetime, *, by: str = BY) -> runs.Facts:
    """What a run has from the schedule whose fire time it is, beside its spec."""
    return {
        "kind": "scheduled",
        "owner": schedule.owner,
        "created_by": by,
        "schedule_id": schedule.id,
        "schedule_name": schedule.name,
        "fire_at": fire_at,
        "due_at": fire_at + schedule.shift,
        "is_exclusive": schedule.overlap != "allow" and (schedule.concurrency or 1) == 1,
        "schedule_limit": schedule.concurrency,
        "tags": schedule.tags,
    }


def observe_delay(schedule: Schedule, fire_at: datetime, now: datetime) -> None:
    metrics.FIRE_DELAY.observe(max(0.0, (now - fire_at - schedule.shift).total_seconds()))


def _supersede(session: Session, waiting: Sequence[Run], now: datetime) -> None:
    for run in waiting:
        runs.end_waiting(session, run, "skipped", "superseded", caller=BY, now=now)


def _end_previous(session: Session, run: Run, now: datetime) -> None:
    if run.state == "queued":  # it waits for a retry
        runs.end_waiting(session, run, "cancelled", "cancelled by the next fire time", caller=BY, now=now)
    else:
        runs.ask_cancel(session, run, by="the next fire time", now=now)


# ---------------------------------------------------------------- the margin of finish-by


def learn(session: Session, schedule: Schedule) -> None:
    """Let a finish-by schedule start as early as its past runs say."""
    if is_finish_by(schedule.trigger):
        durations = runs.durations(session, schedule.id, LEARNED_FROM)
        schedules.learn_margin(session, schedule, margin_from(durations))
