"""A saved notebook beside the version that is kept of it: `POST /notebooks/compare`. Nothing is kept."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter
from sqlmodel import Session

from nightbook.api import diffs as runs_diffs
from nightbook.api.deps import PREFIX, Reading, SchedulesReader, TheHouse
from nightbook.api.notebooks import file_bodies, stored_notebook
from nightbook.core import diffs, parameters
from nightbook.core import notebooks as checked_notebooks
from nightbook.core.errors import NotFound
from nightbook.core.notebooks import Notebook
from nightbook.records import notebooks
from nightbook.records.notebooks import Version
from nightbook.schemas import NotebookComparison
from nightbook.schemas.diffs import NotebookDiff

router = APIRouter(prefix=PREFIX, tags=["notebooks"])


@router.post("/notebooks/compare")
def compare(
    draft: NotebookComparison, session: Reading, _caller: SchedulesReader, the_house: TheHouse
) -> NotebookDiff:
    """What a saved notebook has otherwise than a version: source, parameters, declared files, kernel.

    Both are compared as they are kept, without outputs. Without `against`, the newest version of the path.
    """
    saved = checked_notebooks.read(draft.content)
    version = _version(session, draft)
    kept = stored_notebook(the_house.store, version)
    files = {path: hashlib.sha256(body).hexdigest() for path, body in file_bodies(draft.files).items()}
    content_sha256 = checked_notebooks.sha256(saved)
    declared = [asdict(one) for one in parameters.declared(saved).parameters]
    found_parameters = diffs.named(_defaults(version.parameters), _defaults(declared))
    found_files = diffs.named(version.files, files)
    kernel = diffs.named({"kernel": kept.kernel}, {"kernel": saved.kernel})
    ours, theirs = _cells(kept), _cells(saved)
    cells = [runs_diffs.cell_diff(pair, ours, theirs) for pair in diffs.cells(ours, theirs)]
    told = [*found_parameters, *found_files, *kernel]
    return NotebookDiff(
        against=version.sha256,
        sha256=checked_notebooks.version_sha256(content_sha256, files),
        is_same=all(one.change == "same" for one in told) and all(one.change == "same" for one in cells),
        parameters=runs_diffs.named_views(found_parameters),
        files=runs_diffs.named_views(found_files),
        kernel=runs_diffs.named_views(kernel)[0],
        cells=cells,
    )


def _version(session: Session, draft: NotebookComparison) -> Version:
    if draft.against is not None:
        return notebooks.require_version(session, draft.against)
    version = notebooks.latest(session, draft.path)
    if version is None:
        raise NotFound("notebook_not_found", "No notebook was uploaded under this path.")
    return version


def _defaults(declared: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    return {one["name"]: one.get("default") for one in declared}


def _cells(notebook: Notebook) -> list[runs_diffs.Cell]:
    cells: list[runs_diffs.Cell] = notebook.content["cells"]
    return cells
