"""Exports: the executed copy as a file for people who have no Jupyter.

All forms come from our own safe renderer, so what a notebook left runs in none of them. A PDF is made by
a browser of the server's, a few at a time; one that the server cannot make is refused with the reason.
"""

from collections.abc import Callable
from functools import partial
from hashlib import sha256
from io import BytesIO
from typing import Annotated, Final
from uuid import UUID

from anyio import to_thread
from fastapi import APIRouter, Path, Query, Request, Response

from nightbook.adapters.chromium import CannotPrintError
from nightbook.adapters.printing import TooMuchToPrintError
from nightbook.api import results
from nightbook.api.deps import PREFIX, AnyCaller, ArtifactsReader, House, TheHouse
from nightbook.api.headers import artifact_headers, safe_page_headers
from nightbook.api.ranges import ranged
from nightbook.core import rendering
from nightbook.core.errors import Conflict, NotOffered, TooLarge, Unavailable
from nightbook.core.states import FINAL
from nightbook.records import runs
from nightbook.records.runs import Run
from nightbook.schemas.exports import ExportFormat, ExportFormatList, ExportFormatView, Paper

router = APIRouter(prefix=PREFIX, tags=["runs"])

_PDF: Final = "application/pdf"
_HTML: Final = "text/html"
#: Who finds this many before him is asked to come again.
_MOST_WAITING: Final = 8
_RETRY_SECONDS: Final = 15

Form = Annotated[ExportFormat, Path(alias="format", description="What the copy is wanted as")]
PaperSize = Annotated[Paper, Query(description="The size of a PDF's pages")]


@router.get("/exports")
async def list_exports(_caller: AnyCaller, the_house: TheHouse) -> ExportFormatList:
    """The forms in which an executed copy may be taken, and why one of them may not."""
    reason = await to_thread.run_sync(_why_not_pdf, the_house, limiter=the_house.lanes.trials)
    return ExportFormatList(
        items=[
            ExportFormatView(format="ipynb", media_type="application/x-ipynb+json"),
            ExportFormatView(format="html", media_type=_HTML),
            ExportFormatView(format="slides", media_type=_HTML),
            ExportFormatView(format="pdf", media_type=_PDF, is_available=reason is None, reason=reason),
        ]
    )


def _why_not_pdf(the_house: House) -> str | None:
    try:
        the_house.printer.proven()
    except CannotPrintError as error:
        return f"{error}"
    return None


@router.get("/runs/{run_id}/export/{format}", response_class=Response)
async def export(
    run_id: UUID,
    form: Form,
    request: Request,
    _caller: ArtifactsReader,
    the_house: TheHouse,
    code: results.CodeShown = "shown",
    paper: PaperSize = "a4",
) -> Response:
    """The executed copy of a run that has ended, as a file. `code` is for all forms but `ipynb`."""
    if form == "pdf":
        page, filename = await to_thread.run_sync(_page_to_print, the_house, run_id, code)
        pdf = await _printed(the_house, page, paper)
        return _whole(request, pdf, partial(artifact_headers, _PDF, filename))
    return await to_thread.run_sync(_file, request, the_house, run_id, form, code)


def _file(request: Request, the_house: House, run_id: UUID, form: ExportFormat, code: str) -> Response:
    with the_house.reading() as session:
        run = _ended(runs.require(session, run_id))
        if form == "ipynb":
            return results.artifact_answer(request, session, the_house, run, "notebook.ipynb")
        render = rendering.render_slides if form == "slides" else rendering.render_html
        page = results.page_of(session, the_house, run, code, render=render)
    filename = results.copy_filename(run, "slides.html" if form == "slides" else "html")
    return _whole(request, page.encode(), partial(safe_page_headers, rendering.CSP, filename))


def _whole(request: Request, body: bytes, headers: Callable[[str], dict[str, str]]) -> Response:
    """*body* with its hash as the ETag, or the part of it that is asked for."""

    def open_at(offset: int) -> BytesIO:
        opened = BytesIO(body)
        opened.seek(offset)
        return opened

    return ranged(request, len(body), open_at, headers(sha256(body).hexdigest()))


def _ended(run: Run) -> Run:
    if run.state not in FINAL:
        words = "This run has not ended. Wait for its end, or see /notebook.html for what it has so far."
        raise Conflict("not_ended", words)
    return run


# ---------------------------------------------------------------- PDF


def _page_to_print(the_house: House, run_id: UUID, code: str) -> tuple[str, str]:
    # The session ends here: a print takes seconds, and must not keep a connection from others.
    with the_house.reading() as session:
        run = _ended(runs.require(session, run_id))
        return results.page_of(session, the_house, run, code), results.copy_filename(run, "pdf")


async def _printed(the_house: House, page: str, paper: Paper) -> bytes:
    lane = the_house.lanes.printers
    if lane.statistics().tasks_waiting >= _MOST_WAITING:
        words = "Many others are printing; try again in some seconds."
        raise Unavailable("export_busy", words, retry_after_seconds=_RETRY_SECONDS)
    return await to_thread.run_sync(_print, the_house, page, paper, limiter=lane)


def _print(the_house: House, page: str, paper: Paper) -> bytes:
    try:
        the_house.printer.proven()
    except CannotPrintError as error:
        raise NotOffered("export_unavailable", f"{error}") from error
    try:
        return the_house.printer.pdf(page, paper)
    except CannotPrintError as error:
        raise Unavailable("export_failed", f"{error}", retry_after_seconds=_RETRY_SECONDS) from error
    except TooMuchToPrintError as error:
        words = "This copy is too large to print, or takes too long. Take it as html, or hide its code."
        raise TooLarge("export_too_large", words) from error
