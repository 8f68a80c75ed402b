"""Routes that make many runs by one request: backfills of a schedule, sweeps over a grid of parameters."""

from datetime import datetime
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from sqlmodel import Session

from nightbook.api.deps import (
    PREFIX,
    Now,
    RunsCanceller,
    RunsTrigger,
    Writing,
    answered_once,
    ring_after_commit,
)
from nightbook.core.errors import Invalid, NotFound
from nightbook.core.states import FINAL
from nightbook.records import groups, runs, schedules, specs
from nightbook.records.access import Caller
from nightbook.records.runs import Run
from nightbook.schemas import BackfillDraft, BackfillView, CancelDraft, GroupView, SweepDraft

router = APIRouter(prefix=PREFIX, tags=["runs"])


@router.post("/schedules/{schedule_id}/backfill", status_code=201, response_model=BackfillView)
def backfill(
    schedule_id: UUID,
    draft: BackfillDraft,
    request: Request,
    session: Writing,
    caller: RunsTrigger,
    now: Now,
) -> JSONResponse:
    """Run past fire times, with the schedule's spec of now; `dry_run` says which, and makes nothing."""

    def act() -> BackfillView:
        return _backfill(session, schedule_id, draft, caller, now)

    return answered_once(request, session, caller, draft, act, moment=now, kept=True)


def _backfill(
    session: Session, schedule_id: UUID, draft: BackfillDraft, caller: Caller, now: datetime
) -> BackfillView:
    if draft.until > now:
        raise Invalid(
            "in_the_future", "A backfill is about the past: until is now at the latest.", field="until"
        )
    schedule = schedules.require_for_change(session, schedule_id)
    planned = groups.plan(session, schedule, since=draft.since, until=draft.until, redo=draft.redo)
    times = [each.fire_at for each in planned]
    if draft.dry_run or not planned:
        return BackfillView(dry_run=draft.dry_run, count=len(planned), fire_times=times)
    group_id, made = groups.fill(
        session,
        schedule,
        planned,
        parameters=draft.parameters,
        priority=draft.priority,
        concurrency=draft.concurrency,
        note=draft.note,
        caller=caller,
        now=now,
    )
    ring_after_commit(session, made[0].pool, made[0].id)
    return BackfillView(
        dry_run=False, group_id=group_id, count=len(made), fire_times=times, runs=[run.id for run in made]
    )


@router.post("/runs/sweep", status_code=201, response_model=GroupView)
def sweep(
    draft: SweepDraft, request: Request, session: Writing, caller: RunsTrigger, now: Now
) -> JSONResponse:
    """Run a notebook once for each combination of the grid's values, all in one group."""

    def act() -> GroupView:
        grid = groups.combinations(draft.grid, draft.parameters)
        checked = [
            specs.check(session, draft.model_copy(update={"parameters": {**draft.parameters, **values}}))
            for values in grid
        ]
        group_id, made = groups.sweep(
            session,
            [each.pinned for each in checked],
            concurrency=draft.concurrency,
            tags=draft.tags,
            note=draft.note,
            caller=caller,
            now=now,
        )
        for run in made[:10]:
            ring_after_commit(session, run.pool, run.id)
        return _view(group_id, made)

    return answered_once(request, session, caller, draft, act, moment=now, kept=True)


@router.post("/groups/{group_id}/cancel")
def cancel_group(
    group_id: UUID, session: Writing, caller: RunsCanceller, now: Now, draft: CancelDraft | None = None
) -> GroupView:
    """End a backfill or a sweep: what waits ends at once, what runs within 25 seconds. Answers with those."""
    found = runs.of_group(session, group_id)
    if not found:
        raise NotFound("group_not_found", "There is no such group of runs.")
    open_runs = [run for run in found if run.state not in FINAL]
    for run in open_runs:
        runs.cancel(session, run, reason=draft.reason if draft else None, caller=caller, now=now)
    return _view(group_id, open_runs)


def _view(group_id: UUID, made: list[Run]) -> GroupView:
    return GroupView(group_id=group_id, count=len(made), runs=[run.id for run in made])
