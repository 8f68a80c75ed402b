"""The journal of an attempt, and what is read out of it: executed copy and timeline (the log: `journal_log`).

Pure functions over plain dicts, shared by child, worker and server, so that there is one rebuild.
A journal may end anywhere: every prefix of it gives a valid notebook that claims no more than was recorded.
Cells are counted from 0 in the executed copy, the injected one included and the error markers not.
"""

import copy
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from nightbook.core.outputs import Outputs, Record, plain_text

VERSION: Final = 1
MARKER_TAG: Final = "papermill-error-cell-tag"
#: The longest line in bytes. A journal is sent, kept and told by whole lines: each must fit into a request.
LONGEST: Final = 16 * 1024 * 1024

Notebook = dict[str, Any]

_NUMBER = (int, float)
_LATEST = 10**12  # ms, some 30 years: beyond it, moments cannot be computed
_BOUNDED: Final = frozenset({"t", "i", "started", "ended"})
_MOST_CELLS: Final = 100_000  # far beyond what a notebook may have; a column holds it
#: The kinds of records, and what each of them must hold.
SHAPES: Final[dict[str, dict[str, Any]]] = {
    "begin": {"at": str, "ids": list},
    "kernel": {},
    "cell": {"i": int},
    "text": {"i": int, "name": str, "s": str},
    "out": {"i": int, "o": dict},
    "update": {"display_id": str, "o": dict},
    "clear": {"i": int},
    "cut": {"i": int, "what": str, "kept": int, "dropped": int},
    "done": {"i": int, "status": str, "started": _NUMBER, "ended": _NUMBER},
    "stop": {"step": str, "cause": str},
    "widgets": {"state": dict},
    "usage": {},
    "note": {"s": str},
    "end": {"state": str},
}
_SURROGATE = re.compile("[\ud800-\udfff]")
_CELL_ID = re.compile(r"^[A-Za-z0-9_-]{1,64}$")


def parse(raw: bytes) -> list[dict[str, Any]]:
    """Read records up to the first torn, malformed or missing one."""
    return list(records_of(raw.split(b"\n")[:-1]))


def records_of(lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """The same from *lines*, one at a time: an open file is read in little memory."""
    for n, line in enumerate(lines):
        try:
            record = json.loads(line, parse_constant=_refuse_constant)
        except (ValueError, RecursionError):
            return
        if not isinstance(record, dict) or not _well_formed(record, n):
            return
        yield record


def progress(piece: bytes) -> tuple[int, int | None]:
    """How far *piece* of a journal says the attempt is: cells done, and of how many where it says so.

    Only short lines of two kinds are parsed, so that a flood of outputs costs nothing here.
    """
    done, total = 0, None
    for record in _signposts(piece):
        if record["k"] == "done":
            done = max(done, min(record["i"] + 1, _MOST_CELLS))
        elif isinstance(record.get("ids"), list):
            total = len(record["ids"])
    return done, total


def cell_seconds(piece: bytes) -> dict[int, float]:
    """How long each cell took that *piece* of a journal says is done and succeeded, by its place."""
    found = {}
    for record in _signposts(piece):
        started, ended = record.get("started"), record.get("ended")
        if not (isinstance(started, _NUMBER) and isinstance(ended, _NUMBER)):
            continue
        if 0 <= started <= ended <= _LATEST and record.get("status") != "failed":
            found[record["i"]] = round((ended - started) / 1000, 3)
    return found


def _signposts(piece: bytes) -> Iterator[Record]:
    """The records of *piece* that say where the attempt stands: its begin, and the ends of cells."""
    for line in piece.splitlines():
        if b'"done"' not in line[:200] and b'"begin"' not in line[:200]:
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(record, dict) and (record.get("k") == "begin" or _ends_cell(record)):
            yield record


def _ends_cell(record: Record) -> bool:
    return record.get("k") == "done" and isinstance(record.get("i"), int)


def _refuse_constant(name: str) -> float:
    raise ValueError(name)


def _well_formed(record: Record, n: int) -> bool:
    shape = SHAPES.get(str(record.get("k")), {})  # a kind of a newer version is kept and passed over
    fields = {"n": int, "t": _NUMBER, "k": str, **shape}
    if not all(isinstance(record.get(name), kind) for name, kind in fields.items()):
        return False
    if not all(0 <= record[name] <= _LATEST for name in _BOUNDED & fields.keys()):
        return False
    return bool(record["n"] == n and (record["k"] == "begin") == (n == 0))


def as_bytes(notebook: Notebook) -> bytes:
    """The one form in which an executed copy is written and hashed."""
    return b"".join(pieces_of(notebook))


def pieces_of(notebook: Notebook) -> Iterator[bytes]:
    """The bytes of a copy, cell by cell: `json.dumps(…, indent=1, sort_keys=True)` and a line's end."""
    rest = {name: value for name, value in notebook.items() if name != "cells"}
    before, _, after = _pretty({**rest, "cells": [0]}).partition(b"\n  0\n")
    yield before
    for number, cell in enumerate(notebook["cells"]):
        # Line ends stand between values only: within a string they are escaped.
        yield (b",\n  " if number else b"\n  ") + _pretty(cell).replace(b"\n", b"\n  ")
    yield (b"\n" if notebook["cells"] else b"") + (after if notebook["cells"] else after.lstrip()) + b"\n"


def _pretty(value: object) -> bytes:
    text = json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True)
    try:
        return text.encode()
    except UnicodeEncodeError:
        return _SURROGATE.sub("\ufffd", text).encode()


