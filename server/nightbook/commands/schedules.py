"""`nightbook schedule …`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from nightbook.client import Client
from nightbook.commands import values
from nightbook.commands.connection import connect, schedule_of, version_of
from nightbook.commands.output import (
    LimitOption,
    Output,
    OutputOption,
    print_document,
    print_list,
    print_one,
    say,
)
from nightbook.commands.runs import ParameterOption, parameters_for
from nightbook.schemas import PreviewView, ScheduleView

app = typer.Typer(no_args_is_help=True, help="What runs by itself, and when.")

ScheduleArgument = Annotated[str, typer.Argument(metavar="SCHEDULE", help="The schedule's id or name.")]
Cron = Annotated[str | None, typer.Option(help="Five fields, e.g. '0 9 * * MON-FRI'.")]
Every = Annotated[str | None, typer.Option(help="An interval, e.g. 15m, 4h, 1d.")]
At = Annotated[str | None, typer.Option(help="One instant, e.g. 2026-11-23T07:30:00Z.")]
Manual = Annotated[bool, typer.Option("--manual", help="Only by hand or over the API.")]
Timezone = Annotated[
    str | None, typer.Option(help="The zone of the trigger, e.g. Europe/Berlin. [default: UTC]")
]
DstGap = Annotated[str | None, typer.Option(help="A time that the clock skips: run_after or skip.")]
DstFold = Annotated[str | None, typer.Option(help="A time that comes twice: first, second or both.")]
Kernel = Annotated[str | None, typer.Option(help="The kernel, if not the notebook's own.")]
Pool = Annotated[str | None, typer.Option(help="The pool of workers.")]
Priority = Annotated[int | None, typer.Option(min=0, max=100, help="Higher runs start first.")]
Timeout = Annotated[str | None, typer.Option(help="For the whole run, e.g. 30m.")]
CellTimeout = Annotated[str | None, typer.Option(help="For each cell, e.g. 5m.")]
Retries = Annotated[int | None, typer.Option(min=0, max=10, help="Tries after a failure.")]
WorkerLoss = Annotated[
    bool | None, typer.Option(help="Repeat a run whose worker vanished.", show_default=False)
]
Tag = Annotated[list[str] | None, typer.Option(help="A tag; may be given several times.")]
StartAt = Annotated[str | None, typer.Option(help="No fire time before this instant.")]
EndAt = Annotated[str | None, typer.Option(help="No fire time after this instant.")]
CatchUp = Annotated[str | None, typer.Option(help="Fire times found late: none, latest or all.")]
Overlap = Annotated[
    str | None,
    typer.Option(help="While a run is running: skip, queue_one, queue_all, cancel_previous or allow."),
]
Owner = Annotated[str | None, typer.Option(help="Who answers for it.")]
Description = Annotated[str | None, typer.Option(help="What it is for.")]
Runbook = Annotated[
    str | None, typer.Option("--runbook-url", help="Where it is written what to do when it fails.")
]
Pin = Annotated[bool, typer.Option("--pin", help="Run always this version, not the latest one.")]


@app.command()
def create(
    notebook: Annotated[
        str, typer.Argument(metavar="NOTEBOOK", help="A notebook here, or its path on the server.")
    ],
    name: Annotated[
        str | None, typer.Option(help="What people call it; by default the notebook's name.")
    ] = None,
    cron: Cron = None,
    every: Every = None,
    at: At = None,
    manual: Manual = False,
    timezone: Timezone = None,
    dst_gap: DstGap = None,
    dst_fold: DstFold = None,
    parameter: ParameterOption = None,
    kernel: Kernel = None,
    pool: Pool = None,
    priority: Priority = None,
    timeout: Timeout = None,
    cell_timeout: CellTimeout = None,
    retries: Retries = None,
    retry_on_worker_loss: WorkerLoss = None,
    tag: Tag = None,
    start_at: StartAt = None,
    end_at: EndAt = None,
    catch_up: CatchUp = None,
    overlap: Overlap = None,
    owner: Owner = None,
    description: Description = None,
    runbook_url: Runbook = None,
    paused: Annotated[bool, typer.Option("--paused", help="Do not fire until it is resumed.")] = False,
    pin: Pin = False,
    output: OutputOption = Output.table,
) -> None:
    """Schedule a notebook. One that lies here is uploaded as it is now, with the files that it declares."""
    chosen = values.trigger(
        cron=cron, every=every, at=at, manual=manual, timezone=timezone, dst_gap=dst_gap, dst_fold=dst_fold
    )
    if chosen is None:
        raise typer.BadParameter("say when it runs: --cron, --every, --at or --manual", param_hint="trigger")
    texts = values.assigned(parameter or [])
    limits = _limits(timeout, cell_timeout)
    with connect() as client:
        version = version_of(client, notebook)
        made = client.schedules.create(
            name or Path(version.path).stem,
            version.sha256 if pin else version.path,
            chosen,
            parameters=parameters_for(client, version.sha256, texts),
            kernel=kernel,
            pool=pool,
            priority=priority,
            retries=retries,
            retry_on_worker_loss=retry_on_worker_loss,
            tags=tag,
            start_at=start_at,
            end_at=end_at,
            catch_up=catch_up,
            overlap=overlap,
            owner=owner,
            description=description,
            runbook_url=runbook_url,
            paused=paused or None,
            **limits,
        )
        print_one(made, output, _rows(made))


@app.command()
def edit(
    schedule: ScheduleArgument,
    notebook: Annotated[str | None, typer.Option(help="Another notebook, or this one as it is now.")] = None,
    name: Annotated[str | None, typer.Option(help="What people call it.")] = None,
    cron: Cron = None,
    every: Every = None,
    at: At = None,
    manual: Manual = False,
    timezone: Timezone = None,
    dst_gap: DstGap = None,
    dst_fold: DstFold = None,
    parameter: ParameterOption = None,
    kernel: Kernel = None,
    pool: Pool = None,
    priority: Priority = None,
    timeout: Timeout = None,
    cell_timeout: CellTimeout = None,
    retries: Retries = None,
    retry_on_worker_loss: WorkerLoss = None,
    tag: Tag = None,
    start_at: StartAt = None,
    end_at: EndAt = None,
    catch_up: CatchUp = None,
    overlap: Overlap = None,
    owner: Owner = None,
    description: Description = None,
    runbook_url: Runbook = None,
    pin: Pin = False,
    output: OutputOption = Output.table,
) -> None:
    """Change what the options name; the rest stays. Parameters are laid over the schedule's own."""
    chosen = values.trigger(
        cron=cron, every=every, at=at, manual=manual, timezone=timezone, dst_gap=dst_gap, dst_fold=dst_fold
    )
    texts = values.assigned(parameter or [])
    changes = {
        "name": name,
        "trigger": chosen,
        "kernel": kernel,
        "pool": pool,
        "priority": priority,
        "retries": retries,
        "retry_on_worker_loss": retry_on_worker_loss,
        "tags": tag,
        "start_at": start_at,
        "end_at": end_at,
        "catch_up": catch_up,
        "overlap": overlap,
        "owner": owner,
        "description": description,
        "runbook_url": runbook_url,
        **_limits(timeout, cell_timeout),
    }
    with connect() as client:
        read = schedule_of(client, schedule)
        spec = _new_spec(client, read, notebook, texts, pin=pin)
        given = {field: value for field, value in {**changes, **spec}.items() if value is not None}
        if not given:
            raise typer.BadParameter("name at least one thing to change", param_hint="options")
        edited = client.schedules.edit(read, **given)
        print_one(edited, output, _rows(edited))


