"""Watching a run: cells on stderr as they end, the log as it grows, and the exit code of its ending."""

import sys
from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

import typer
from rich.console import Console
from rich.status import Status
from rich.text import Text

from nightbook.client import Client, Record
from nightbook.commands.output import progress, say
from nightbook.core.journal_log import log_text
from nightbook.core.states import FINAL
from nightbook.schemas import RunView

FAILED: Final = 4
#: Timed out, cancelled, lost; or never started.
ENDED_OTHERWISE: Final = 5


def exit_code(run: RunView) -> int:
    return {"succeeded": 0, "failed": FAILED}.get(run.state, ENDED_OTHERWISE)


def until_end(client: Client, run_id: UUID) -> RunView:
    """Wait for the end; where a person is watching, show each cell."""
    console = progress()
    try:
        if console is None:
            return client.runs.wait(run_id)
        with console.status("waiting for a worker") as status:
            _show_cells(client, run_id, console, status)
        return client.runs.wait(run_id)
    except KeyboardInterrupt:
        say(f"The run goes on. 'nightbook runs cancel {run_id}' ends it.")
        raise typer.Exit(130) from None


def _show_cells(client: Client, run_id: UUID, console: Console, status: Status) -> None:
    total = 0
    for event in client.runs.follow(run_id):
        if isinstance(event, RunView):
            status.update(_waiting(event))
            continue
        fields = event.fields
        if event.kind == "begin":
            total = len(fields["ids"])
        elif event.kind == "cell":
            status.update(f"cell {fields['i'] + 1} of {total}")
        elif event.kind == "done" and fields["started"] != fields["ended"]:
            console.print(_cell_line(fields, total))


def _waiting(run: RunView) -> str:
    if run.state != "queued":
        return str(run.state)
    return f"queued: {run.waiting_for}" if run.waiting_for else "waiting for a worker"


def _cell_line(fields: Mapping[str, Any], total: int) -> Text:
    took = f"{(fields['ended'] - fields['started']) / 1000:.1f} s"
    mark, style = ("✗", "red") if fields.get("error") else ("✓", "green")
    return Text.assemble((mark, style), f" cell {fields['i'] + 1} of {total}  ", (took, "dim"))


def print_log(client: Client, run_id: UUID) -> RunView:
    """The log as it grows, until the run is over."""
    begin: Mapping[str, Any] | None = None
    is_open = False
    run = client.runs.show(run_id)
    for event in client.runs.follow(run_id):
        if isinstance(event, RunView):
            run = event
            continue
        if event.kind == "begin":
            begin = event.fields
        text = _log_of(event, begin)
        if is_open and text and event.kind not in {"text", "out"}:
            text = "\n" + text
        sys.stdout.write(text)
        sys.stdout.flush()
        is_open = not text.endswith("\n") if text else is_open
    return run if run.state in FINAL else client.runs.show(run_id)


def _log_of(record: Record, begin: Mapping[str, Any] | None) -> str:
    """This record's part of the log; the times in it count from *begin*."""
    if begin is None or record.kind == "begin":
        return log_text([dict(record.fields)])
    return log_text([dict(begin), dict(record.fields)]).removeprefix(log_text([dict(begin)]))
