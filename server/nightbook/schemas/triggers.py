"""Triggers and the preview of their fire times."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from nightbook.core import triggers
from nightbook.core.errors import Invalid
from nightbook.schemas.words import SCHEMA_VERSION, Draft, Instant, View


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


class CronTrigger(_Trigger):
    """Five fields of cron, read in a time zone."""

    kind: Literal["cron"]
    expression: Annotated[str, Field(max_length=256)]
    timezone: str = "UTC"
    dst_gap: Literal["run_after", "skip"] = "run_after"
    dst_fold: Literal["first", "second", "both"] = "first"


class IntervalTrigger(_Trigger):
    """Every so often (an ISO 8601 duration of at least a minute), counted from an anchor."""

    kind: Literal["interval"]
    every: Annotated[str, Field(max_length=64)]
    anchor: Instant | None = None
    timezone: str = "UTC"


class OnceTrigger(_Trigger):
    """One instant."""

    kind: Literal["once"]
    at: Instant


class ManualTrigger(_Trigger):
    """Only by hand or over the API."""

    kind: Literal["manual"]


Trigger = Annotated[CronTrigger | IntervalTrigger | OnceTrigger | ManualTrigger, Field(discriminator="kind")]


class PreviewDraft(Draft):
    trigger: Trigger
    from_: Annotated[Instant | None, Field(alias="from")] = None
    count: Annotated[int, Field(ge=1, le=1000)] = 5


class FireTimeView(View):
    """One fire time: the instant, the wall clock of the trigger's zone, and a word on odd days."""

    at: datetime
    local: str
    note: str | None = None


class PreviewView(View):
    schema_version: int = SCHEMA_VERSION
    words: str
    fire_times: list[FireTimeView]