def _limits(timeout: str | None, cell_timeout: str | None) -> dict[str, int | None]:
    return {
        "timeout_seconds": values.seconds(timeout, "--timeout"),
        "cell_timeout_seconds": values.seconds(cell_timeout, "--cell-timeout"),
    }


def _new_spec(
    client: Client, read: ScheduleView, notebook: str | None, texts: Mapping[str, str], *, pin: bool
) -> dict[str, Any]:
    """The changes that concern the notebook: another version, other parameters."""
    if notebook is None and not texts and not pin:
        return {}
    version = version_of(client, notebook or read.notebook.sha256 or read.notebook.path)
    spec: dict[str, Any] = {}
    if texts:
        spec["parameters"] = {**read.parameters, **parameters_for(client, version.sha256, dict(texts))}
    if notebook is not None or pin:
        spec["notebook"] = version.sha256 if pin else version.path
    return spec


@app.command("list")
def list_schedules(
    state: Annotated[str | None, typer.Option(help="active or paused.")] = None,
    notebook: Annotated[str | None, typer.Option(help="Only those of this notebook.")] = None,
    owner: Annotated[str | None, typer.Option(help="Only those of this owner.")] = None,
    tag: Annotated[str | None, typer.Option(help="Only those with this tag.")] = None,
    q: Annotated[str | None, typer.Option(help="Only those whose name holds this text.")] = None,
    limit: LimitOption = 50,
    output: OutputOption = Output.table,
) -> None:
    """List schedules, the newest first."""
    with connect() as client:
        filters = {"state": state, "notebook": notebook, "owner": owner, "tag": tag, "q": q}
        found = client.schedules.list(limit=min(limit, 200), **filters)
        columns = ("id", "name", "state", "when", "next", "last run")
        print_list(found, output, columns, _row, limit=limit)


