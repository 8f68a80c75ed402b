"""What is done with a schedule that exists: pause, resume, delete, fill in its past, open its hook."""

from typing import Annotated

import typer

from nightbook.commands import values
from nightbook.commands.connection import connect, schedule_of
from nightbook.commands.output import Output, OutputOption, print_document, print_one, say
from nightbook.commands.runs import ParameterOption, parameters_for
from nightbook.commands.schedule_options import ScheduleArgument
from nightbook.commands.schedule_reading import rows


def pause(
    schedule: ScheduleArgument,
    reason: Annotated[str | None, typer.Option(help="Why, for those who wonder.")] = None,
    output: OutputOption = Output.table,
) -> None:
    """Stop firing."""
    with connect() as client:
        view = client.schedules.pause(schedule_of(client, schedule).id, reason)
        print_one(view, output, rows(view))


def resume(
    schedule: ScheduleArgument,
    reason: Annotated[str | None, typer.Option(help="Why, for those who wonder.")] = None,
    output: OutputOption = Output.table,
) -> None:
    """Fire again."""
    with connect() as client:
        view = client.schedules.resume(schedule_of(client, schedule).id, reason)
        print_one(view, output, rows(view))


def delete(schedule: ScheduleArgument, output: OutputOption = Output.table) -> None:
    """Delete a schedule. Its runs and what they left stay."""
    with connect() as client:
        view = schedule_of(client, schedule)
        client.schedules.delete(view.id)
    if output is Output.table:
        say(f"Deleted {view.name}. Its runs stay.")
    else:
        print_document({"id": str(view.id), "deleted": True}, output, "")


def backfill(
    schedule: ScheduleArgument,
    since: Annotated[str, typer.Option(help="The first instant, e.g. 2026-11-01T00:00:00Z.")],
    until: Annotated[str, typer.Option(help="The last instant; not later than now.")],
    redo: Annotated[str | None, typer.Option(help="Which fire times: missing, failed or all.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say which they are.")] = False,
    priority: Annotated[int | None, typer.Option(min=0, max=100, help="[default: 10, after others]")] = None,
    concurrency: Annotated[int | None, typer.Option(min=1, help="How many run at once.")] = None,
    parameter: ParameterOption = None,
    note: Annotated[str | None, typer.Option(help="A word on why.")] = None,
    output: OutputOption = Output.table,
) -> None:
    """Run past fire times, with the schedule as it is now. Make a dry run first."""
    texts = values.assigned(parameter or [])
    with connect() as client:
        read = schedule_of(client, schedule)
        version = read.notebook.sha256 or next(iter(client.notebooks.versions(read.notebook.path))).sha256
        made = client.schedules.backfill(
            read.id,
            since,
            until,
            dry_run=dry_run,
            redo=redo,
            priority=priority,
            concurrency=concurrency,
            parameters=parameters_for(client, version, texts),
            note=note,
        )
        would = "would make" if dry_run else "makes"
        facts = {
            "backfill": f"{would} {made.count} runs",
            "group": made.group_id,
            "first": made.fire_times[0] if made.fire_times else None,
            "last": made.fire_times[-1] if made.fire_times else None,
        }
        print_one(made, output, facts)


def hook(
    schedule: ScheduleArgument,
    close: Annotated[bool, typer.Option("--close", help="Close it instead.")] = False,
    output: OutputOption = Output.table,
) -> None:
    """Open the hook of an event schedule, or change its secret. The secret is shown this once."""
    with connect() as client:
        read = schedule_of(client, schedule)
        if close:
            client.schedules.close_hook(read.id)
            say(f"Closed the hook of {read.name}.")
            return
        made = client.schedules.make_hook(read.id)
        print_one(made, output, {"call": f"POST {made.path}", "secret": made.secret, "made": made.made_at})
