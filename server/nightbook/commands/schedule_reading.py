"""Schedules as a person reads them: lists, one, its next fire times, its ledger."""

from typing import Annotated

import typer

from nightbook.commands import schedule_options as options
from nightbook.commands.connection import connect, schedule_of
from nightbook.commands.output import (
    LimitOption,
    Output,
    OutputOption,
    print_document,
    print_list,
    print_one,
    say,
)
from nightbook.commands.schedule_options import (
    At,
    Cron,
    DstFold,
    DstGap,
    Every,
    ExcludeDate,
    FinishBy,
    Holidays,
    Margin,
    OnExcluded,
    RRule,
    ScheduleArgument,
    Timezone,
)
from nightbook.schemas import OccurrenceView, PreviewView, ScheduleView


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


def rows(view: ScheduleView) -> dict[str, object]:
    return {
        "schedule": view.id,
        "name": view.name,
        "state": view.state,
        "paused by": view.paused_by,
        "paused because": view.paused_reason,
        "broken because": view.broken_reason,
        "when": view.words,
        "next": view.next_fire_at,
        "starts": view.due_at if view.due_at != view.next_fire_at else None,
        "hook": "open" if view.has_hook else None,
        "notebook": view.notebook.path,
        "version": "the latest" if view.follows_latest else view.notebook.sha256,
        "parameters": view.parameters,
        "kernel": view.kernel,
        "kernel starts": None if view.fork_kernel else "the ordinary way",
        "pool": view.pool,
        "time-out": f"{view.timeout_seconds} s",
        "retries": f"{view.retries}, after {', '.join(view.retry_on)}" if view.retries else 0,
        "runs": f"{view.runs_made} of {view.max_runs}" if view.max_runs else None,
        "catch-up": view.catch_up,
        "overlap": view.overlap,
        "at once": view.concurrency,
        "key": f"{view.concurrency_key}, {view.concurrency_per_key} at once"
        if view.concurrency_key
        else None,
        "pauses after": f"{view.pause_after_failures} failures" if view.pause_after_failures else None,
        "owner": view.owner,
        "description": view.description,
        "runbook": view.runbook_url,
        "tags": view.tags,
        "last run": f"{view.last_run.state} ({view.last_run.id})" if view.last_run else None,
    }


def show(schedule: ScheduleArgument, output: OutputOption = Output.table) -> None:
    """Show one schedule."""
    with connect() as client:
        view = schedule_of(client, schedule)
        print_one(view, output, rows(view))


def preview(
    ctx: typer.Context,
    schedule: Annotated[
        str | None, typer.Argument(metavar="[SCHEDULE]", help="A schedule's id or name; or give a trigger.")
    ] = None,
    cron: Cron = None,
    every: Every = None,
    at: At = None,
    timezone: Timezone = None,
    dst_gap: DstGap = None,
    dst_fold: DstFold = None,
    rrule: RRule = None,
    finish_by: FinishBy = False,
    margin: Margin = None,
    exclude_date: ExcludeDate = None,
    holidays: Holidays = None,
    on_excluded: OnExcluded = None,
    count: Annotated[int, typer.Option(min=1, max=1000, help="How many fire times.")] = 5,
    begin: Annotated[
        str | None, typer.Option("--from", help="Fire times after this instant; by default now.")
    ] = None,
    output: OutputOption = Output.table,
) -> None:
    """Print the next fire times of a schedule, or of a trigger that is not saved."""
    chosen = options.trigger(ctx.params)
    if sum(given is not None for given in (schedule, chosen, rrule)) != 1:
        raise typer.BadParameter(
            "give a schedule or a trigger (--cron, --every, --at, --rrule)", param_hint="SCHEDULE"
        )
    calendar = options.fields(
        {"exclude_date": exclude_date, "holidays": holidays, "on_excluded": on_excluded}
    )
    with connect() as client:
        schedule_id = schedule_of(client, schedule).id if schedule else None
        if rrule is not None:
            read = client.schedules.from_rrule(rrule, timezone=timezone or "UTC").model_dump(mode="json")
            chosen, ends = read["trigger"], ("start_at", "end_at", "exclude_dates")
            calendar = {**{name: read[name] for name in ends if read[name]}, **calendar}
        view = client.schedules.preview(chosen, schedule_id=schedule_id, count=count, after=begin, **calendar)
    _print_preview(view, output)


def _print_preview(view: PreviewView, output: Output) -> None:
    if output is not Output.table:
        print_document(view.model_dump(mode="json"), output, "")
        return
    say(view.words)
    if view.margin:
        say(view.margin)
    columns = ("at", "local", "starts", "note")
    print_list(
        view.fire_times, output, columns, lambda fire: (fire.at, fire.local, fire.starts_at, fire.note)
    )


def ledger(
    schedule: ScheduleArgument,
    limit: LimitOption = 50,
    output: OutputOption = Output.table,
) -> None:
    """Print what became of each fire time, the newest first."""
    with connect() as client:
        found = client.schedules.occurrences(schedule_of(client, schedule).id, limit=min(limit, 200))
        columns = ("fire time", "state", "reason", "run", "backfill")
        print_list(found, output, columns, _occurrence, limit=limit)


def _occurrence(view: OccurrenceView) -> tuple[object, ...]:
    return view.fire_at, view.state, view.reason, view.run_id, view.backfill_state
