"""Notebooks as we keep them: valid nbformat 4.5, without what an earlier run left, the same bytes each time.

`read` takes what somebody sent and gives one frozen value or an `Invalid`; nothing in it is run.
What only the sent form knows (old outputs, the order of execution) stays on the value as facts.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import nbformat

from nightbook.core import nbformat3
from nightbook.core.errors import Invalid, TooLarge
from nightbook.core.strict_json import depth_exceeds, dumps_canonical, holds_nul

MAX_CELLS: Final = 5_000
MAX_ATTACHMENTS: Final = 1_000
MAX_DEPTH: Final = 64
#: What `strict_json.loads` may let pass for a body that holds a notebook and its files.
WIRE_LIMITS: Final[Mapping[str, int]] = {
    "max_keys": 1_000_000,
    "max_items": 2_000_000,
    "max_string": 30_000_000,
}

PARAMETERS_TAG: Final = "parameters"
INJECTED_TAG: Final = "injected-parameters"
ERROR_MARKER_TAG: Final = "papermill-error-cell-tag"

_LEFT_BY_RUNS: Final = frozenset({"papermill", "nightbook", "trusted"})
_DROPPED_METADATA: Final = _LEFT_BY_RUNS | {"signature", "widgets", "orig_nbformat", "orig_nbformat_minor"}
_DROPPED_CELL_METADATA: Final = _LEFT_BY_RUNS | {"execution", "ExecuteTime"}
_TOP_FIELDS: Final = frozenset({"nbformat", "nbformat_minor", "metadata", "cells"})
_CELL_FIELDS: Final[Mapping[str, frozenset[str]]] = {
    "code": frozenset({"id", "cell_type", "metadata", "source", "outputs", "execution_count"}),
    "markdown": frozenset({"id", "cell_type", "metadata", "source", "attachments"}),
    "raw": frozenset({"id", "cell_type", "metadata", "source", "attachments"}),
}
_CELL_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_KERNEL_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,100}")
_LANGUAGE_OF_KERNEL: Final[Mapping[str, str]] = {
    "python3": "python",
    "python": "python",
    "ir": "r",
    "bash": "bash",
}


@dataclass(frozen=True)
class Finding:
    """What was noticed: `cell` counts from 0 in the kept notebook; None is the whole of it."""

    rule: str
    severity: Literal["error", "warning", "note"]
    cell: int | None
    message: str


@dataclass(frozen=True)
class Cell:
    """One cell of the kept notebook, with what the sent form told of its last execution."""

    index: int
    kind: Literal["code", "markdown", "raw"]
    source: str
    tags: frozenset[str]
    execution_count: int | None
    had_outputs: bool


@dataclass(frozen=True)
class Notebook:
    """A checked notebook. `content` is nbformat 4.5 as plain values; treat it as read-only."""

    content: dict[str, Any]
    cells: tuple[Cell, ...]
    kernel: str | None
    language: str | None
    findings: tuple[Finding, ...]


def read(content: object) -> Notebook:
    """Check and normalise *content*, a notebook as JSON values.

    Raises Invalid on field `content` with `not_a_notebook`, `unsupported_nbformat`, `bad_cell`,
    `bad_metadata`, `too_deep`, `bad_character` or `not_finite`; TooLarge with `too_many_cells` or
    `too_many_attachments`.
    """
    if not isinstance(content, dict):
        raise _refusal("not_a_notebook", "Send the notebook itself, as a JSON object.")
    if depth_exceeds(content, MAX_DEPTH):
        raise _refusal("too_deep", f"The notebook nests values more than {MAX_DEPTH} deep.")
    minor = _minor_version(content)
    if content["nbformat"] == 3:
        content = nbformat3.upgraded(content)
    findings = [*_version_findings(content, minor)]
    metadata, kernel, language, kernel_findings = _metadata(content.get("metadata"))
    cells, facts, cell_findings = _cells(content.get("cells"), ids_expected=minor >= 5)
    kept = {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    _refuse_unsound(kept)
    return Notebook(kept, facts, kernel, language, (*findings, *kernel_findings, *cell_findings))


def require_kernel(notebook: Notebook, chosen: str | None) -> str:
    """The kernel to run with: the chosen one, else the notebook's own, else Invalid `no_kernelspec`."""
    kernel = chosen or notebook.kernel
    if kernel is None:
        message = "The notebook names no kernel: choose one, or save it in Jupyter with a kernel selected."
        raise Invalid("no_kernelspec", message, field="kernel")
    return kernel


def canonical_bytes(notebook: Notebook) -> bytes:
    """The bytes that we keep and hash."""
    return dumps_canonical(notebook.content)


def sha256(notebook: Notebook) -> str:
    return hashlib.sha256(canonical_bytes(notebook)).hexdigest()


def version_sha256(notebook_sha: str, files: Mapping[str, str]) -> str:
    """The name of a version: the notebook's hash, or that of both where files are declared beside it."""
    if not files:
        return notebook_sha
    return hashlib.sha256(dumps_canonical({"notebook": notebook_sha, "files": dict(files)})).hexdigest()


