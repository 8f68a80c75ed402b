"""Stable links of a schedule for its readers: the newest result, and the newest good one."""

from typing import Literal
from uuid import UUID

from fastapi import APIRouter, Request, Response
from sqlmodel import Session

from nightbook.api import views
from nightbook.api.deps import PREFIX, ArtifactsReader, Now, Reading, RunsReader, TheHouse
from nightbook.api.results import CodeShown, artifact_answer, html_answer
from nightbook.core.errors import NotFound
from nightbook.records import runs, schedules
from nightbook.records.runs import Run
from nightbook.schemas import RunView

router = APIRouter(prefix=f"{PREFIX}/schedules", tags=["schedules"])


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
