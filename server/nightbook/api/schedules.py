"""Routes of schedules."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import ValidationError
from sqlmodel import Session

from nightbook.api import paging, problems, views
from nightbook.api.deps import (
    ArtifactsReader,
    Now,
    Reading,
    RunsReader,
    RunsTrigger,
    SchedulesReader,
    SchedulesWriter,
    TheHouse,
    Writing,
    answered_once,
    json_answer,
    ring_after_commit,
)
from nightbook.api.results import CodeShown, artifact_answer, html_answer
from nightbook.core import triggers
from nightbook.core.errors import Conflict, Invalid, NotFound
from nightbook.records import runs, schedules, specs
from nightbook.records.access import Caller
from nightbook.records.runs import Run
from nightbook.records.schedules import Schedule
from nightbook.schemas import (
    FireTimeView,
    OccurrenceView,
    Page,
    PauseDraft,
    PreviewDraft,
    PreviewView,
    RunNowDraft,
    RunView,
    ScheduleDraft,
    SchedulePatch,
    ScheduleView,
)

router = APIRouter(prefix="/schedules", tags=["schedules"])

#: The fields of a schedule draft that are not part of its spec.
_FACTS = (
    "name",
    "trigger",
    "start_at",
    "end_at",
    "catch_up",
    "overlap",
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
    "retry_on_worker_loss",
)
#: Fields that an edit may empty by sending null.
_MAY_BE_NULL = {"kernel", "cell_timeout_seconds", "start_at", "end_at", "runbook_url"}
_IF_MATCH = Annotated[str | None, Header(max_length=200)]
PREVIEW_SHORT = 5


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
    sort: paging.NewestFirst = "-created_at",  # noqa: ARG001 - the one order there is; another is refused
    state: Literal["active", "paused"] | None = None,
    notebook: Annotated[str | None, Query(max_length=1024)] = None,
    owner: Annotated[str | None, Query(max_length=200)] = None,
    tag: Annotated[str | None, Query(max_length=64)] = None,
    pool: Annotated[str | None, Query(max_length=63)] = None,
    q: Annotated[str | None, Query(max_length=200)] = None,
) -> Page[ScheduleView]:
    """Schedules, newest first."""
    asked = {"state": state, "notebook": notebook, "owner": owner, "tag": tag, "pool": pool, "q": q}
    filters = {key: value for key, value in asked.items() if value}
    found = schedules.page(session, before=paging.decode_id(cursor), limit=limit + 1, filters=filters)
    shown, last = paging.cut(found, limit)
    return Page(
        items=views.schedule_views(session, shown), next_cursor=paging.encode(str(last.id)) if last else None
    )


@router.post("/preview")
def preview(draft: PreviewDraft, _caller: SchedulesReader, now: Now) -> PreviewView:
    """The next fire times of a trigger that need not be saved, and the trigger in words."""
    return _preview(draft.trigger.rule(), draft.from_ or now, draft.count)


def _preview(
    rule: triggers.Trigger, after: datetime, count: int, until: datetime | None = None
) -> PreviewView:
    found = triggers.fire_times(rule, after, count, until)
    return PreviewView(
        words=rule.words(), fire_times=[FireTimeView(at=f.at, local=f.local, note=f.note) for f in found]
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
    if_match: _IF_MATCH = None,
) -> JSONResponse:
    """Change the fields that are sent; it takes effect from now on."""
    schedule = schedules.require_for_change(session, schedule_id)
    schedules.require_version(schedule, _version_of(if_match))
    sent = patch.model_dump(mode="json", exclude_unset=True)
    for name in sent:
        if sent[name] is None and name not in _MAY_BE_NULL:
            raise Invalid("null_not_allowed", "This field cannot be emptied.", field=name)
    draft = _edited(schedule, sent)
    spec = specs.check(session, draft).spec if any(name in sent for name in _SPEC) else schedule.spec
    facts = {name: value for name, value in _facts(draft).items() if name in sent}
    schedules.edit(session, schedule, spec, facts, caller=caller, now=now)
    return _answer(session, schedule)


def _edited(schedule: Schedule, sent: dict[str, Any]) -> ScheduleDraft:
    """The whole draft that the schedule would be made from after the edit."""
    try:
        return ScheduleDraft.model_validate({**_as_draft(schedule), **sent}, strict=False)
    except ValidationError as error:
        raise problems.invalid(error.errors()) from error


def _as_draft(schedule: Schedule) -> dict[str, Any]:
    known = schedule.model_dump(mode="json", include={*_FACTS, *_SPEC})
    return {**known, "notebook": schedule.notebook_sha256 or schedule.notebook_path}


def _version_of(if_match: str | None) -> int | None:
    if if_match is None or if_match == "*":
        return None
    tag = if_match.removeprefix("W/").strip('"')
    return int(tag) if tag.isdecimal() and len(tag) < 10 else -1


@router.delete("/{schedule_id}", status_code=204)
def delete(
    schedule_id: UUID, session: Writing, caller: SchedulesWriter, now: Now, if_match: _IF_MATCH = None
) -> Response:
    """Delete a schedule; its runs and their copies stay."""
    schedule = schedules.require_for_change(session, schedule_id)
    schedules.require_version(schedule, _version_of(if_match))
    schedules.delete(session, schedule, caller=caller, now=now)
    return Response(status_code=204)


@router.post("/{schedule_id}/pause", response_model=ScheduleView)
def pause(
    schedule_id: UUID, session: Writing, caller: SchedulesWriter, now: Now, draft: PauseDraft | None = None
) -> JSONResponse:
    """Stop firing, with a reason for those who wonder."""
    schedule = schedules.require_for_change(session, schedule_id)
    schedules.pause(session, schedule, reason=draft.reason if draft else None, caller=caller, now=now)
    return _answer(session, schedule)


@router.post("/{schedule_id}/resume", response_model=ScheduleView)
def resume(
    schedule_id: UUID, session: Writing, caller: SchedulesWriter, now: Now, draft: PauseDraft | None = None
) -> JSONResponse:
    """Fire again. The fire times of the pause are written down as skipped."""
    schedule = schedules.require_for_change(session, schedule_id)
    since = schedules.resume(
        session, schedule, reason=draft.reason if draft else None, caller=caller, now=now
    )
    for fire_at in schedules.moments_missed(schedule, since, now):
        runs.create_skipped(session, schedule, fire_at, "paused", now=now)
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


class _SavedPreviewDraft(PreviewDraft):
    trigger: None = None  # type: ignore[assignment]


@router.post("/{schedule_id}/preview")
def preview_saved(
    schedule_id: UUID,
    session: Reading,
    _caller: SchedulesReader,
    now: Now,
    draft: _SavedPreviewDraft | None = None,
) -> PreviewView:
    """The next fire times of a saved schedule, within its start_at and end_at."""
    schedule = schedules.require(session, schedule_id)
    asked = draft or _SavedPreviewDraft()
    after = schedules.window_begin(schedule, asked.from_ or now)
    return _preview(schedule.rule, after, asked.count, schedule.end_at)


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
    return Page(items=[views.occurrence_view(run) for run in shown], next_cursor=following)


# ---------------------------------------------------------------- stable links for readers


@router.get("/{schedule_id}/latest")
def latest(schedule_id: UUID, session: Reading, _caller: RunsReader, now: Now) -> RunView:
    """The newest run that ended."""
    return views.one_run(session, _latest(session, schedule_id, successful=False), now)


@router.get("/{schedule_id}/latest-successful")
def latest_successful(schedule_id: UUID, session: Reading, _caller: RunsReader, now: Now) -> RunView:
    """The newest run that succeeded."""
    return views.one_run(session, _latest(session, schedule_id, successful=True), now)


def _latest(session: Session, schedule_id: UUID, *, successful: bool) -> Run:
    run = runs.latest(session, schedules.require(session, schedule_id).id, successful=successful)
    if run is None:
        word = "succeeded" if successful else "ended"
        raise NotFound("no_run_yet", f"No run of this schedule has {word} yet.")
    return run


@router.get("/{schedule_id}/{which}/notebook.html", response_class=Response)
def latest_html(
    schedule_id: UUID,
    which: Literal["latest", "latest-successful"],
    session: Reading,
    _caller: ArtifactsReader,
    the_house: TheHouse,
    code: CodeShown = "hidden",
) -> Response:
    """The newest result as a safe page; says so where a later run did not succeed."""
    run = _latest(session, schedule_id, successful=which == "latest-successful")
    newest = _latest(session, schedule_id, successful=False)
    banner = None
    if newest.id != run.id:
        fire_at = run.fire_at or run.created_at
        ending = newest.state.replace("_", " ")
        banner = f"The newest run {ending}. This result is from {fire_at:%Y-%m-%d %H:%M} UTC."
    return html_answer(session, the_house, run, code, banner)


@router.get("/{schedule_id}/{which}/artifacts/{name:path}", response_class=Response)
def latest_artifact(
    schedule_id: UUID,
    which: Literal["latest", "latest-successful"],
    name: str,
    request: Request,
    session: Reading,
    _caller: ArtifactsReader,
    the_house: TheHouse,
) -> Response:
    """A file of the newest result, under a link that stays."""
    run = _latest(session, schedule_id, successful=which == "latest-successful")
    return artifact_answer(request, session, the_house, run, name)
