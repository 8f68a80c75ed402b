"""The options with which a schedule is described; `create`, `edit` and `preview` share them."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

import typer

from nightbook.commands import values
from nightbook.schemas import ScheduleDraft

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
After = Annotated[
    list[str] | None,
    typer.Option(help="Run after a run of this schedule (id or name); may be given several times."),
]
AfterState = Annotated[
    list[str] | None, typer.Option(help="Which end counts: succeeded (default), failed, timed_out, lost, …")
]
AfterAny = Annotated[bool, typer.Option("--after-any", help="Of several schedules, any; not each of them.")]
Event = Annotated[bool, typer.Option("--event", help="When a program calls its hook.")]
EventParameter = Annotated[
    list[str] | None, typer.Option(help="A parameter that the call may set; may be given several times.")
]
RRule = Annotated[
    str | None, typer.Option("--rrule", help="A recurrence rule, e.g. 'FREQ=WEEKLY;BYDAY=MO;BYHOUR=9'.")
]
FinishBy = Annotated[
    bool, typer.Option("--finish-by", help="The trigger says when the result must be ready.")
]
Margin = Annotated[
    str | None, typer.Option(help="Start so long before, e.g. 20m. [default: from past durations]")
]
MaxRuns = Annotated[int | None, typer.Option(min=1, help="End after so many runs.")]
Jitter = Annotated[str | None, typer.Option(help="Delay runs by up to so much, always the same, e.g. 5m.")]
ExcludeDate = Annotated[
    list[str] | None, typer.Option(help="A day without runs, e.g. 2026-12-24; may be given several times.")
]
Holidays = Annotated[
    str | None, typer.Option(help="No runs on the holidays of a country, part or market: DE, DE-BE, XNYS.")
]
OnExcluded = Annotated[
    str | None,
    typer.Option(help="What falls on such a day: skip, next_business_day or previous_business_day."),
]
CatchUpLimit = Annotated[int | None, typer.Option(min=1, max=1000, help="The most that catch-up all runs.")]
Concurrency = Annotated[int | None, typer.Option(min=1, help="How many of its runs may run at once.")]
PauseAfter = Annotated[
    int | None, typer.Option("--pause-after-failures", min=1, help="Pause after so many in a row.")
]
RetryOn = Annotated[
    list[str] | None, typer.Option(help="Retry after: code, kernel_died, timeout, out_of_memory.")
]
RetryDelay = Annotated[str | None, typer.Option(help="Before the first retry, e.g. 1m; then doubling.")]
ExpireAfter = Annotated[str | None, typer.Option(help="Give up a run that waited so long, e.g. 2h.")]
Key = Annotated[str | None, typer.Option("--concurrency-key", help="Runs of one key wait for each other.")]
PerKey = Annotated[int | None, typer.Option("--concurrency-per-key", min=1, help="How many of the key run.")]


#: Options that have another name on the wire, and those that are spans of time.
_NAMES: Final = {"tag": "tags", "exclude_date": "exclude_dates"}
_SPANS: Final = ("timeout", "cell_timeout", "retry_delay", "expire_after", "jitter")
_FIELDS: Final = frozenset(ScheduleDraft.model_fields) - {
    "name",
    "trigger",
    "notebook",
    "parameters",
    "paused",
}
_TRIGGER: Final = (
    *("cron", "every", "at", "after", "event", "manual", "timezone", "dst_gap", "dst_fold"),
    *("finish_by", "margin", "after_state", "after_any", "event_parameter"),
)


def trigger(typed: Mapping[str, Any]) -> dict[str, Any] | None:
    """The trigger that a command's options describe; None where they describe none."""
    given = {name: typed[name] for name in _TRIGGER if typed.get(name)}
    if typed.get("rrule") and set(given) == {"timezone"}:
        return None  # it is the rule's
    return values.trigger(**given)


def fields(typed: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a schedule that a command's options name, as they go over the wire."""
    spans = {f"{name}_seconds": values.seconds(typed.get(name), _flag(name)) for name in _SPANS}
    # In a context, an option that may come several times is a tuple, and an empty one where it did not come.
    typed = {
        name: list(value) or None if isinstance(value, tuple) else value for name, value in typed.items()
    }
    named = {_NAMES.get(name, name): value for name, value in typed.items()}
    found = {name: value for name, value in {**named, **spans}.items() if name in _FIELDS}
    return {name: value for name, value in found.items() if value is not None}


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"
