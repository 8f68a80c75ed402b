"""Routes of notebooks and their versions."""

import base64
import binascii
import hashlib
import json
from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse

from nightbook.adapters.storage import ArtifactStore
from nightbook.api import paging, views
from nightbook.api.deps import (
    PREFIX,
    Now,
    Reading,
    SchedulesReader,
    SchedulesWriter,
    TheHouse,
    Writing,
    answered_once,
)
from nightbook.api.headers import artifact_headers
from nightbook.api.ranges import ranged
from nightbook.core import notebooks as checked_notebooks
from nightbook.core import parameters, preflight
from nightbook.core.errors import Invalid, NotFound, TooLarge
from nightbook.core.notebooks import Notebook
from nightbook.records import notebooks, pools
from nightbook.records.access import Caller
from nightbook.records.notebooks import Version
from nightbook.schemas import (
    FindingList,
    NotebookUpload,
    NotebookView,
    Page,
    ParameterList,
    PoolName,
    SiblingFile,
    VersionView,
)

router = APIRouter(prefix=PREFIX, tags=["notebooks"])

MAX_NOTEBOOK_BYTES = 20 * 1024 * 1024
MAX_FILES_BYTES = 10 * 1024 * 1024
NOTEBOOK_TYPE = "application/x-ipynb+json"


@router.post("/notebooks", status_code=201, response_model=VersionView)
def upload(
    request: Request,
    draft: NotebookUpload,
    session: Writing,
    caller: SchedulesWriter,
    the_house: TheHouse,
    now: Now,
) -> JSONResponse:
    """Upload a notebook as saved. The same content gives the same version again."""

    def act() -> VersionView:
        version = _version(the_house.store, draft, caller, now)
        kept, _ = notebooks.upload(session, version, path=draft.path, caller=caller, now=now)
        return views.version_view(draft.path, kept)

    return answered_once(request, session, caller, draft, act, moment=now)


def _version(store: ArtifactStore, draft: NotebookUpload, caller: Caller, now: Now) -> Version:
    notebook = checked_notebooks.read(draft.content)
    body = checked_notebooks.canonical_bytes(notebook)
    if len(body) > MAX_NOTEBOOK_BYTES:
        raise TooLarge(
            "notebook_too_large", "A notebook may have at most 20 MiB without its outputs.", field="content"
        )
    content_sha256 = store.put([body], limit=MAX_NOTEBOOK_BYTES).sha256
    bodies = file_bodies(draft.files)
    files = {path: store.put([body], limit=MAX_FILES_BYTES).sha256 for path, body in bodies.items()}
    declared = parameters.declared(notebook)
    findings = preflight.findings(notebook, kernels=None, files=set(files))
    return Version(
        sha256=checked_notebooks.version_sha256(content_sha256, files),
        content_sha256=content_sha256,
        size=len(body),
        kernel=notebook.kernel,
        language=notebook.language,
        parameters=[asdict(one) for one in declared.parameters],
        has_parameters_cell=declared.has_cell,
        files=files,
        findings=[asdict(finding) for finding in findings],
        git=draft.git.model_dump() if draft.git else None,
        created_at=now,
        created_by=caller.name,
    )


def file_bodies(files: list[SiblingFile]) -> dict[str, bytes]:
    """The bytes of sibling files by their paths. Raises Invalid or TooLarge on field `files`."""
    kept: dict[str, bytes] = {}
    total = 0
    for index, file in enumerate(files):
        if file.path.casefold() in {path.casefold() for path in kept}:
            raise Invalid("duplicate", "Two files have the same path.", field=f"files.{index}.path")
        if any(_is_inside(path, file.path) or _is_inside(file.path, path) for path in kept):
            words = "One path is a file and a folder at once."
            raise Invalid("file_and_folder", words, field=f"files.{index}.path")
        try:
            body = base64.b64decode(file.base64, validate=True)
        except (binascii.Error, ValueError) as error:
            raise Invalid("not_base64", "Must be base64.", field=f"files.{index}.base64") from error
        total += len(body)
        if total > MAX_FILES_BYTES:
            raise TooLarge(
                "files_too_large", "Sibling files may have at most 10 MiB together.", field="files"
            )
        kept[file.path] = body
    return kept


def _is_inside(path: str, folder: str) -> bool:
    return path.casefold().startswith(f"{folder.casefold()}/")


