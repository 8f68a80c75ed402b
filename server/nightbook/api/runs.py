"""Routes of runs."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from sqlmodel import Session

from nightbook.api import paging, results, views
from nightbook.api.deps import (
    PREFIX,
    ArtifactsReader,
    Now,
    Reading,
    RunsCanceller,
    RunsReader,
    RunsTrigger,
    TheHouse,
    Writing,
    answered_once,
    ring_after_commit,
)
from nightbook.core import journal
from nightbook.core.errors import Conflict, NotFound
from nightbook.core.journal_log import log_text
from nightbook.core.states import FINAL, RunKind, RunState
from nightbook.records import artifacts, notebooks, runs, specs
from nightbook.records.access import Caller
from nightbook.records.runs import Run
from nightbook.schemas import (
    ArtifactList,
    CancelDraft,
    CellList,
    CellOutputsView,
    Instant,
    NoteDraft,
    Page,
    RerunDraft,
    RunDraft,
    RunView,
)

router = APIRouter(prefix=f"{PREFIX}/runs", tags=["runs"])

_LOG_BYTES = 50 * 1024 * 1024


@router.post("", status_code=201, response_model=RunView)
def create(
    request: Request, draft: RunDraft, session: Writing, caller: RunsTrigger, now: Now
) -> JSONResponse:
    """Run a notebook once, without a schedule."""

    def act() -> RunView:
        run = runs.create(
            session,
            specs.check(session, draft).pinned,
            kind="manual",
            owner=caller.name,
            created_by=caller.name,
            now=now,
            tags=draft.tags,
            note=draft.note,
        )
        return _made(session, run, now)

    return answered_once(request, session, caller, draft, act, moment=now, kept=True)


def _made(session: Session, run: Run, now: datetime) -> RunView:
    ring_after_commit(session, run.pool, run.id)
    return views.one_run(session, run, now)


@router.get("")
def list_runs(
    session: Reading,
    _caller: RunsReader,
    limit: paging.Limit = 50,
    cursor: paging.Cursor = None,
    sort: paging.ByCreation = "-created_at",
    state: Annotated[list[RunState] | None, Query(max_length=9)] = None,
    schedule_id: UUID | None = None,
    rerun_of: UUID | None = None,
    caused_by: UUID | None = None,
    group_id: UUID | None = None,
    notebook: Annotated[str | None, Query(max_length=1024)] = None,
    owner: Annotated[str | None, Query(max_length=200)] = None,
    tag: Annotated[str | None, Query(max_length=64)] = None,
    trigger: RunKind | None = None,
    pool: Annotated[str | None, Query(max_length=63)] = None,
    since: Instant | None = None,
    until: Instant | None = None,
    q: Annotated[str | None, Query(max_length=200)] = None,
) -> Page[RunView]:
    """Runs, newest first, or with `sort=created_at` oldest first. `state` may be given several times."""
    filters = {
        "state": state,
        "schedule_id": schedule_id,
        "rerun_of": rerun_of,
        "caused_by": caused_by,
        "group_id": group_id,
        "notebook": notebook,
        "owner": owner,
        "tag": tag,
        "trigger": trigger,
        "pool": pool,
        "since": since,
        "until": until,
        "q": q,
    }
    found = runs.page(
        session,
        beyond=paging.decode_id(cursor),
        limit=limit + 1,
        filters=filters,
        oldest_first=sort == "created_at",
    )
    shown, last = paging.cut(found, limit)
    return Page(
        items=views.run_views(session, shown), next_cursor=paging.encode(str(last.id)) if last else None
    )


@router.get("/{run_id}")
def show(run_id: UUID, session: Reading, _caller: RunsReader, now: Now) -> RunView:
    """One run, with its attempts and, while it waits, with what it waits for."""
    return views.one_run(session, runs.require(session, run_id), now)


@router.post("/{run_id}/rerun", status_code=201, response_model=RunView)
def rerun(
    run_id: UUID,
    request: Request,
    session: Writing,
    caller: RunsTrigger,
    now: Now,
    draft: RerunDraft | None = None,
) -> JSONResponse:
    """Run again, as a new run linked to this one: with its pins, or with the notebook's latest version."""
    return answered_once(
        request,
        session,
        caller,
        draft,
        lambda: _made(
            session, _rerun(session, runs.require(session, run_id), draft or RerunDraft(), caller, now), now
        ),
        moment=now,
        kept=True,
    )


def _rerun(session: Session, parent: Run, draft: RerunDraft, caller: Caller, now: datetime) -> Run:
    if parent.notebook_sha256 is None and draft.use == "original":
        raise Conflict("nothing_to_repeat", "This fire time did not run. Send use: latest to run it now.")
    sha256 = parent.notebook_sha256
    if draft.use == "latest":
        latest = notebooks.latest(session, parent.notebook_path)
        sha256 = latest.sha256 if latest else sha256
    merged = specs.merged(parent.spec, draft.parameters)
    return runs.create(
        session,
        specs.freeze(session, parent.spec.pinned(sha256, parent.kernel, merged)),
        kind="rerun",
        owner=parent.owner,
        created_by=caller.name,
        now=now,
        schedule_id=parent.schedule_id,
        schedule_name=parent.schedule_name,
        fire_at=parent.fire_at,
        rerun_of=parent.id,
        tags=parent.tags,
        note=draft.note,
    )