def _row(view: ScheduleView) -> tuple[object, ...]:
    last = view.last_run.state if view.last_run else None
    return view.id, view.name, view.state, view.words, view.next_fire_at, last


def _rows(view: ScheduleView) -> dict[str, object]:
    return {
        "schedule": view.id,
        "name": view.name,
        "state": view.state,
        "paused by": view.paused_by,
        "paused because": view.paused_reason,
        "broken because": view.broken_reason,
        "when": view.words,
        "next": view.next_fire_at,
        "notebook": view.notebook.path,
        "version": "the latest" if view.follows_latest else view.notebook.sha256,
        "parameters": view.parameters,
        "kernel": view.kernel,
        "pool": view.pool,
        "time-out": f"{view.timeout_seconds} s",
        "retries": view.retries,
        "catch-up": view.catch_up,
        "overlap": view.overlap,
        "owner": view.owner,
        "description": view.description,
        "runbook": view.runbook_url,
        "tags": view.tags,
        "last run": f"{view.last_run.state} ({view.last_run.id})" if view.last_run else None,
    }


@app.command()
def show(schedule: ScheduleArgument, output: OutputOption = Output.table) -> None:
    """Show one schedule."""
    with connect() as client:
        view = schedule_of(client, schedule)
        print_one(view, output, _rows(view))


@app.command()
def pause(
    schedule: ScheduleArgument,
    reason: Annotated[str | None, typer.Option(help="Why, for those who wonder.")] = None,
    output: OutputOption = Output.table,
) -> None:
    """Stop firing."""
    with connect() as client:
        view = client.schedules.pause(schedule_of(client, schedule).id, reason)
        print_one(view, output, _rows(view))


@app.command()
def resume(
    schedule: ScheduleArgument,
    reason: Annotated[str | None, typer.Option(help="Why, for those who wonder.")] = None,
    output: OutputOption = Output.table,
) -> None:
    """Fire again."""
    with connect() as client:
        view = client.schedules.resume(schedule_of(client, schedule).id, reason)
        print_one(view, output, _rows(view))


@app.command()
def delete(schedule: ScheduleArgument, output: OutputOption = Output.table) -> None:
    """Delete a schedule. Its runs and what they left stay."""
    with connect() as client:
        view = schedule_of(client, schedule)
        client.schedules.delete(view.id)
    if output is Output.table:
        say(f"Deleted {view.name}. Its runs stay.")
    else:
        print_document({"id": str(view.id), "deleted": True}, output, "")


@app.command()
def preview(
    schedule: Annotated[
        str | None, typer.Argument(metavar="[SCHEDULE]", help="A schedule's id or name; or give a trigger.")
    ] = None,
    cron: Cron = None,
    every: Every = None,
    at: At = None,
    timezone: Timezone = None,
    dst_gap: DstGap = None,
    dst_fold: DstFold = None,
    count: Annotated[int, typer.Option(min=1, max=1000, help="How many fire times.")] = 5,
    after: Annotated[
        str | None, typer.Option("--from", help="Fire times after this instant; by default now.")
    ] = None,
    output: OutputOption = Output.table,
) -> None:
    """Print the next fire times of a schedule, or of a trigger that is not saved."""
    chosen = values.trigger(
        cron=cron, every=every, at=at, manual=False, timezone=timezone, dst_gap=dst_gap, dst_fold=dst_fold
    )
    if (schedule is None) == (chosen is None):
        raise typer.BadParameter(
            "give a schedule or a trigger (--cron, --every, --at)", param_hint="SCHEDULE"
        )
    with connect() as client:
        schedule_id = schedule_of(client, schedule).id if schedule else None
        view = client.schedules.preview(chosen, schedule_id=schedule_id, count=count, after=after)
    _print_preview(view, output)


def _print_preview(view: PreviewView, output: Output) -> None:
    if output is not Output.table:
        print_document(view.model_dump(mode="json"), output, "")
        return
    say(view.words)
    print_list(
        view.fire_times, output, ("at", "local", "note"), lambda fire: (fire.at, fire.local, fire.note)
    )