@router.get("/notebooks")
def list_notebooks(
    session: Reading,
    _caller: SchedulesReader,
    limit: paging.Limit = 50,
    cursor: paging.Cursor = None,
    q: Annotated[str | None, Query(max_length=200)] = None,
) -> Page[NotebookView]:
    """The paths that have a version, in their order."""
    found = notebooks.page(session, after=paging.decode(cursor), limit=limit + 1, q=q)
    shown, last = paging.cut(found, limit)
    return Page(
        items=[
            NotebookView(path=row.path, sha256=row.sha256, updated_at=row.uploaded_at, versions=count)
            for row, count in shown
        ],
        next_cursor=paging.encode(last[0].path) if last else None,
    )


@router.get("/notebooks/{path:path}/versions")
def list_versions(
    path: str,
    session: Reading,
    _caller: SchedulesReader,
    limit: paging.Limit = 50,
    cursor: paging.Cursor = None,
) -> Page[VersionView]:
    """The versions of a notebook, newest first."""
    found = notebooks.versions(session, path, before=paging.decode_id(cursor), limit=limit + 1)
    shown, last = paging.cut(found, limit)
    items = []
    for row, version in shown:
        view = views.version_view(path, version)
        view.created_at = row.uploaded_at
        items.append(view)
    return Page(items=items, next_cursor=paging.encode(str(last[0].id)) if last else None)


@router.get("/versions/{sha256}")
def show_version(sha256: str, session: Reading, _caller: SchedulesReader) -> VersionView:
    """One immutable version."""
    version = notebooks.require_version(session, sha256)
    return views.version_view(notebooks.path_of(session, sha256), version)


@router.get("/versions/{sha256}/content", response_class=Response)
def download_version(
    sha256: str, request: Request, session: Reading, _caller: SchedulesReader, the_house: TheHouse
) -> Response:
    """The notebook's bytes as kept (normalised, without outputs)."""
    version = notebooks.require_version(session, sha256)
    filename = notebooks.path_of(session, sha256).rsplit("/", 1)[-1]
    the_house.store.verified(version.content_sha256)
    headers = artifact_headers(NOTEBOOK_TYPE, filename, version.content_sha256)
    return ranged(
        request, version.size, lambda at: the_house.store.open_at(version.content_sha256, at), headers
    )


@router.get("/versions/{sha256}/parameters")
def show_parameters(sha256: str, session: Reading, _caller: SchedulesReader) -> ParameterList:
    """The typed parameters that the notebook's tagged cell declares."""
    version = notebooks.require_version(session, sha256)
    return ParameterList.model_validate(
        {"items": version.parameters, "has_parameters_cell": version.has_parameters_cell}
    )


@router.get("/versions/{sha256}/check")
def check_version(
    sha256: str,
    session: Reading,
    _caller: SchedulesReader,
    the_house: TheHouse,
    kernel: Annotated[str | None, Query(max_length=100)] = None,
    pool: PoolName = pools.DEFAULT_POOL,
) -> FindingList:
    """The pre-flight findings against the kernels that the pool's workers really have."""
    version = notebooks.require_version(session, sha256)
    known = pools.kernels_of(session, pools.require(session, pool).name)
    kept = [finding for finding in version.findings if finding["rule"] != "kernel"]
    notebook = stored_notebook(the_house.store, version)
    names = set(known) if known else None
    if kernel is not None and names is not None and kernel not in names:
        kept.append(
            {
                "rule": "kernel",
                "severity": "error",
                "cell": None,
                "message": f"No worker of pool {pool} has kernel {kernel}, only {', '.join(sorted(names))}.",
            }
        )
    elif kernel is None:
        found = preflight.findings(notebook, kernels=names, files=set(version.files))
        kept.extend(asdict(finding) for finding in found if finding.rule == "kernel")
    return FindingList.model_validate({"items": kept})


def stored_notebook(store: ArtifactStore, version: Version) -> Notebook:
    """A kept version, read again. Raises a Fault where its bytes no longer match their hash."""
    return checked_notebooks.read(json.loads(verified_bytes(store, version.content_sha256)))


def verified_bytes(store: ArtifactStore, sha256: str) -> bytes:
    """The bytes behind a hash, checked against it. Raises the store's `integrity_error`."""
    body = store.read(sha256)
    if hashlib.sha256(body).hexdigest() != sha256:
        store.verified(sha256)  # raises, naming what is wrong
        raise NotFound("artifact_not_found", "The stored bytes changed while they were read; ask again.")
    return body
