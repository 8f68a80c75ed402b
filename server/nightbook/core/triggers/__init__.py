"""Triggers: when a schedule fires. Pure rules over the bundled time zones; nothing here reads a clock.

`parse` makes a trigger from its JSON; each trigger answers `next_after(moment)` and `words()`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from nightbook.core.errors import Invalid
from nightbook.core.triggers import zones
from nightbook.core.triggers.notes import note
from nightbook.core.triggers.rules import FOLLOWED, After, Cron, Event, Interval, Manual, Once, Trigger
from nightbook.core.triggers.spans import duration

__all__ = [
    "FOLLOWED",
    "After",
    "Cron",
    "Event",
    "FireTime",
    "Interval",
    "Manual",
    "Once",
    "Trigger",
    "duration",
    "fire_times",
    "moments_between",
    "parse",
]

_INSTANT = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,6})?\d{0,3}([Zz]|[+-]\d\d:\d\d)", re.ASCII)


def parse(mapping: Mapping[str, Any]) -> Trigger:
    """The trigger that wire JSON means. Raises Invalid with the field at fault."""
    match mapping.get("kind"):
        case "cron":
            return Cron(
                _text(mapping, "expression"),
                _text(mapping, "timezone", "UTC"),
                mapping.get("dst_gap", "run_after"),
                mapping.get("dst_fold", "first"),
            )
        case "interval":
            anchor = mapping.get("anchor")
            return Interval(
                duration(_text(mapping, "every")),
                None if anchor is None else _instant(anchor, "anchor"),
                _text(mapping, "timezone", "UTC"),
            )
        case "once":
            return Once(_instant(mapping.get("at"), "at"))
        case "after":
            return After(
                _upstreams(mapping), tuple(mapping.get("states", ("succeeded",))), mapping.get("join", "all")
            )
        case "event":
            return Event(tuple(mapping.get("parameters", ())))
        case "manual":
            return Manual()
    raise Invalid(
        "unknown_kind", "A trigger is one of cron, interval, once, after, event and manual.", field="kind"
    )


def _upstreams(mapping: Mapping[str, Any]) -> tuple[str, ...]:
    one, several = mapping.get("schedule_id"), mapping.get("schedule_ids")
    if (one is None) == (not several):
        raise Invalid(
            "one_of", "Send schedule_id, or schedule_ids for more than one schedule.", field="schedule_id"
        )
    return (str(one),) if one is not None else tuple(str(each) for each in several or ())


def _text(mapping: Mapping[str, Any], field: str, default: str | None = None) -> str:
    text = mapping.get(field, default)
    if not isinstance(text, str):
        raise Invalid("missing", f"A trigger of this kind needs {field}, as text.", field=field)
    return text


def _instant(value: object, field: str) -> datetime:
    if isinstance(value, datetime):
        return value
    if isinstance(value, str) and (match := _INSTANT.fullmatch(value)):
        try:
            return datetime.fromisoformat(f"{value[:19]}{match[2]}".upper())
        except ValueError:  # such as 30 February
            pass
    raise Invalid(
        "bad_instant", "Must be an RFC 3339 instant, for example 2026-11-23T07:30:00Z.", field=field
    )


@dataclass(frozen=True)
class FireTime:
    """One fire time: the instant (UTC), the wall clock of the trigger's zone, and a word on odd days.

    `starts_at` is when its run starts, where that is not the fire time itself.
    """

    at: datetime
    local: str
    note: str | None = None
    starts_at: datetime | None = None


def fire_times(
    trigger: Trigger, after: datetime, count: int, until: datetime | None = None
) -> list[FireTime]:
    """The next *count* fire times after *after*, none later than *until*."""
    previous, found = after, []
    for at in moments_between(trigger, after, until, count):
        local = zones.local(getattr(trigger, "timezone", "UTC"), at).isoformat()
        found.append(FireTime(at, local, note(trigger, previous, at)))
        previous = at
    return found


def moments_between(trigger: Trigger, after: datetime, until: datetime | None, limit: int) -> list[datetime]:
    """The first *limit* fire times later than *after* and not later than *until*, in order."""
    found: list[datetime] = []
    moment = trigger.next_after(after)
    while moment is not None and len(found) < limit and (until is None or moment <= until):
        found.append(moment)
        moment = trigger.next_after(moment)
    return found
