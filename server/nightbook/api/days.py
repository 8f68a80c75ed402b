"""Days as people count them: what ended on each, in a time zone of theirs."""

from collections import Counter
from collections.abc import Sequence
from datetime import date
from typing import Annotated

from fastapi import Query

from nightbook.core.states import RED
from nightbook.core.triggers import zones
from nightbook.records.tallies import Tally
from nightbook.schemas import DayView

Zone = Annotated[str, Query(max_length=64, description="IANA name of the zone whose days are counted")]


def views(wanted: Sequence[date], zone: str, tallied: Sequence[Tally]) -> list[DayView]:
    """One view for each of the days *wanted*, in the zone of that IANA name."""
    rules = zones.zone(zone)
    by_day: dict[date, list[Tally]] = {}
    for tally in tallied:
        by_day.setdefault(tally.hour.astimezone(rules).date(), []).append(tally)
    return [_view(day, by_day.get(day, [])) for day in wanted]


def _view(day: date, ended: Sequence[Tally]) -> DayView:
    count: Counter[str] = Counter()
    for tally in ended:
        kind = "red" if tally.state in RED else "succeeded" if tally.state == "succeeded" else "other"
        count[kind] += tally.runs
    took = sum(tally.seconds for tally in ended if tally.state == "succeeded")
    return DayView(
        day=day,
        succeeded=count["succeeded"],
        red=count["red"],
        other=count["other"],
        mean_seconds=took / count["succeeded"] if count["succeeded"] else None,
    )
