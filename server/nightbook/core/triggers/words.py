"""Triggers in plain English, for forms, lists and previews."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from nightbook.core.triggers.cron import Pattern

_WEEKDAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_ORDINALS = ("first", "second", "third", "fourth", "fifth")
_MOST_TIMES = 6


def of_pattern(pattern: Pattern) -> str:
    """A cron pattern: when in the day, on which days, in which months."""
    time, goes_on_all_day = _time(pattern)
    days = _days(pattern)
    parts = [time, *([days] if days or goes_on_all_day else ["every day"]), _in_months(pattern)]
    return ", ".join(part for part in parts if part)


def _time(pattern: Pattern) -> tuple[str, bool]:
    """The time of day, and whether it goes on all day long."""
    if len(pattern.hours) == 24:
        return _every_hour(pattern.minutes), True
    if len(pattern.minutes) * len(pattern.hours) <= _MOST_TIMES:
        times = [f"{hour:02}:{minute:02}" for hour in pattern.hours for minute in pattern.minutes]
        return f"At {and_(times)}", False
    if len(pattern.minutes) == 1 and (step := _step(pattern.hours, 24)):
        return f"Every {step} hours from {pattern.hours[0]:02}:{pattern.minutes[0]:02}", False
    return f"{_every_hour(pattern.minutes)}, {_in_hours(pattern.hours)}", False


def _every_hour(minutes: Sequence[int]) -> str:
    if len(minutes) == 60:
        return "Every minute"
    if minutes == (0,):
        return "Every hour"
    step = _step(minutes, 60)
    if step and minutes[0] == 0:
        return f"Every {step} minutes"
    noun = "minute" if len(minutes) == 1 else "minutes"
    return f"At {noun} {_runs([str(minute) for minute in minutes], minutes)} of every hour"


def _in_hours(hours: Sequence[int]) -> str:
    noun = "hour" if len(hours) == 1 else "hours"
    return f"in the {noun} {_runs([f'{hour:02}' for hour in hours], hours)}"


def _days(pattern: Pattern) -> str:
    all_monthdays, all_weekdays = len(pattern.monthdays) == 31, len(pattern.weekdays) == 7
    by_month, by_week = _by_month(pattern), _by_week(pattern)
    if pattern.either_day_is_enough:
        return f"{by_month} of the month, and also on {by_week} (either one is enough)"
    if all_weekdays:
        return "" if all_monthdays else f"{by_month} of the month"
    if all_monthdays:
        return by_week
    return f"{by_month} of the month, but only on {by_week}"


def _by_month(pattern: Pattern) -> str:
    days = _runs([str(day) for day in pattern.monthdays], pattern.monthdays)
    noun = "on day" if len(pattern.monthdays) == 1 else "on days"
    parts = [f"{noun} {days}"] if days else []
    return " and ".join([*parts, "on the last day"] if pattern.last_monthday else parts)


def _by_week(pattern: Pattern) -> str:
    # A week is read from Monday on, so Sunday comes last.
    order = sorted((day - 1) % 7 for day in pattern.weekdays)
    days = [_runs([_WEEKDAYS[(day + 1) % 7] for day in order], order)] if order else []
    nths = [f"the {_ORDINALS[which - 1]} {_WEEKDAYS[day]} of the month" for day, which in pattern.nths]
    return and_(days + nths)


def _in_months(pattern: Pattern) -> str:
    if len(pattern.months) == 12:
        return ""
    return f"in {_runs([_MONTHS[number - 1] for number in pattern.months], pattern.months)}"


def of_interval(every: timedelta, anchor: datetime, timezone: str) -> str:
    """An interval, with the moment from which it counts."""
    if every % timedelta(days=1) == timedelta(0):
        days = every.days
        span = "day" if days == 1 else f"{days} days"
        return f"Every {span} at {_clock(anchor)}, counted from {anchor:%Y-%m-%d}, {timezone}"
    return f"Every {_span(every)}, counted from {anchor:%Y-%m-%d} {_clock(anchor)}, {timezone}"


def _clock(moment: datetime) -> str:
    return f"{moment:%H:%M:%S}" if moment.second else f"{moment:%H:%M}"


def _span(every: timedelta) -> str:
    seconds = int(every.total_seconds())
    counts = (
        (seconds // 86400, "day"),
        (seconds // 3600 % 24, "hour"),
        (seconds // 60 % 60, "minute"),
        (seconds % 60, "second"),
    )
    parts = [f"{count} {unit}" if count == 1 else f"{count} {unit}s" for count, unit in counts if count]
    return parts[0].removeprefix("1 ") if len(parts) == 1 else and_(parts)


def _step(numbers: Sequence[int], size: int) -> int | None:
    """The step at which *numbers* go evenly round a clock of *size*, if there are two of them or more."""
    if len(numbers) < 2 or size % len(numbers):
        return None
    step = size // len(numbers)
    even = all(later - earlier == step for earlier, later in pairwise(numbers))
    return step if even else None


def _runs(names: Sequence[str], numbers: Sequence[int]) -> str:
    """Names in a list, with three or more neighbours said as a range."""
    parts: list[str] = []
    start = 0
    for place in range(1, len(numbers) + 1):
        if place < len(numbers) and numbers[place] == numbers[place - 1] + 1:
            continue
        span = names[start:place]
        parts += [f"{span[0]} to {span[-1]}"] if len(span) > 2 else span
        start = place
    return and_(parts)


def and_(parts: Sequence[str]) -> str:
    """Names as an English list."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}" if parts else ""
