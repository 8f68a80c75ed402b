"""From rows to what callers see."""

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session

from nightbook.core.errors import Invalid
from nightbook.core.states import FINAL
from nightbook.records import pools, runs
from nightbook.records.access import Token
from nightbook.records.artifacts import Artifact
from nightbook.records.events import Event
from nightbook.records.notebooks import Version
from nightbook.records.runs import Attempt, Recent, Run
from nightbook.records.schedules import Schedule
from nightbook.schemas import (
    ArtifactView,
    AttemptView,
    EventView,
    GlanceView,
    LastRunView,
    NotebookPin,
    OccurrenceView,
    RunView,
    ScheduleView,
    TokenView,
    VersionView,
)

#: How many runs of each schedule a list shows as bars.
_NEWEST_RUNS = 12


def run_view(run: Run, attempts: Sequence[Attempt] = (), *, waiting_for: str | None = None) -> RunView:
    return RunView.model_validate(
        {
            **run.model_dump(exclude={"failure_class", "kind", "created_by", "parameters"}),
            "class": run.failure_class,
            "notebook": NotebookPin(path=run.notebook_path, sha256=run.notebook_sha256),
            "parameters": run.parameters,
            "trigger": run.kind,
            "triggered_by": run.created_by,
            "cancelling_since": run.cancel_asked_at if run.state not in FINAL else None,
            "available_at": run.available_at if run.state == "queued" else None,
            "waiting_for": waiting_for,
            "attempts": [attempt_view(attempt) for attempt in attempts],
        }
    )


def attempt_view(attempt: Attempt) -> AttemptView:
    return AttemptView.model_validate(
        {**attempt.model_dump(), "class": attempt.failure_class, "worker": attempt.worker_name}
    )


def run_views(session: Session, found: Sequence[Run]) -> list[RunView]:
    attempts = runs.attempts_of(session, [run.id for run in found])
    return [run_view(run, attempts[run.id]) for run in found]


def one_run(session: Session, run: Run, now: datetime) -> RunView:
    """A run with its attempts and, while it waits, with what it waits for."""
    attempts = runs.attempts_of(session, [run.id])[run.id]
    return run_view(
        run, attempts, waiting_for=_waiting_for(session, run, now) if run.state == "queued" else None
    )


def _waiting_for(session: Session, run: Run, now: datetime) -> str | None:
    if run.available_at and run.available_at > now:
        return f"its next attempt at {run.available_at:%Y-%m-%d %H:%M:%S} UTC"
    pool = pools.require(session, run.pool)
    alive = pools.alive(session, pool, now)
    if not alive:
        return f"a worker: none is alive in the pool {run.pool}"
    if not any(run.kernel in worker.kernel_names for worker in alive):
        return f"a worker with the kernel {run.kernel}"
    running = runs.running_by(session, "pool").get(run.pool, 0)
    if pool.concurrency is not None and running >= pool.concurrency:
        return f"the pool {run.pool}, which runs at most {pool.concurrency} at a time"
    if (
        run.is_exclusive
        and run.schedule_id
        and any(other.state == "running" for other in runs.unfinished(session, run.schedule_id))
    ):
        return "the previous run of its schedule"
    if cap := _full_cap(session, run):
        return cap
    if running >= sum(worker.slots for worker in alive):
        return f"a free slot in the pool {run.pool}"
    return None


def _full_cap(session: Session, run: Run) -> str | None:
    full = runs.full_cap(session, run)
    if full is None:
        return None
    names = {
        "schedule_id": f"its schedule, which runs at most {run.schedule_limit} at a time",
        "concurrency_key": f"the key {run.concurrency_key}: at most {run.concurrency_per_key} at a time",
        "group_id": f"its group, which runs at most {run.group_limit} at a time",
    }
    return names[full]


def schedule_view(schedule: Schedule, newest: Sequence[Recent]) -> ScheduleView:
    shown = [LastRunView.model_validate(run, from_attributes=True) for run in newest]
    return ScheduleView.model_validate(
        {
            **schedule.model_dump(exclude={"trigger", "parameters"}),
            "trigger": schedule.trigger,
            "words": _words(schedule),
            "has_hook": schedule.hook_sha256 is not None,
            "notebook": NotebookPin(path=schedule.notebook_path, sha256=schedule.notebook_sha256),
            "follows_latest": schedule.notebook_sha256 is None,
            "parameters": schedule.parameters,
            "state": "paused" if schedule.paused_at else "active",
            "last_run": shown[0] if shown else None,
            "newest_runs": shown,
        }
    )


def _words(schedule: Schedule) -> str:
    try:
        return schedule.timetable.words()
    except Invalid:  # broken, and shown as that
        return schedule.broken_reason or "A trigger that cannot be read"


def glance_view(schedule: Schedule) -> GlanceView:
    return GlanceView.model_validate({**schedule.model_dump(), "words": _words(schedule)})


def schedule_views(session: Session, found: Sequence[Schedule]) -> list[ScheduleView]:
    newest = runs.newest_of_each(session, [schedule.id for schedule in found], _NEWEST_RUNS)
    return [schedule_view(schedule, newest[schedule.id]) for schedule in found]


def one_schedule(session: Session, schedule: Schedule) -> ScheduleView:
    return schedule_views(session, [schedule])[0]


def occurrence_views(session: Session, found: Sequence[Run]) -> list[OccurrenceView]:
    backfills = runs.backfills_of(session, found)
    return [_occurrence_view(run, backfills.get(run.fire_at) if run.fire_at else None) for run in found]


def _occurrence_view(run: Run, backfill: Run | None) -> OccurrenceView:
    return OccurrenceView.model_validate(
        {
            "fire_at": run.fire_at,
            "state": run.state,
            "run_id": run.id,
            "reason": run.reason,
            "backfill_run_id": backfill.id if backfill else None,
            "backfill_state": backfill.state if backfill else None,
        }
    )


def version_view(path: str, version: Version) -> VersionView:
    return VersionView.model_validate(
        {**version.model_dump(exclude={"files"}), "path": path, "files": sorted(version.files)}
    )


def artifact_view(artifact: Artifact) -> ArtifactView:
    return ArtifactView.model_validate(artifact.model_dump())


def event_view(event: Event) -> EventView:
    return EventView.model_validate(event.model_dump())


def token_view(token: Token, secret: str | None = None) -> TokenView:
    return TokenView.model_validate({**token.model_dump(), "token": secret})
