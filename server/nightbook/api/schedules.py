"""Routes of schedules."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import ValidationError
from sqlmodel import Session

from nightbook.api import paging, problems, views
from nightbook.api.deps import (
    PREFIX,
    IfMatch,
    Now,
    Reading,
    RunsTrigger,
    SchedulesReader,
    SchedulesWriter,
    Writing,
    answered_once,
    json_answer,
    ring_after_commit,
    version_of,
)
from nightbook.core.errors import Conflict, Invalid
from nightbook.records import firing, runs, schedules, specs
from nightbook.records.access import Caller
from nightbook.records.runs import Run
from nightbook.records.schedules import Schedule
from nightbook.schemas import (
    OccurrenceView,
    Page,
    PauseDraft,
    RunNowDraft,
    RunView,
    ScheduleDraft,
    SchedulePatch,
    ScheduleView,
)

router = APIRouter(prefix=f"{PREFIX}/schedules", tags=["schedules"])

#: The fields of a schedule draft that are not part of its spec.
_FACTS = (
    "name",
    "trigger",
    "start_at",
    "end_at",
    "max_runs",
    "jitter_seconds",
    "exclude_dates",
    "holidays",
    "on_excluded",
    "catch_up",
    "catch_up_limit",
    "overlap",
    "concurrency",
    "pause_after_failures",
    "tags",
    "owner",
    "description",
    "runbook_url",
)
_SPEC = (
    "notebook",
    "parameters",
    "kernel",
    "pool",
    "priority",
    "timeout_seconds",
    "cell_timeout_seconds",
    "retries",
    "retry_on",
    "retry_delay_seconds",
    "retry_on_worker_loss",
    "expire_after_seconds",
    "concurrency_key",
    "concurrency_per_key",
    "fork_kernel",
)
#: Fields that an edit may empty by sending null.
_MAY_BE_NULL = {
    "kernel",
    "cell_timeout_seconds",
    "expire_after_seconds",
    "concurrency_key",
    "start_at",
    "end_at",
    "max_runs",
    "holidays",
    "concurrency",
    "pause_after_failures",
    "runbook_url",
}


@router.post("", status_code=201, response_model=ScheduleView)
def create(
    request: Request, draft: ScheduleDraft, session: Writing, caller: SchedulesWriter, now: Now
) -> JSONResponse:
    """Make a schedule."""

    def act() -> ScheduleView:
        checked = specs.check(session, draft)
        facts = _facts(draft)
        schedule = schedules.create(
            session, checked.spec, facts, caller=caller, now=now, is_paused=draft.paused
        )
        return views.one_schedule(session, schedule)

    answer = answered_once(request, session, caller, draft, act, moment=now)
    answer.headers["ETag"] = '"1"'
    return answer


def _facts(draft: ScheduleDraft) -> dict[str, Any]:
    facts = {name: getattr(draft, name) for name in _FACTS}
    return {**facts, "trigger": draft.trigger.model_dump(mode="json")}


@router.get("")
def list_schedules(
    session: Reading,
    _caller: SchedulesReader,
    limit: paging.Limit = 50,
    cursor: paging.Cursor = None,
    sort: paging.ByCreation = "-created_at",
    state: Literal["active", "paused"] | None = None,
    notebook: Annotated[str | None, Query(max_length=1024)] = None,
    owner: Annotated[str | None, Query(max_length=200)] = None,
    tag: Annotated[str | None, Query(max_length=64)] = None,
    pool: Annotated[str | None, Query(max_length=63)] = None,
    q: Annotated[str | None, Query(max_length=200)] = None,
) -> Page[ScheduleView]:
    """Schedules, newest first, or with `sort=created_at` oldest first."""
    asked = {"state": state, "notebook": notebook, "owner": owner, "tag": tag, "pool": pool, "q": q}
    filters = {key: value for key, value in asked.items() if value}
    found = schedules.page(
        session,
        beyond=paging.decode_id(cursor),
        limit=limit + 1,
        filters=filters,
        oldest_first=sort == "created_at",
    )
    shown, last = paging.cut(found, limit)
    return Page(
        items=views.schedule_views(session, shown), next_cursor=paging.encode(str(last.id)) if last else None
    )


@router.get("/{schedule_id}", response_model=ScheduleView)
def show(schedule_id: UUID, session: Reading, _caller: SchedulesReader) -> JSONResponse:
    """One schedule, with the ETag that an edit sends back."""
    return _answer(session, schedules.require(session, schedule_id))


def _answer(session: Session, schedule: Schedule) -> JSONResponse:
    return json_answer(views.one_schedule(session, schedule), headers={"ETag": f'"{schedule.version}"'})


@router.patch("/{schedule_id}", response_model=ScheduleView)
def edit(
    schedule_id: UUID,
    patch: SchedulePatch,
    session: Writing,
    caller: SchedulesWriter,
    now: Now,
    if_match: IfMatch = None,
) -> JSONResponse:
    """Change the fields that are sent; it takes effect from now on."""
    schedule = _for_change(session, schedule_id, now, if_match)
    sent = patch.model_dump(mode="json", exclude_unset=True)
    for name in sent:
        if sent[name] is None and name not in _MAY_BE_NULL:
            raise Invalid("null_not_allowed", "This field cannot be emptied.", field=name)
    draft = _edited(schedule, sent)
    spec = specs.check(session, draft).spec if any(name in sent for name in _SPEC) else schedule.spec
    facts = {name: value for name, value in _facts(draft).items() if name in sent}
    schedules.edit(session, schedule, spec, facts, caller=caller, now=now)
    firing.learn(session, schedule)
    return _answer(session, schedule)


def _for_change(session: Session, schedule_id: UUID, now: datetime, if_match: str | None = None) -> Schedule:
    """The schedule, locked, with all that was due before the change fired as it was before it."""
    schedule = schedules.require_for_change(session, schedule_id)
    schedules.require_version(schedule, version_of(if_match))
    for run in firing.settle(session, schedule, now):
        ring_after_commit(session, run.pool, run.id)
    return schedule


def _edited(schedule: Schedule, sent: dict[str, Any]) -> ScheduleDraft:
    """The whole draft that the schedule would be made from after the edit."""
    try:
        return ScheduleDraft.model_validate({**_as_draft(schedule), **sent}, strict=False)
    except ValidationError as error:
        raise problems.invalid(error.errors()) from error


def _as_draft(schedule: Schedule) -> dict[str, Any]:
    known = schedule.model_dump(mode="json", include={*_FACTS, *_SPEC})
    return {**known, "notebook": schedule.notebook_sha256 or schedule.notebook_path}


@router.delete("/{schedule_id}", status_code=204)
def delete(
    schedule_id: UUID, session: Writing, caller: SchedulesWriter, now: Now, if_match: IfMatch = None
) -> Response:
    """Delete a schedule; its runs and their copies stay."""
    schedule = _for_change(session, schedule_id, now, if_match)
    schedules.delete(session, schedule, caller=caller, now=now)
    return Response(status_code=204)


@router.post("/{schedule_id}/pause", response_model=ScheduleView)
def pause(
    schedule_id: UUID, session: Writing, caller: SchedulesWriter, now: Now, draft: PauseDraft | None = None
) -> JSONResponse:
    """Stop firing, with a reason for those who wonder."""
    schedule = _for_change(session, schedule_id, now)
    schedules.pause(session, schedule, reason=draft.reason if draft else None, caller=caller, now=now)
    return _answer(session, schedule)


@router.post("/{schedule_id}/resume", response_model=ScheduleView)
def resume(
    schedule_id: UUID, session: Writing, caller: SchedulesWriter, now: Now, draft: PauseDraft | None = None
) -> JSONResponse:
    """Fire again. The fire times of the pause are written down as skipped."""
    schedule = _for_change(session, schedule_id, now)
    schedules.resume(session, schedule, reason=draft.reason if draft else None, caller=caller, now=now)
    return _answer(session, schedule)


@router.post("/{schedule_id}/run", status_code=201, response_model=RunView)
def run_now(
    schedule_id: UUID,
    request: Request,
    session: Writing,
    caller: RunsTrigger,
    now: Now,
    draft: RunNowDraft | None = None,
) -> JSONResponse:
    """Run a schedule now, with parameters laid over its own."""

    def act() -> RunView:
        run = _run_now(
            session, schedules.require_for_change(session, schedule_id), draft or RunNowDraft(), caller, now
        )
        ring_after_commit(session, run.pool, run.id)
        return views.one_run(session, run, now)

    return answered_once(request, session, caller, draft, act, moment=now, kept=True)


def _run_now(session: Session, schedule: Schedule, draft: RunNowDraft, caller: Caller, now: datetime) -> Run:
    may_overlap = draft.overlap == "allow"
    if not may_overlap and runs.unfinished(session, schedule.id):
        raise Conflict(
            "already_running", "A run of this schedule waits or runs. Send overlap: allow to run beside it."
        )
    spec = schedule.spec
    merged = specs.merged(spec, draft.parameters)
    return runs.create(
        session,
        specs.freeze(session, spec.pinned(spec.notebook_sha256, spec.kernel, merged)),
        kind="manual",
        owner=schedule.owner,
        created_by=caller.name,
        now=now,
        schedule_id=schedule.id,
        schedule_name=schedule.name,
        is_exclusive=not may_overlap,
        tags=schedule.tags,
        note=draft.note,
    )


@router.get("/{schedule_id}/occurrences")
def list_occurrences(
    schedule_id: UUID,
    session: Reading,
    _caller: SchedulesReader,
    limit: paging.Limit = 50,
    cursor: paging.Cursor = None,
) -> Page[OccurrenceView]:
    """The ledger: what became of every fire time, the newest first."""
    schedule = schedules.require(session, schedule_id)
    found = runs.occurrences(session, schedule.id, before=paging.decode_moment(cursor), limit=limit + 1)
    shown, last = paging.cut(found, limit)
    following = paging.encode(last.fire_at.isoformat()) if last and last.fire_at else None
    return Page(items=views.occurrence_views(session, shown), next_cursor=following)