# ---------------------------------------------------------------- what the records say


@dataclass
class _Told:
    """What a journal says, folded: nothing here is guessed."""

    begin: Record = field(default_factory=dict)
    kernel: Record = field(default_factory=dict)
    end: Record | None = None
    widgets: Record | None = None
    started: dict[int, Record] = field(default_factory=dict)
    done: dict[int, Record] = field(default_factory=dict)
    outputs: Outputs = field(default_factory=Outputs)
    last_t: float = 0

    @property
    def running(self) -> int | None:
        open_cells = [index for index in self.started if index not in self.done]
        return max(open_cells, default=None)

    def begun(self, index: int) -> float | None:
        """When a cell began, in ms since the attempt's begin."""
        done, started = self.done.get(index), self.started.get(index)
        return done["started"] if done else started["t"] if started else None

    def at(self, ms: float) -> datetime:
        return instant(self.begin.get("at")) + timedelta(milliseconds=ms)


def instant(text: object) -> datetime:
    """The aware moment that *text* names; the epoch where it names none."""
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return datetime(1970, 1, 1, tzinfo=UTC)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _told(lines: Iterable[Record]) -> _Told:
    told = _Told()
    for record in lines:
        kind = record["k"]
        told.last_t = max(told.last_t, record["t"])
        if kind in ("begin", "kernel", "widgets", "end"):
            setattr(told, kind, record)
        elif kind == "cell":
            told.started[record["i"]] = record
        elif kind == "done":
            told.done[record["i"]] = record
        else:
            told.outputs.apply(record)
    return told


def cells(lines: Iterable[Record], source: Notebook, *, ended: bool = False) -> list[dict[str, Any]]:
    """The timeline: one entry for each cell of the executed copy.

    `ended` says that the attempt is over even where no `end` was recorded (it was lost). Entries are
    `{index, id, type, state, started_at, finished_at, error, source}` with aware instants in UTC.
    """
    told = _told(lines)
    over = ended or told.end is not None
    return [
        _timeline_entry(told, index, cell, over) for index, cell in enumerate(_laid_out(source, told.begin))
    ]


def _timeline_entry(told: _Told, index: int, cell: Notebook, over: bool) -> dict[str, Any]:
    started, done = told.started.get(index), told.done.get(index)
    if done is not None:
        state = "failed" if done["status"] == "failed" else "succeeded"
    elif started is not None:
        state = "failed" if over else "running"
    else:
        state = "not_run" if over else "pending"
    return {
        "index": index,
        "id": cell["id"],
        "type": cell["cell_type"],
        "state": state,
        "started_at": None if (begun := told.begun(index)) is None else told.at(begun),
        "finished_at": told.at(done["ended"]) if done else None,
        "error": error_line(done.get("error")) if done else None,
        "source": cell["source"],
    }