def _refusal(code: str, message: str) -> Invalid:
    return Invalid(code, message, field="content")


def _minor_version(content: Mapping[str, Any]) -> int:
    major, minor = (
        content.get("nbformat"),
        content.get("nbformat_minor", 0 if content.get("nbformat") == 3 else None),
    )
    # `type is` for a bool is an int, and 4.0 equals 4.
    if type(major) is not int or major not in (3, 4):
        raise _refusal(
            "unsupported_nbformat", "Save the notebook in format 4 (nbformat: 4); formats 3 and 4 are read."
        )
    if type(minor) is not int or minor < 0:
        raise _refusal(
            "unsupported_nbformat",
            "The notebook needs a whole number as nbformat_minor; save it again in Jupyter.",
        )
    return 0 if major == 3 else minor


def _version_findings(content: Mapping[str, Any], minor: int) -> list[Finding]:
    findings = []
    if minor > 5:
        message = f"Format 4.{minor} is newer than 4.5; it is read as 4.5. Check that nothing is missing."
        findings.append(Finding("nbformat", "warning", None, message))
    if set(content) - _TOP_FIELDS:
        findings.append(
            Finding("nbformat", "warning", None, "Fields that the format does not know were left out.")
        )
    return findings


# ---------------------------------------------------------------- metadata


def _metadata(sent: object) -> tuple[dict[str, Any], str | None, str | None, list[Finding]]:
    if not isinstance(sent, dict):
        raise _refusal("bad_metadata", "The notebook's metadata must be an object.")
    metadata = {key: value for key, value in sent.items() if key not in _DROPPED_METADATA}
    spec = _kernelspec(metadata.pop("kernelspec", None))
    info = metadata.pop("language_info", None)
    told = info["name"] if isinstance(info, dict) and isinstance(info.get("name"), str) else None
    if spec:
        metadata["kernelspec"] = spec
    if told:
        metadata["language_info"] = info
    if files := _declared_files(sent.get("nightbook")):
        metadata["nightbook"] = {"files": files}
    kernel = spec["name"] if spec else None
    language = _language(spec, told)
    return metadata, kernel, language, _kernel_findings(kernel, language, told, was_sent="kernelspec" in sent)


def _declared_files(sent: object) -> list[str]:
    """The author's own word under `metadata.nightbook`; the rest of it is ours to write."""
    files = sent.get("files") if isinstance(sent, dict) else None
    return files if isinstance(files, list) and all(isinstance(path, str) for path in files) else []


def _kernelspec(sent: object) -> dict[str, Any] | None:
    if not isinstance(sent, dict) or not isinstance(sent.get("name"), str):
        return None
    if not _KERNEL_NAME.fullmatch(sent["name"]) or not sent["name"].strip("."):
        return None
    shown = sent.get("display_name")
    return {**sent, "display_name": shown if isinstance(shown, str) else sent["name"]}


def _language(spec: Mapping[str, Any] | None, told: str | None) -> str | None:
    """The kernel's word first: parameters are written for the kernel, not for what a file says."""
    named = spec.get("language") if spec else None
    by_name = _LANGUAGE_OF_KERNEL.get(spec["name"]) if spec else None
    language = (named if isinstance(named, str) else None) or by_name or told
    return language.strip().lower()[:100] or None if language else None


def _kernel_findings(
    kernel: str | None, language: str | None, told: str | None, *, was_sent: bool
) -> list[Finding]:
    if kernel is None:
        fault = "names its kernel in a way that cannot be read" if was_sent else "names no kernel"
        message = f"The notebook {fault}: choose one here, or save it in Jupyter with a kernel selected."
        return [Finding("kernel", "error", None, message)]
    if told and language and told.strip().lower() != language:
        message = (
            "The notebook's language is not its kernel's; which decides. Save it again with the right one."
        )
        return [Finding("kernel", "warning", None, message)]
    return []


# ---------------------------------------------------------------- cells


def _cells(
    sent: object, *, ids_expected: bool
) -> tuple[list[dict[str, Any]], tuple[Cell, ...], list[Finding]]:
    if not isinstance(sent, list):
        raise _refusal("not_a_notebook", "The notebook has no list of cells.")
    if len(sent) > MAX_CELLS:
        raise TooLarge(
            "too_many_cells", f"Keep a notebook within {MAX_CELLS:,} cells; split it.", field="content"
        )
    checked = [_checked(cell, number) for number, cell in enumerate(sent)]
    if sum(len(cell.get("attachments", ())) for cell in checked) > MAX_ATTACHMENTS:
        raise TooLarge(
            "too_many_attachments",
            f"Keep a notebook within {MAX_ATTACHMENTS:,} attachments.",
            field="content",
        )
    by_author = [cell for cell in checked if not _tags(cell) & {INJECTED_TAG, ERROR_MARKER_TAG}]
    findings = _field_findings(by_author)
    if len(by_author) < len(checked):
        message = "Cells that an earlier run had added (injected parameters, error marks) were left out."
        findings.append(Finding("parameters", "note", None, message))
    ids, repaired = _ids(by_author)
    if ids_expected and repaired:
        message = (
            "Some cells had no id, or the id of another cell; they were given one. Save it again in Jupyter."
        )
        findings.append(Finding("nbformat", "warning", repaired[0], message))
    facts = tuple(_fact(cell, index) for index, cell in enumerate(by_author))
    return [_kept(cell, id_) for cell, id_ in zip(by_author, ids, strict=True)], facts, findings


