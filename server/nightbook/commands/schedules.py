"""`nightbook schedule …`: what runs by itself, and when."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from nightbook.client import Client
from nightbook.commands import schedule_acts, schedule_reading, values
from nightbook.commands import schedule_options as options
from nightbook.commands.connection import connect, schedule_of, version_of
from nightbook.commands.output import Output, OutputOption, print_one
from nightbook.commands.runs import ForkKernel, ParameterOption, parameters_for
from nightbook.commands.schedule_options import (
    After,
    AfterAny,
    AfterState,
    At,
    CatchUp,
    CatchUpLimit,
    CellTimeout,
    Concurrency,
    Cron,
    Description,
    DstFold,
    DstGap,
    EndAt,
    Event,
    EventParameter,
    Every,
    ExcludeDate,
    ExpireAfter,
    FinishBy,
    Holidays,
    Jitter,
    Kernel,
    Key,
    Manual,
    Margin,
    MaxRuns,
    OnExcluded,
    Overlap,
    Owner,
    PauseAfter,
    PerKey,
    Pin,
    Pool,
    Priority,
    Retries,
    RetryDelay,
    RetryOn,
    RRule,
    Runbook,
    ScheduleArgument,
    StartAt,
    Tag,
    Timeout,
    Timezone,
    WorkerLoss,
)
from nightbook.commands.schedule_reading import rows
from nightbook.schemas import ScheduleView

app = typer.Typer(no_args_is_help=True, help="What runs by itself, and when.")


@app.command()
def create(
    ctx: typer.Context,
    notebook: Annotated[
        str, typer.Argument(metavar="NOTEBOOK", help="A notebook here, or its path on the server.")
    ],
    name: Annotated[
        str | None, typer.Option(help="What people call it; by default the notebook's name.")
    ] = None,
    cron: Cron = None,
    every: Every = None,
    at: At = None,
    after: After = None,
    after_state: AfterState = None,
    after_any: AfterAny = False,
    event: Event = False,
    event_parameter: EventParameter = None,
    rrule: RRule = None,
    manual: Manual = False,
    timezone: Timezone = None,
    dst_gap: DstGap = None,
    dst_fold: DstFold = None,
    finish_by: FinishBy = False,
    margin: Margin = None,
    parameter: ParameterOption = None,
    kernel: Kernel = None,
    pool: Pool = None,
    priority: Priority = None,
    timeout: Timeout = None,
    cell_timeout: CellTimeout = None,
    retries: Retries = None,
    retry_on: RetryOn = None,
    retry_delay: RetryDelay = None,
    retry_on_worker_loss: WorkerLoss = None,
    expire_after: ExpireAfter = None,
    concurrency_key: Key = None,
    concurrency_per_key: PerKey = None,
    fork_kernel: ForkKernel = None,
    tag: Tag = None,
    start_at: StartAt = None,
    end_at: EndAt = None,
    max_runs: MaxRuns = None,
    jitter: Jitter = None,
    exclude_date: ExcludeDate = None,
    holidays: Holidays = None,
    on_excluded: OnExcluded = None,
    catch_up: CatchUp = None,
    catch_up_limit: CatchUpLimit = None,
    overlap: Overlap = None,
    concurrency: Concurrency = None,
    pause_after_failures: PauseAfter = None,
    owner: Owner = None,
    description: Description = None,
    runbook_url: Runbook = None,
    paused: Annotated[bool, typer.Option("--paused", help="Do not fire until it is resumed.")] = False,
    pin: Pin = False,
    output: OutputOption = Output.table,
) -> None:
    """Schedule a notebook. One that lies here is uploaded as it is now, with the files that it declares."""
    chosen = options.trigger(ctx.params)
    if chosen is None and rrule is None:
        hint = "say when it runs: --cron, --every, --at, --after, --event, --rrule or --manual"
        raise typer.BadParameter(hint, param_hint="trigger")
    texts, fields = values.assigned(parameter or []), options.fields(ctx.params)
    with connect() as client:
        timing = _timing(client, chosen, rrule, timezone)
        version = version_of(client, notebook)
        made = client.schedules.create(
            name or Path(version.path).stem,
            version.sha256 if pin else version.path,
            parameters=parameters_for(client, version.sha256, texts),
            paused=paused or None,
            **{**timing, **fields},
        )
        print_one(made, output, rows(made))


def _timing(
    client: Client, chosen: dict[str, Any] | None, rrule: str | None, timezone: str | None
) -> dict[str, Any]:
    """The trigger, with ids for the names that were typed; of a recurrence rule its ends as well."""
    if rrule is not None:
        if chosen is not None:
            raise typer.BadParameter("choose one trigger", param_hint="--rrule")
        read = client.schedules.from_rrule(rrule, timezone=timezone or "UTC").model_dump(mode="json")
        taken = ("trigger", "start_at", "end_at", "max_runs", "exclude_dates")
        return {name: read[name] for name in taken if read[name]}
    if chosen is None:
        return {}
    if chosen["kind"] == "after":
        ids = [str(schedule_of(client, word).id) for word in chosen["schedule_ids"]]
        chosen = {**chosen, "schedule_ids": ids}
    return {"trigger": chosen}


@app.command()
def edit(
    ctx: typer.Context,
    schedule: ScheduleArgument,
    notebook: Annotated[str | None, typer.Option(help="Another notebook, or this one as it is now.")] = None,
    name: Annotated[str | None, typer.Option(help="What people call it.")] = None,
    cron: Cron = None,
    every: Every = None,
    at: At = None,
    after: After = None,
    after_state: AfterState = None,
    after_any: AfterAny = False,
    event: Event = False,
    event_parameter: EventParameter = None,
    rrule: RRule = None,
    manual: Manual = False,
    timezone: Timezone = None,
    dst_gap: DstGap = None,
    dst_fold: DstFold = None,
    finish_by: FinishBy = False,
    margin: Margin = None,
    parameter: ParameterOption = None,
    kernel: Kernel = None,
    pool: Pool = None,
    priority: Priority = None,
    timeout: Timeout = None,
    cell_timeout: CellTimeout = None,
    retries: Retries = None,
    retry_on: RetryOn = None,
    retry_delay: RetryDelay = None,
    retry_on_worker_loss: WorkerLoss = None,
    expire_after: ExpireAfter = None,
    concurrency_key: Key = None,
    concurrency_per_key: PerKey = None,
    fork_kernel: ForkKernel = None,
    tag: Tag = None,
    start_at: StartAt = None,
    end_at: EndAt = None,
    max_runs: MaxRuns = None,
    jitter: Jitter = None,
    exclude_date: ExcludeDate = None,
    holidays: Holidays = None,
    on_excluded: OnExcluded = None,
    catch_up: CatchUp = None,
    catch_up_limit: CatchUpLimit = None,
    overlap: Overlap = None,
    concurrency: Concurrency = None,
    pause_after_failures: PauseAfter = None,
    owner: Owner = None,
    description: Description = None,
    runbook_url: Runbook = None,
    pin: Pin = False,
    output: OutputOption = Output.table,
) -> None:
    """Change what the options name; the rest stays. Parameters are laid over the schedule's own."""
    chosen, texts = options.trigger(ctx.params), values.assigned(parameter or [])
    fields = options.fields(ctx.params)
    with connect() as client:
        timing = _timing(client, chosen, rrule, timezone)
        read = schedule_of(client, schedule)
        changes = {"name": name, **timing, **fields, **_new_spec(client, read, notebook, texts, pin=pin)}
        given = {field: value for field, value in changes.items() if value is not None}
        if not given:
            raise typer.BadParameter("name at least one thing to change", param_hint="options")
        edited = client.schedules.edit(read, **given)
        print_one(edited, output, rows(edited))


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


app.command("list")(schedule_reading.list_schedules)
for command in (
    schedule_reading.show,
    schedule_reading.preview,
    schedule_reading.ledger,
    schedule_acts.pause,
    schedule_acts.resume,
    schedule_acts.delete,
    schedule_acts.backfill,
    schedule_acts.hook,
):
    app.command()(command)
