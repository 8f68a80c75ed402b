"""Runs: start one, wait for it, watch it, fetch what it left."""

import hashlib
import os
import re
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote
from uuid import UUID

from nightbook.client import live
from nightbook.client.errors import Damaged, NightbookError, WaitTimedOut
from nightbook.client.wire import Wire, draft_of, segment
from nightbook.core.states import FINAL
from nightbook.schemas import (
    ArtifactList,
    ArtifactView,
    CancelDraft,
    CellList,
    CellView,
    GroupView,
    NoteDraft,
    RerunDraft,
    RunDraft,
    RunView,
    SweepDraft,
    UsualView,
)
from nightbook.schemas.diffs import RunDiff
from nightbook.schemas.exports import ExportFormat, ExportFormatList, ExportFormatView, Paper

RunId = str | UUID

#: How long the server may take to say that a run is not over; it must be less than a request's time-out.
_LONGEST_WAIT = 20.0
_BREATH = 0.5
#: A print is silent until it is done, and others may be before it.
_LONGEST_PRINT = 300.0


class Runs:
    """One execution of a notebook, from queued to its end."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def create(self, notebook: str, parameters: Mapping[str, Any] | None = None, **fields: Any) -> RunView:
        """Run a notebook once: a path that the server knows (its latest version) or a version's SHA-256.

        *fields* are those of RunDraft: `kernel`, `pool`, `priority`, `timeout_seconds`,
        `cell_timeout_seconds`, `retries`, `retry_on_worker_loss`, `fork_kernel`, `tags`, `note`.

        >>> client.runs.create("daily_sales.ipynb", {"region": "north"}, tags=["trial"]).state
        'queued'
        """
        given = {**fields, "notebook": notebook, "parameters": dict(parameters or {})}
        return self._wire.view(RunView, "POST", "/runs", draft=draft_of(RunDraft, given))

    def list(self, **filters: Any) -> Iterator[RunView]:
        """Runs, newest first, fetched page by page as they are asked for.

        Filters: `state`, `schedule_id`, `group_id`, `notebook`, `owner`, `tag`, `trigger`, `since`,
        `until`, `q`.

        >>> [run.state for run in client.runs.list(state="failed")]
        ['failed']
        """
        return self._wire.pages(RunView, "/runs", filters)

    def show(self, run_id: RunId) -> RunView:
        return self._wire.view(RunView, "GET", f"/runs{segment(run_id)}")

    def usual(self, run_id: RunId) -> UsualView:
        """How long a run like this one takes as a rule, in seconds: as a whole, and cell by cell."""
        return self._wire.view(UsualView, "GET", f"/runs{segment(run_id)}/usual")

    def rerun(
        self,
        run_id: RunId,
        parameters: Mapping[str, Any] | None = None,
        *,
        use: str = "original",
        note: str | None = None,
    ) -> RunView:
        """Run again: *parameters* are merged over the parent's; *use* is `original` or `latest` version."""
        draft = draft_of(RerunDraft, {"parameters": dict(parameters or {}), "use": use, "note": note})
        return self._wire.view(RunView, "POST", f"/runs{segment(run_id)}/rerun", draft=draft)

    def sweep(self, notebook: str, grid: Mapping[str, Sequence[Any]], **fields: Any) -> GroupView:
        """Run a notebook once for each combination of the values in *grid*; `list(group_id=…)` finds them.

        *fields* are those of RunDraft, and `concurrency`: how many of them run at once.

        >>> client.runs.sweep("daily_sales.ipynb", {"region": ["north", "south"], "days": [1, 7]}).count
        4
        """
        draft = draft_of(SweepDraft, {**fields, "notebook": notebook, "grid": dict(grid)})
        return self._wire.view(GroupView, "POST", "/runs/sweep", draft=draft)

    def cancel_group(self, group_id: RunId, reason: str | None = None) -> GroupView:
        """End a backfill or a sweep. Returns the runs that were not over yet."""
        draft = draft_of(CancelDraft, {"reason": reason})
        path = f"/groups{segment(group_id)}/cancel"
        return self._wire.view(GroupView, "POST", path, draft=draft, once=True)

    def cancel(self, run_id: RunId, reason: str | None = None) -> RunView:
        """Ask for the end. The running cell is interrupted, which may take some seconds."""
        draft = draft_of(CancelDraft, {"reason": reason})
        return self._wire.view(RunView, "POST", f"/runs{segment(run_id)}/cancel", draft=draft, once=True)

    def note(self, run_id: RunId, text: str) -> RunView:
        draft = draft_of(NoteDraft, {"note": text})
        return self._wire.view(RunView, "POST", f"/runs{segment(run_id)}/note", draft=draft)

    def wait(self, run_id: RunId, timeout: float | None = None) -> RunView:
        """Return the run once it is over. Raises WaitTimedOut after *timeout* seconds.

        >>> run = client.runs.create("daily_sales.ipynb")
        >>> client.runs.wait(run.id, timeout=60).state
        'succeeded'
        """
        ends_at = None if timeout is None else time.monotonic() + timeout
        longest = min(_LONGEST_WAIT, self._wire.timeout * 0.6)
        while True:
            asked = time.monotonic()
            left = longest if ends_at is None else max(0.0, ends_at - asked)
            wait = {"wait_seconds": round(min(longest, left), 3)}
            run = self._wire.view(RunView, "GET", f"/runs{segment(run_id)}/end", params=wait)
            if run.state in FINAL:
                return run
            now = time.monotonic()
            if ends_at is not None and now >= ends_at:
                raise WaitTimedOut(f"Run {run_id} is still {run.state} after {timeout:g} s.")
            # A server that is about to stop answers early.
            self._wire.pause(max(0.0, min(_BREATH, asked + _BREATH - now)))

    # ------------------------------------------------------------ watching

    def cells(self, run_id: RunId) -> Sequence[CellView]:
        return self._wire.view(CellList, "GET", f"/runs{segment(run_id)}/cells").items

    def log(self, run_id: RunId) -> str:
        """What the run printed, with the platform's own lines."""
        return self._wire.ask("GET", f"/runs{segment(run_id)}/log", headers={"Accept": "text/plain"}).text

    def follow(self, run_id: RunId) -> "Iterator[live.Record | RunView]":
        """What happens, as it happens: journal records, and the run itself when its state moves.

        A line that breaks is taken up again where it broke. Ends with the run.

        >>> for event in client.runs.follow(run.id):
        ...     if isinstance(event, Record) and event.kind == "text":
        ...         print(event.fields["s"], end="")
        12 regions
        """
        return live.follow(self._wire, f"/runs{segment(run_id)}/live")

    # ------------------------------------------------------------ what a run left

    def diff(self, run_id: RunId, other_id: RunId) -> RunDiff:
        """What the other run has otherwise: parameters, source, outputs and environment, cell by cell.

        >>> again = client.runs.wait(client.runs.rerun(run.id, {"region": "north"}).id, timeout=60)
        >>> [(one.name, one.right) for one in client.runs.diff(run.id, again.id).parameters]
        [('region', 'north')]
        """
        return self._wire.view(RunDiff, "GET", f"/runs{segment(run_id)}/diff{segment(other_id)}")

    def artifacts(self, run_id: RunId) -> Sequence[ArtifactView]:
        return self._wire.view(ArtifactList, "GET", f"/runs{segment(run_id)}/artifacts").items

    def read(self, run_id: RunId, name: str) -> bytes:
        """The bytes of one artifact, for example `notebook.ipynb` or `outputs/report.csv`."""
        response = self._wire.ask("GET", _artifact(run_id, name), headers={"Accept": "*/*"})
        _require_same(name, hashlib.sha256(response.content).hexdigest(), response.headers.get("etag"))
        return response.content

    def download(self, run_id: RunId, name: str, to: str | Path = ".") -> Path:
        """Fetch one artifact into the folder *to* under its own name, or as the file *to*.

        The bytes are checked against their SHA-256 before the file appears. Raises Damaged.

        >>> client.runs.download(run.id, "outputs/report.csv", folder).name
        'report.csv'
        """
        target = Path(to)
        if target.is_dir():
            target = target / _safe(name)
        target.parent.mkdir(parents=True, exist_ok=True)
        with self._wire.stream(_artifact(run_id, name), headers={"Accept": "*/*"}) as response:
            _write(target, response.iter_bytes(), name, response.headers.get("etag"))
        return target

    def export_formats(self) -> Sequence[ExportFormatView]:
        """The forms in which `export` gives an executed copy, and why one of them is not available."""
        return self._wire.view(ExportFormatList, "GET", "/exports").items

    def export(
        self,
        run_id: RunId,
        format: ExportFormat,  # noqa: A002 (the API's own word)
        to: str | Path = ".",
        *,
        show_code: bool = True,
        paper: Paper = "a4",
    ) -> Path:
        """Save the executed copy as *format*, in the folder *to* under the server's name or as the file *to*.

        The run must have ended, else Conflicting. Where the server cannot make the format, ServerFault with
        the code `export_unavailable` says what to do.

        >>> client.runs.export(run.id, "slides", folder, show_code=False).suffixes
        ['.slides', '.html']
        """
        asked = f"?code={'shown' if show_code else 'hidden'}&paper={paper}"
        path = f"/runs{segment(run_id)}/export{segment(format)}{asked}"
        with self._wire.stream(path, headers={"Accept": "*/*"}, silence=_LONGEST_PRINT) as response:
            target = Path(to)
            if target.is_dir():
                target = target / (_told_name(response.headers) or f"{run_id}.{format}")
            target.parent.mkdir(parents=True, exist_ok=True)
            _write(target, response.iter_bytes(), target.name, response.headers.get("etag"))
        return target


