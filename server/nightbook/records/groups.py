"""Groups: the runs that one request makes, as a backfill of past fire times or a sweep over parameters.

The runs of a group wait for each other under the group's own cap, never expire, and stand in nobody's way.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import product
from typing import Any, Final, Literal
from uuid import UUID

from sqlmodel import Session

from nightbook.core import triggers
from nightbook.core.clock import new_id
from nightbook.core.errors import Invalid
from nightbook.core.spec import Spec
from nightbook.core.states import RED
from nightbook.core.timetables import Timetable
from nightbook.records import events, runs, specs
from nightbook.records.access import Caller
from nightbook.records.runs import Group, Run
from nightbook.records.schedules import Schedule

Redo = Literal["missing", "failed", "all"]

#: Runs that one request may make.
LARGEST: Final = 1000
_TICK: Final = timedelta(microseconds=1)
_NEVER_RAN: Final = frozenset({"skipped", "expired"})


@dataclass(frozen=True)
class Planned:
    """A fire time to run again, and the run that it had; None where it never had one."""

    fire_at: datetime
    earlier: Run | None


def plan(
    session: Session, schedule: Schedule, *, since: datetime, until: datetime, redo: Redo
) -> list[Planned]:
    """The fire times of a range that *redo* asks for, by the trigger as it is now.

    The range may lie before the schedule's start. Raises Invalid where it reaches into the future, holds too
    many, or the trigger has no fire times of its own.
    """
    rule = schedule.rule
    if isinstance(rule, triggers.After | triggers.Event | triggers.Manual):
        raise Invalid(
            "no_fire_times",
            "Only cron, interval and once have fire times to fill in. Re-run single runs instead.",
            field="since",
        )
    timetable = Timetable.of({**schedule.timetable_fields, "start_at": None, "end_at": None})
    moments = timetable.between(since - _TICK, until, limit=LARGEST + 1)
    if len(moments) > LARGEST:
        raise Invalid(
            "too_many", f"A backfill makes at most {LARGEST} runs: choose a shorter range.", field="until"
        )
    rows: dict[datetime | None, Run] = {}
    for row in runs.fire_time_rows(session, schedule.id, moments):
        # The newest row that ran says how a fire time went; one that never ran says so only if no other did.
        if row.state not in _NEVER_RAN or row.fire_at not in rows:
            rows[row.fire_at] = row
    due = [Planned(at, rows.get(at)) for at in moments if timetable.why_excluded(at) is None]
    return [each for each in due if _is_wanted(each.earlier, redo)]


def _is_wanted(earlier: Run | None, redo: Redo) -> bool:
    if earlier is None or earlier.state in _NEVER_RAN:
        return redo != "failed"
    if redo == "failed":
        return earlier.state in RED
    return redo == "all" and earlier.state not in {"queued", "running"}


def fill(
    session: Session,
    schedule: Schedule,
    planned: Sequence[Planned],
    *,
    parameters: Mapping[str, Any],
    priority: int,
    concurrency: int,
    note: str | None,
    caller: Caller,
    now: datetime,
) -> tuple[UUID, list[Run]]:
    """Make a run for each fire time, with the schedule's spec of now. Return the group and its runs."""
    group = Group(new_id(), concurrency)
    spec = schedule.spec
    pinned = specs.freeze(
        session, spec.pinned(spec.notebook_sha256, spec.kernel, specs.merged(spec, parameters))
    )
    made = []
    for each in planned:
        ran = each.earlier is not None and each.earlier.state not in _NEVER_RAN
        made.append(
            runs.create(
                session,
                pinned.at_priority(priority),
                kind="rerun" if ran else "backfill",
                owner=schedule.owner,
                created_by=caller.name,
                now=now,
                schedule_id=schedule.id,
                schedule_name=schedule.name,
                fire_at=each.fire_at,
                rerun_of=each.earlier.id if each.earlier is not None and ran else None,
                group=group,
                tags=schedule.tags,
                note=note,
            )
        )
    facts = {"name": schedule.name, "group_id": str(group.id), "runs": len(made)}
    about = ("schedule", schedule.id)
    events.record(session, "schedule.backfilled", caller=caller.name, about=about, now=now, facts=facts)
    return group.id, made


# ---------------------------------------------------------------- sweeps


def combinations(grid: Mapping[str, Sequence[Any]], fixed: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Each combination of the grid's values, the last name changing fastest. Raises Invalid."""
    both = sorted(set(grid) & set(fixed))
    if both:
        raise Invalid("in_both", f"{both[0]} is in grid and in parameters: leave it in one.", field="grid")
    count = 1
    for values in grid.values():
        count *= len(values)
    if count > LARGEST:
        raise Invalid("too_many", f"A grid has at most {LARGEST} combinations.", field="grid")
    return [dict(zip(grid, values, strict=True)) for values in product(*grid.values())]


def sweep(
    session: Session,
    checked: Sequence[Spec],
    *,
    concurrency: int | None,
    tags: Sequence[str],
    note: str | None,
    caller: Caller,
    now: datetime,
) -> tuple[UUID, list[Run]]:
    """Make a run of each spec, all in one group."""
    group = Group(new_id(), concurrency)
    made = [
        runs.create(
            session,
            spec,
            kind="manual",
            owner=caller.name,
            created_by=caller.name,
            now=now,
            group=group,
            tags=tags,
            note=note,
        )
        for spec in checked
    ]
    return group.id, made