@router.post("/{run_id}/cancel")
def cancel(
    run_id: UUID, session: Writing, caller: RunsCanceller, now: Now, draft: CancelDraft | None = None
) -> RunView:
    """Ask a run to end: at once while it waits, within 25 seconds while it runs."""
    run = runs.require_for_change(session, run_id)
    runs.cancel(session, run, reason=draft.reason if draft else None, caller=caller, now=now)
    return views.one_run(session, run, now)


@router.post("/{run_id}/note")
def set_note(run_id: UUID, draft: NoteDraft, session: Writing, caller: RunsTrigger, now: Now) -> RunView:
    """Write a note on a run, for those who look at it later."""
    run = runs.require_for_change(session, run_id)
    run.note = draft.note
    session.add(run)
    runs.record(session, run, "run.noted", caller=caller.name, now=now)
    return views.one_run(session, run, now)


# ---------------------------------------------------------------- what it did


@router.get("/{run_id}/cells")
def cells(run_id: UUID, session: Reading, _caller: RunsReader, the_house: TheHouse) -> CellList:
    """The timeline: every cell of the executed copy, and how far it is."""
    run = runs.require(session, run_id)
    if run.notebook_sha256 is None:
        return CellList(items=[])
    told = journal.cells(
        results.records(session, the_house, run),
        results.source(session, the_house, run),
        ended=run.state in FINAL,
    )
    return CellList.model_validate({"items": told})


@router.get("/{run_id}/cells/{index}")
def cell_outputs(
    run_id: UUID,
    index: Annotated[int, Path(ge=0, le=100_000)],
    session: Reading,
    _caller: ArtifactsReader,
    the_house: TheHouse,
) -> CellOutputsView:
    """What one cell of the timeline printed and showed so far, as the notebook format says it."""
    run = runs.require(session, run_id)
    cells = journal.without_markers(results.executed(session, the_house, run))
    if index >= len(cells):
        raise NotFound("no_such_cell", f"This run has {len(cells)} cells; they are counted from 0.")
    return CellOutputsView(index=index, outputs=cells[index].get("outputs", []))


@router.get("/{run_id}/log", response_class=PlainTextResponse)
def log(run_id: UUID, session: Reading, _caller: RunsReader, the_house: TheHouse) -> PlainTextResponse:
    """What the notebook printed and what the platform noted, as text."""
    run = runs.require(session, run_id)
    text = log_text(results.records(session, the_house, run))
    return PlainTextResponse(text[:_LOG_BYTES])


@router.get("/{run_id}/artifacts")
def list_artifacts(run_id: UUID, session: Reading, _caller: RunsReader) -> ArtifactList:
    """What the run left; empty until an attempt has ended."""
    run = runs.require(session, run_id)
    return ArtifactList(
        items=[views.artifact_view(artifact) for artifact in artifacts.of_run(session, run.id)]
    )


@router.get("/{run_id}/artifacts/{name:path}", response_class=Response)
def download_artifact(
    run_id: UUID, name: str, request: Request, session: Reading, _caller: ArtifactsReader, the_house: TheHouse
) -> Response:
    """The bytes of an artifact; the ETag is their SHA-256, ranges are served."""
    return results.artifact_answer(request, session, the_house, runs.require(session, run_id), name)


@router.get("/{run_id}/manifest", response_class=Response)
def manifest(
    run_id: UUID, request: Request, session: Reading, _caller: ArtifactsReader, the_house: TheHouse
) -> Response:
    """The list of what the run was given and what it left, with hashes."""
    return results.artifact_answer(
        request, session, the_house, runs.require(session, run_id), "manifest.json"
    )


@router.get("/{run_id}/notebook", response_class=Response)
def executed_notebook(
    run_id: UUID, request: Request, session: Reading, _caller: ArtifactsReader, the_house: TheHouse
) -> Response:
    """The executed copy, as a file."""
    run = runs.require(session, run_id)
    if run.state not in FINAL:
        raise NotFound(
            "not_ended", "The executed copy is there when the run has ended; see /cells and /live until then."
        )
    return results.artifact_answer(request, session, the_house, run, "notebook.ipynb")


@router.get("/{run_id}/notebook.html", response_class=Response)
def executed_html(
    run_id: UUID,
    session: Reading,
    _caller: ArtifactsReader,
    the_house: TheHouse,
    code: results.CodeShown = "shown",
) -> Response:
    """The executed copy as a safe page: no script, no outside request."""
    return results.html_answer(session, the_house, runs.require(session, run_id), code)