def error_line(error: object) -> str | None:
    if not isinstance(error, dict):
        return None
    return ": ".join(part for part in (str(error.get("ename", "")), str(error.get("evalue", ""))) if part)


# ---------------------------------------------------------------- the executed copy


def executed_copy(source: Notebook, lines: Iterable[Record], *, ended: bool = True) -> Notebook:
    """Make the executed notebook from the pinned *source* and the records of one attempt.

    Without an `end` record a running cell is failed with `RunLost`; `ended=False` leaves it running,
    for a look at an attempt that still goes on.
    """
    told = _told(lines)
    over = ended or told.end is not None
    executed = [
        _executed_cell(told, index, cell, over) for index, cell in enumerate(_laid_out(source, told.begin))
    ]
    failed = [
        index for index, cell in enumerate(executed) if cell["metadata"]["papermill"]["status"] == "failed"
    ]
    return {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": _notebook_metadata(source, told, executed),
        "cells": _with_markers(executed, failed[0]) if failed else executed,
    }


def _laid_out(source: Notebook, begin: Record) -> list[Notebook]:
    """The cells of the executed copy, before anything ran: injected where `begin` says."""
    found = source.get("cells")
    plain = plain_cells(found if isinstance(found, list) else [])
    injected = begin.get("injected")
    ids = begin.get("ids")
    if not isinstance(ids, list):
        return plain
    by_id = {cell["id"]: cell for cell in plain}
    if isinstance(injected, dict):
        tagged = {**injected, "cell_type": "code", "metadata": {"tags": ["injected-parameters"]}}
        cell = _plain_cell(tagged, len(plain))
        by_id[cell["id"]] = cell
    known = [cell_id for cell_id in ids if isinstance(cell_id, str) and cell_id in by_id]
    return [by_id[cell_id] for cell_id in dict.fromkeys(known)]


def plain_cells(cells: Sequence[Notebook]) -> list[Notebook]:
    """Cells as nbformat 4.5 wants them, without outputs; a missing or double id is made from the place."""
    plain: dict[str, Notebook] = {}
    for index, cell in enumerate(cells):
        one = _plain_cell(cell if isinstance(cell, dict) else {}, index)
        if one["id"] in plain:
            one["id"] = f"{one['id'][:50]}-{index}"
        plain[one["id"]] = one
    return list(plain.values())


def _plain_cell(cell: Notebook, index: int) -> Notebook:
    kind = cell.get("cell_type") if cell.get("cell_type") in ("code", "markdown", "raw") else "raw"
    cell_id = cell.get("id")
    metadata = cell.get("metadata")
    plain = {
        "cell_type": kind,
        "id": cell_id if isinstance(cell_id, str) and _CELL_ID.match(cell_id) else f"cell-{index}",
        "metadata": copy.deepcopy(metadata) if isinstance(metadata, dict) else {},
        "source": plain_text(cell.get("source")),
    }
    if kind == "code":
        plain |= {"outputs": [], "execution_count": None}
    elif isinstance(cell.get("attachments"), dict):
        plain["attachments"] = copy.deepcopy(cell["attachments"])
    return plain


def _executed_cell(told: _Told, index: int, cell: Notebook, over: bool) -> Notebook:
    done, started = told.done.get(index), told.started.get(index)
    if cell["cell_type"] == "code":
        cell["outputs"] = told.outputs.of(index)
        count = done.get("execution_count") if done else None
        cell["execution_count"] = count if isinstance(count, int) and count >= 0 else None
    status = "pending"
    if done:
        status = "failed" if done["status"] == "failed" else "completed"
    elif started:
        status = "failed" if over else "running"
        if over and cell["cell_type"] == "code":
            cell["outputs"].append(_interrupted_output(told))
    cell["metadata"]["papermill"] = _cell_times(told, index, status)
    if started and cell["cell_type"] == "code":
        cell["metadata"]["execution"] = _execution_times(told, index)
    return cell


