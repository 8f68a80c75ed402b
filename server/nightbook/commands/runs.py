"""`nightbook run` and `nightbook runs …`."""

from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer

from nightbook.client import Client
from nightbook.commands import values, watching
from nightbook.commands.connection import connect, run_id_of, schedule_of, version_of
from nightbook.commands.output import (
    LimitOption,
    Output,
    OutputOption,
    print_document,
    print_list,
    print_one,
    say,
    seconds_between,
)
from nightbook.schemas import AttemptView, RunView

app = typer.Typer(no_args_is_help=True, help="Look at runs, repeat, cancel, fetch what they left.")

ParameterOption = Annotated[
    list[str] | None,
    typer.Option("-p", "--parameter", metavar="NAME=VALUE", help="A parameter; may be given several times."),
]
WaitOption = Annotated[
    bool, typer.Option("--wait", help="Wait for the end; the exit code tells how it ended.")
]
ForkKernel = Annotated[
    bool | None,
    typer.Option(
        help="Fork the kernel where that is possible, or start it the ordinary way.", show_default=False
    ),
]
RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="The run's id.")]


def run(
    notebook: Annotated[
        str, typer.Argument(metavar="NOTEBOOK", help="A notebook here, or its path on the server.")
    ],
    parameter: ParameterOption = None,
    wait: WaitOption = False,
    kernel: Annotated[str | None, typer.Option(help="The kernel, if not the notebook's own.")] = None,
    pool: Annotated[str | None, typer.Option(help="The pool of workers.")] = None,
    priority: Annotated[int | None, typer.Option(min=0, max=100, help="Higher runs start first.")] = None,
    timeout: Annotated[str | None, typer.Option(help="For the whole run, e.g. 30m.")] = None,
    cell_timeout: Annotated[str | None, typer.Option(help="For each cell, e.g. 5m.")] = None,
    retries: Annotated[int | None, typer.Option(min=0, max=10, help="Tries after a failure.")] = None,
    retry_on_worker_loss: Annotated[bool, typer.Option(help="Repeat a run whose worker vanished.")] = False,
    fork_kernel: ForkKernel = None,
    tag: Annotated[list[str] | None, typer.Option(help="A tag; may be given several times.")] = None,
    note: Annotated[str | None, typer.Option(help="A word on why.")] = None,
    output: OutputOption = Output.table,
) -> None:
    """Run a notebook once, on a worker.

    A notebook that lies here is uploaded as it is now, with the files that it declares.
    """
    texts = values.assigned(parameter or [])
    limits = {
        "timeout_seconds": values.seconds(timeout, "--timeout"),
        "cell_timeout_seconds": values.seconds(cell_timeout, "--cell-timeout"),
    }
    with connect() as client:
        version = version_of(client, notebook)
        made = client.runs.create(
            version.sha256,
            parameters_for(client, version.sha256, texts),
            kernel=kernel,
            pool=pool,
            priority=priority,
            retries=retries,
            retry_on_worker_loss=retry_on_worker_loss or None,
            fork_kernel=fork_kernel,
            tags=tag,
            note=note,
            **limits,
        )
        _finish(client, made, wait=wait, output=output)


def parameters_for(client: Client, sha256: str, texts: dict[str, str]) -> dict[str, Any]:
    """What was typed, read as the version declares it."""
    return values.typed(texts, client.notebooks.parameters(sha256).items) if texts else {}


def _finish(client: Client, made: RunView, *, wait: bool, output: Output) -> None:
    ended = watching.until_end(client, made.id) if wait else made
    print_one(ended, output, _rows(ended))
    if wait:
        raise typer.Exit(watching.exit_code(ended))


@app.command("list")
def list_runs(
    state: Annotated[
        list[str] | None, typer.Option(help="Only runs in this state; may be given several times.")
    ] = None,
    schedule: Annotated[str | None, typer.Option(help="Only runs of this schedule (id or name).")] = None,
    notebook: Annotated[str | None, typer.Option(help="Only runs of this notebook.")] = None,
    tag: Annotated[str | None, typer.Option(help="Only runs with this tag.")] = None,
    since: Annotated[str | None, typer.Option(help="Made at or after, e.g. 2026-11-23T00:00:00Z.")] = None,
    until: Annotated[str | None, typer.Option(help="Made before.")] = None,
    limit: LimitOption = 20,
    output: OutputOption = Output.table,
) -> None:
    """List runs, the newest first."""
    with connect() as client:
        schedule_id = schedule_of(client, schedule).id if schedule else None
        filters = {"state": state, "notebook": notebook, "tag": tag, "since": since, "until": until}
        found = client.runs.list(schedule_id=schedule_id, limit=min(limit, 200), **filters)
        print_list(found, output, ("id", "state", "notebook", "schedule", "made", "took"), _row, limit=limit)