def _checked(sent: object, number: int) -> dict[str, Any]:
    """The cell with its source as one text, its fields of the right kind, or Invalid `bad_cell`."""
    if not isinstance(sent, dict) or sent.get("cell_type") not in ("code", "markdown", "raw"):
        raise _bad_cell(number, "must be an object with cell_type code, markdown or raw")
    if not isinstance(sent.get("metadata"), dict):
        raise _bad_cell(number, "must have an object as its metadata")
    source = sent.get("source")
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        source = "".join(source)
    if not isinstance(source, str):
        raise _bad_cell(number, "must have a text, or a list of lines, as its source")
    if "id" in sent and not (isinstance(sent["id"], str) and _CELL_ID.fullmatch(sent["id"])):
        raise _bad_cell(number, "has an id that is not 1 to 64 letters, digits, '-' or '_'")
    _check_extras(sent, number)
    return {**sent, "source": source}


def _check_extras(sent: Mapping[str, Any], number: int) -> None:
    tags = sent["metadata"].get("tags", [])
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise _bad_cell(number, "must have a list of texts as its tags")
    if not isinstance(sent.get("attachments", {}), dict):
        raise _bad_cell(number, "must have an object as its attachments")
    if not isinstance(sent.get("outputs", []), list):
        raise _bad_cell(number, "must have a list as its outputs")


def _bad_cell(number: int, fault: str) -> Invalid:
    return Invalid("bad_cell", f"Cell {number + 1} {fault}.", field=f"content.cells.{number}")


def _tags(cell: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(cell["metadata"].get("tags", ()))


def _field_findings(cells: list[dict[str, Any]]) -> list[Finding]:
    strange = [index for index, cell in enumerate(cells) if set(cell) - _CELL_FIELDS[cell["cell_type"]]]
    if not strange:
        return []
    return [
        Finding(
            "nbformat", "warning", strange[0], "Fields of a cell that the format does not know were left out."
        )
    ]


def _ids(cells: list[dict[str, Any]]) -> tuple[list[str], list[int]]:
    """Ids for all cells, and which were made. Made ones follow from the content: two uploads agree."""
    taken: set[str] = {cell["id"] for cell in cells if "id" in cell}
    used: set[str] = set()
    seen: Counter[tuple[str, str]] = Counter()
    ids, repaired = [], []
    for index, cell in enumerate(cells):
        id_ = cell.get("id")
        if id_ is None or id_ in used:
            id_ = _made_id(cell, seen, taken)
            repaired.append(index)
        used.add(id_)
        taken.add(id_)
        ids.append(id_)
    return ids, repaired


def _made_id(cell: Mapping[str, Any], seen: Counter[tuple[str, str]], taken: set[str]) -> str:
    like = (cell["cell_type"], cell["source"])
    while True:
        seen[like] += 1
        id_ = hashlib.sha256(dumps_canonical([*like, seen[like]])).hexdigest()[:12]
        if id_ not in taken:
            return id_


def _fact(cell: Mapping[str, Any], index: int) -> Cell:
    count = cell.get("execution_count")
    return Cell(
        index=index,
        kind=cell["cell_type"],
        source=cell["source"],
        tags=_tags(cell),
        execution_count=count if type(count) is int else None,
        had_outputs=bool(cell["cell_type"] == "code" and cell.get("outputs")),
    )


def _kept(cell: Mapping[str, Any], id_: str) -> dict[str, Any]:
    metadata = {key: value for key, value in cell["metadata"].items() if key not in _DROPPED_CELL_METADATA}
    kept = {"cell_type": cell["cell_type"], "id": id_, "metadata": metadata, "source": cell["source"]}
    if cell["cell_type"] == "code":
        return {**kept, "outputs": [], "execution_count": None}
    if cell.get("attachments"):
        kept["attachments"] = cell["attachments"]
    return kept


def _refuse_unsound(kept: dict[str, Any]) -> None:
    try:
        raw = dumps_canonical(kept)
    except Invalid as fault:
        raise _refusal(fault.code, fault.message) from fault
    if holds_nul(raw):
        raise _refusal("bad_character", "Remove the NUL character from the notebook.")
    try:
        nbformat.validate(kept)
    except Exception as error:  # the library raises errors of many kinds for malformed notebooks
        raise _refusal(
            "not_a_notebook",
            f"The notebook is not valid nbformat 4.5{_place(error)}; save it again in Jupyter.",
        ) from error


def _place(error: Exception) -> str:
    path = list(getattr(error, "relative_path", ()) or ())
    if len(path) > 1 and path[0] == "cells" and isinstance(path[1], int):
        return f": look at cell {path[1] + 1}"
    return f": look at its {path[0]}" if path and path[0] in _TOP_FIELDS else ""