def _cell_times(told: _Told, index: int, status: str) -> dict[str, Any]:
    done, begun = told.done.get(index), told.begun(index)
    ended = done["ended"] if done else None
    return {
        "exception": None if begun is None else status == "failed",
        "start_time": None if begun is None else told.at(begun).isoformat(),
        "end_time": None if ended is None else told.at(ended).isoformat(),
        "duration": None if begun is None or ended is None else round((ended - begun) / 1000, 3),
        "status": status,
    }


def _execution_times(told: _Told, index: int) -> dict[str, str]:
    done = told.done.get(index)
    times = {"iopub.execute_input": told.at(told.begun(index) or 0).isoformat()}
    return times | ({"shell.execute_reply": told.at(done["ended"]).isoformat()} if done else {})


def _interrupted_output(told: _Told) -> dict[str, Any]:
    """The error of a cell that was running when the records stop."""
    end = told.end or {}
    name = {"cancelled": "RunCancelled", "timed_out": "RunTimeoutError"}.get(str(end.get("state")), "RunLost")
    last = told.at(told.last_t).isoformat(timespec="seconds").replace("+00:00", "Z")
    reason = str(
        end.get("reason") or f"The run was lost while this cell ran; its last record is from {last}."
    )
    return {"output_type": "error", "ename": name, "evalue": reason, "traceback": [f"{name}: {reason}"]}


def _notebook_metadata(source: Notebook, told: _Told, executed: Sequence[Notebook]) -> dict[str, Any]:
    found = source.get("metadata")
    metadata: dict[str, Any] = copy.deepcopy(found) if isinstance(found, dict) else {}
    for name in ("language_info", "kernelspec"):
        if isinstance(told.kernel.get(name), dict) and told.kernel[name].get("name"):
            metadata[name] = told.kernel[name]
    if told.widgets is not None:
        metadata["widgets"] = told.widgets["state"]
    metadata["papermill"] = _papermill_metadata(told, executed)
    metadata["nightbook"] = _nightbook_metadata(told)
    return metadata


def _papermill_metadata(told: _Told, executed: Sequence[Notebook]) -> dict[str, Any]:
    begin, end = told.begin, told.end
    versions = begin.get("versions")
    statuses = {cell["metadata"]["papermill"]["status"] for cell in executed}
    return {
        "default_parameters": {},
        "parameters": begin.get("parameters") or {},
        "environment_variables": {},
        "version": versions.get("papermill") if isinstance(versions, dict) else None,
        "input_path": begin.get("path"),
        "output_path": begin.get("path"),
        "start_time": told.at(0).isoformat() if begin else None,
        "end_time": told.at(end["t"]).isoformat() if end else None,
        "duration": round(end["t"] / 1000, 3) if end else None,
        "exception": True if "failed" in statuses else None,
    }


def _nightbook_metadata(told: _Told) -> dict[str, Any]:
    begin, end = told.begin, told.end or {}
    ran = {name: begin.get(key) for name, key in (("run_id", "run"), ("attempt_id", "attempt_id"))}
    pins = {name: begin.get(name) for name in ("attempt", "fence", "source")}
    return ran | pins | {name: end.get(name) for name in ("state", "class", "reason", "cell")}


def _with_markers(executed: list[Notebook], failed: int) -> list[Notebook]:
    """papermill's two markers: a note on top that links to an anchor before the cell that failed."""
    note = f"**This run failed in [cell {failed + 1}](#papermill-error-cell).**"
    anchor = '<span id="papermill-error-cell">**The run failed in the cell below.**</span>'
    before, after = executed[:failed], executed[failed:]
    return [_marker("error-note", note), *before, _marker("error-anchor", anchor), *after]


def without_markers(copied: Notebook) -> list[Notebook]:
    """The cells of an executed copy as the timeline counts them."""
    return [
        cell for cell in copied["cells"] if MARKER_TAG not in (cell.get("metadata") or {}).get("tags", ())
    ]


def _marker(cell_id: str, text: str) -> Notebook:
    return {
        "cell_type": "markdown",
        "id": f"nightbook-{cell_id}",
        "metadata": {"tags": [MARKER_TAG]},
        "source": text,
    }