def _told_name(headers: Mapping[str, str]) -> str | None:
    """The last part of the file name in a Content-Disposition (RFC 6266), if there is a usable one."""
    told = headers.get("content-disposition", "")
    exact = re.search(r"filename\*=UTF-8''([^;\s]+)", told)
    plain = re.search(r'filename="([^"]*)"', told)
    whole = unquote(exact[1]) if exact else plain[1] if plain else ""
    name = re.split(r"[/\\:\0]", whole)[-1]
    return name if name not in {"", ".", ".."} else None


def _artifact(run_id: RunId, name: str) -> str:
    return f"/runs{segment(run_id)}/artifacts{segment(name)}"


def _safe(name: str) -> PurePosixPath:
    """The artifact's name as a path below a folder of ours, whatever the server says it is."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name or "\0" in name:
        raise NightbookError(
            f"The artifact name {name!r} is no path below a folder; give a file name to save it as."
        )
    return path


def _write(target: Path, chunks: Iterator[bytes], name: str, etag: str | None) -> None:
    digest = hashlib.sha256()
    handle, unfinished = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            for chunk in chunks:
                digest.update(chunk)
                file.write(chunk)
        _require_same(name, digest.hexdigest(), etag)
        Path(unfinished).replace(target)
    except BaseException:
        Path(unfinished).unlink(missing_ok=True)
        raise


def _require_same(name: str, sha256: str, etag: str | None) -> None:
    if etag is not None and etag.strip('"') != sha256:
        raise Damaged(f"{name}: the bytes that came do not match their SHA-256. Download it again.")