def _row(view: RunView) -> tuple[object, ...]:
    took = seconds_between(view.started_at, view.finished_at)
    return view.id, view.state, view.notebook.path, view.schedule_name, view.created_at, took


def _rows(view: RunView) -> dict[str, object]:
    cells = f"{view.cells_done} of {view.cells_total}" if view.cells_total else None
    return {
        "run": view.id,
        "state": view.state,
        "reason": view.reason,
        "class": view.class_,
        "waiting for": view.waiting_for,
        "notebook": view.notebook.path,
        "version": view.notebook.sha256,
        "parameters": view.parameters,
        "schedule": view.schedule_name,
        "fire time": view.fire_at,
        "re-run of": view.rerun_of,
        "pool": view.pool,
        "asked for by": view.triggered_by,
        "made": view.created_at,
        "started": view.started_at,
        "finished": view.finished_at,
        "took": seconds_between(view.started_at, view.finished_at),
        "cells": cells,
        "attempts": len(view.attempts),
        **_last_attempt(view.attempts[-1] if view.attempts else None),
        "tags": view.tags,
        "note": view.note,
    }


def _last_attempt(attempt: AttemptView | None) -> dict[str, object]:
    if attempt is None:
        return {}
    peak, cpu, why = attempt.peak_memory_bytes, attempt.cpu_seconds, attempt.kernel_start_reason
    return {
        "peak memory": None if peak is None else f"{peak / 10**6:.0f} MB",
        "CPU time": None if cpu is None else f"{cpu:.1f} s",
        "kernel start": f"{attempt.kernel_start}: {why}" if why else attempt.kernel_start,
    }


@app.command()
def show(run: RunArgument, output: OutputOption = Output.table) -> None:
    """Show one run."""
    with connect() as client:
        view = client.runs.show(run_id_of(run))
        print_one(view, output, _rows(view))


@app.command()
def rerun(
    run: RunArgument,
    parameter: ParameterOption = None,
    use: Annotated[str, typer.Option(help="The notebook's version: original or latest.")] = "original",
    note: Annotated[str | None, typer.Option(help="A word on why.")] = None,
    wait: WaitOption = False,
    output: OutputOption = Output.table,
) -> None:
    """Run again, by default what ran then; parameters are laid over the original ones."""
    texts = values.assigned(parameter or [])
    with connect() as client:
        parent = client.runs.show(run_id_of(run))
        sha256 = parent.notebook.sha256
        given = parameters_for(client, sha256, texts) if sha256 else values.typed(texts, [])
        made = client.runs.rerun(parent.id, given, use=use, note=note)
        _finish(client, made, wait=wait, output=output)


@app.command()
def cancel(
    run: RunArgument,
    reason: Annotated[str | None, typer.Option(help="Why, for those who wonder.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until it is over.")] = False,
    output: OutputOption = Output.table,
) -> None:
    """Cancel a run that waits or runs."""
    with connect() as client:
        view = client.runs.cancel(run_id_of(run), reason)
        if wait:
            view = watching.until_end(client, view.id)
        print_one(view, output, _rows(view))


@app.command()
def logs(
    run: RunArgument,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on as the run goes on.")] = False,
    output: OutputOption = Output.table,
) -> None:
    """Print what a run printed, with the platform's own lines. With -f the exit code tells how it ended."""
    run_id = run_id_of(run)
    with connect() as client:
        if follow and output is Output.table:
            raise typer.Exit(watching.exit_code(watching.print_log(client, run_id)))
        if follow:
            client.runs.wait(run_id)
        log = client.runs.log(run_id)
        print_document({"run_id": str(run_id), "log": log}, output, log.removesuffix("\n"))


@app.command()
def download(
    run: RunArgument,
    name: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]…", help="Artifacts; all of them if none is named.")
    ] = None,
    to: Annotated[Path, typer.Option("--to", help="The folder to put them into.", file_okay=False)] = Path(),
    output: OutputOption = Output.table,
) -> None:
    """Fetch the executed notebook and the files that a run left, each checked against its SHA-256."""
    run_id = run_id_of(run)
    with connect() as client:
        names = name or [artifact.name for artifact in client.runs.artifacts(run_id)]
        saved = [_download(client, run_id, wanted, to) for wanted in names]
    document = {
        "items": [{"name": wanted, "file": str(file)} for wanted, file in zip(names, saved, strict=True)]
    }
    print_document(document, output, "\n".join(str(file) for file in saved))
    if not saved:
        say("This run has left nothing yet.")


def _download(client: Client, run_id: UUID, name: str, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return client.runs.download(run_id, name, folder)
