"""What a run left, as answers: the safe page, files, the journal's folds. Shared by several routers."""

import json
from collections.abc import Callable
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Query, Request, Response
from sqlmodel import Session

from nightbook.api.deps import House
from nightbook.api.headers import artifact_headers, safe_view_headers
from nightbook.api.notebooks import verified_bytes
from nightbook.api.ranges import ranged
from nightbook.core import journal, rendering
from nightbook.core.errors import NotFound
from nightbook.core.states import FINAL
from nightbook.records import artifacts, journals, notebooks, runs
from nightbook.records.artifacts import Artifact
from nightbook.records.runs import Attempt, Run

CodeShown = Annotated[Literal["shown", "hidden"], Query(description="Whether the code of the cells is shown")]


def artifact_answer(request: Request, session: Session, house: House, run: Run, name: str) -> Response:
    """The bytes of an artifact, checked against its hash before the first one leaves."""
    artifact = artifacts.require(session, run.id, name)
    house.store.verified(artifact.sha256)
    headers = artifact_headers(artifact.media_type, _filename(run, artifact), artifact.sha256)
    return ranged(request, artifact.size, lambda at: house.store.open_at(artifact.sha256, at), headers)


def _filename(run: Run, artifact: Artifact) -> str:
    return copy_filename(run, "ipynb") if artifact.role == "notebook" else artifact.name


def copy_filename(run: Run, ending: str) -> str:
    """What a file of the executed copy is called: by its notebook and the moment it is for."""
    stem = run.notebook_path.rsplit("/", 1)[-1].removesuffix(".ipynb")
    return f"{stem}-{(run.fire_at or run.created_at):%Y%m%dT%H%M}.{ending}"


def html_answer(session: Session, house: House, run: Run, code: str, banner: str | None = None) -> Response:
    """The executed copy as a safe page; of a run that goes on, what it has so far."""
    page = page_of(session, house, run, code, banner)
    return Response(page, headers=safe_view_headers(rendering.CSP))


def page_of(
    session: Session,
    house: House,
    run: Run,
    code: str,
    banner: str | None = None,
    *,
    render: Callable[..., str] = rendering.render_html,
) -> str:
    """The executed copy as a page, or as what *render* makes of it. Send it with `rendering.CSP`."""
    title = run.schedule_name or run.notebook_path
    return render(
        executed(session, house, run),
        title=title,
        show_code=code == "shown",
        banner=banner or _banner(run),
    )


def _banner(run: Run) -> str | None:
    if run.state not in FINAL:
        return "This run goes on; the page shows what it has so far."
    if run.state == "succeeded":
        return None
    reason = run.reason or run.failure_class or "no reason given"
    return f"This run {run.state.replace('_', ' ')}: {reason.rstrip('.')}."


def executed(session: Session, house: House, run: Run) -> dict[str, Any]:
    """The executed copy: as kept, or, while there is none, made from source and journal."""
    for artifact in artifacts.of_run(session, run.id):
        if artifact.role == "notebook":
            kept: dict[str, Any] = json.loads(verified_bytes(house.store, artifact.sha256))
            return kept
    return journal.executed_copy(
        source(session, house, run), records(session, house, run), ended=run.state in FINAL
    )


def source(session: Session, house: House, run: Run) -> dict[str, Any]:
    """The pinned version's notebook."""
    if run.notebook_sha256 is None:
        raise NotFound("no_version", "This fire time did not run, so no version was pinned.")
    version = notebooks.require_version(session, run.notebook_sha256)
    content: dict[str, Any] = json.loads(verified_bytes(house.store, version.content_sha256))
    return content


def last_attempt(session: Session, run_id: UUID) -> Attempt | None:
    """The run's newest attempt that told anything."""
    told = [attempt for attempt in runs.attempts_of(session, [run_id])[run_id] if attempt.journal_size]
    return told[-1] if told else None


def journal_bytes(
    session: Session, house: House, run: Run, *, start: int = 0, at_most: int | None = None
) -> bytes:
    """The newest attempt's journal from byte *start*: its pieces or, once they are gone, its artifact.

    With *at_most*, about as many bytes at a time, and whole lines of them.
    """
    attempt = last_attempt(session, run.id)
    if attempt is None or start >= attempt.journal_size:
        return b""
    raw = journals.read(session, attempt.id, start=start, at_most=at_most)
    if raw:
        return raw
    for artifact in artifacts.of_attempt(session, run.id, attempt.fence):
        if artifact.role == "journal":
            return verified_bytes(house.store, artifact.sha256)[start:]
    return b""


def records(session: Session, house: House, run: Run) -> list[dict[str, Any]]:
    return journal.parse(journal_bytes(session, house, run))
