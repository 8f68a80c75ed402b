"""Triggers and the preview of their fire times."""

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from nightbook.core import triggers
from nightbook.core.errors import Invalid
from nightbook.schemas.words import SCHEMA_VERSION, Draft, Id, Instant, View


def _date(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise PydanticCustomError("not_a_date", "must be a date, for example 2026-12-24") from None


def _sorted_dates(dates: list[str]) -> list[str]:
    return sorted(set(dates))


FollowedState = Literal["succeeded", "failed", "timed_out", "cancelled", "lost", "expired"]
ParameterName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")]
ExcludedDates = Annotated[
    list[Annotated[str, AfterValidator(_date)]], Field(max_length=400), AfterValidator(_sorted_dates)
]
HolidayCalendar = Annotated[str, Field(pattern=r"^[A-Z0-9]{2,4}(-[A-Z0-9]{1,3})?$")]
OnExcluded = Literal["skip", "next_business_day", "previous_business_day"]


class _Trigger(Draft):
    def rule(self) -> triggers.Trigger:
        """The trigger as a rule that can be asked for its fire times."""
        return triggers.parse(self.model_dump(mode="json"))

    @model_validator(mode="after")
    def _is_a_rule(self) -> "_Trigger":
        try:
            self.rule()
        except Invalid as fault:
            field = fault.errors[0].field if fault.errors else ""
            context = {"message": fault.message, "field": field}
            raise PydanticCustomError(fault.code, "{message}", context) from fault
        return self


class _TimedTrigger(_Trigger):
    """With `finish_by` a fire time is when the result must be ready: the run starts `margin_seconds` earlier.

    Without `margin_seconds`, the margin comes from the durations of past runs.
    """

    finish_by: bool = False
    margin_seconds: Annotated[int, Field(ge=60, le=86_400)] | None = None

    @model_validator(mode="after")
    def _margin_is_for_finish_by(self) -> "_TimedTrigger":
        if self.margin_seconds is not None and not self.finish_by:
            raise PydanticCustomError("margin_without_finish_by", "margin_seconds goes with finish_by: true")
        return self


class CronTrigger(_TimedTrigger):
    """Five fields of cron, read in a time zone."""

    kind: Literal["cron"]
    expression: Annotated[str, Field(max_length=256)]
    timezone: str = "UTC"
    dst_gap: Literal["run_after", "skip"] = "run_after"
    dst_fold: Literal["first", "second", "both"] = "first"


class IntervalTrigger(_TimedTrigger):
    """Every so often (an ISO 8601 duration of at least a minute), counted from an anchor."""

    kind: Literal["interval"]
    every: Annotated[str, Field(max_length=64)]
    anchor: Instant | None = None
    timezone: str = "UTC"


class OnceTrigger(_TimedTrigger):
    """One instant."""

    kind: Literal["once"]
    at: Instant


class AfterTrigger(_Trigger):
    """When a run of another schedule ends in one of `states`; of several schedules, each or `any` of them.

    `all` fires once each of them has had such an end since the last time that it fired.
    """

    kind: Literal["after"]
    schedule_id: Id | None = None
    schedule_ids: Annotated[list[Id], Field(max_length=20)] = []
    states: Annotated[list[FollowedState], Field(min_length=1, max_length=6)] = ["succeeded"]
    join: Literal["all", "any"] = "all"


class EventTrigger(_Trigger):
    """When a program calls the schedule's hook. `parameters` names those that the call may set."""

    kind: Literal["event"]
    parameters: Annotated[list[ParameterName], Field(max_length=50)] = []


class ManualTrigger(_Trigger):
    """Only by hand or over the API."""

    kind: Literal["manual"]


Trigger = Annotated[
    CronTrigger | IntervalTrigger | OnceTrigger | AfterTrigger | EventTrigger | ManualTrigger,
    Field(discriminator="kind"),
]


class CalendarDraft(Draft):
    """Days that a schedule leaves out, in the trigger's zone: single dates, and a named holiday calendar.

    `holidays` is a country (`DE`), a country and a part of it (`DE-BE`), or a market (`XNYS`). What falls on
    such a day is skipped, or (`on_excluded`) moved to the business day after or before it; weekends are then
    no business days either.
    """

    exclude_dates: ExcludedDates = []
    holidays: HolidayCalendar | None = None
    on_excluded: OnExcluded = "skip"


class PreviewDraft(CalendarDraft):
    """What to preview. `from` is exclusive; without it, the present."""

    trigger: Trigger
    start_at: Instant | None = None
    end_at: Instant | None = None
    from_: Annotated[Instant | None, Field(alias="from")] = None
    count: Annotated[int, Field(ge=1, le=1000)] = 5


class FireTimeView(View):
    """One fire time: the instant, the wall clock of the trigger's zone, and a word on odd days.

    `starts_at` is when its run starts, where that is not the fire time itself (jitter, finish-by).
    """

    at: datetime
    local: str
    note: str | None = None
    starts_at: datetime | None = None


class PreviewView(View):
    schema_version: int = SCHEMA_VERSION
    words: str
    fire_times: list[FireTimeView]
    margin: str | None = None


class RRuleDraft(Draft):
    """A recurrence rule of RFC 5545 (`RRULE:FREQ=…`, with DTSTART and EXDATE if you like), to be read."""

    rrule: Annotated[str, Field(min_length=1, max_length=2000)]
    timezone: str = "UTC"
    start: Instant | None = None


class RRuleView(View):
    """The same fire times in our words: fields of a schedule draft."""

    schema_version: int = SCHEMA_VERSION
    trigger: Trigger
    start_at: datetime | None = None
    end_at: datetime | None = None
    max_runs: int | None = None
    exclude_dates: list[str] = []
    words: str
