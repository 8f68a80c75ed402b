"""The dialect of cron that we take, and the walls (minutes of a local clock) that match it.

Stricter than the libraries: whatever two readers could take for two things is refused. Zones and
clock changes are no matter of this file.
"""

import re
from bisect import bisect_left
from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache

from nightbook.core.errors import Invalid

LONGEST = 256
LAST_YEAR = 2200  # the wire takes no later instant
MACROS: Mapping[str, str] = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
}
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_LENGTHS = {
    month: (28, 29) if month == 2 else (30,) if month in {4, 6, 9, 11} else (31,) for month in range(1, 13)
}
_MINUTE = timedelta(minutes=1)
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class _Field:
    """One of the five fields: its values and the names that may stand for them."""

    name: str
    low: int
    high: int
    names: Mapping[str, int]


_FIELDS = (
    _Field("minute", 0, 59, {}),
    _Field("hour", 0, 23, {}),
    _Field("day of month", 1, 31, {}),
    _Field("month", 1, 12, {name: number for number, name in enumerate(_MONTHS, 1)}),
    _Field("day of week", 0, 6, {name: number for number, name in enumerate(_WEEKDAYS)}),
)


@dataclass(frozen=True, eq=False)
class Pattern:
    """A parsed expression. Weekdays count from Sunday = 0; `nths` are (weekday, which of the month)."""

    expression: str
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    monthdays: tuple[int, ...]
    last_monthday: bool
    months: tuple[int, ...]
    weekdays: tuple[int, ...]
    nths: tuple[tuple[int, int], ...]
    days_by_shape: Mapping[tuple[int, int], tuple[int, ...]]

    @property
    def fields(self) -> list[str]:
        return self.expression.split(" ")

    @property
    def follows_elapsed_time(self) -> bool:
        """Whether it fires at every real instant whose clock matches, rather than at fixed times."""
        minute, hour, *_ = self.fields
        return minute.startswith("*") or hour.startswith("*")

    @property
    def either_day_is_enough(self) -> bool:
        """Whether day of month and day of week mean OR."""
        return not (self.fields[2].startswith("*") or self.fields[4].startswith("*"))

    def next_wall(self, wall: datetime) -> datetime | None:
        """The first matching wall at or after *wall*; None when there is none up to the last year."""
        if wall.second or wall.microsecond:
            wall = wall.replace(second=0, microsecond=0) + _MINUTE
        today = wall.date()
        day = self._next_day(today)
        if day == today:
            clock = self._next_time(wall.hour, wall.minute)
            if clock:
                return datetime.combine(today, time(*clock))
            day = self._next_day(today + _DAY)
        return datetime.combine(day, time(self.hours[0], self.minutes[0])) if day else None

    def _next_time(self, hour: int, minute: int) -> tuple[int, int] | None:
        at = bisect_left(self.hours, hour)
        if at < len(self.hours) and self.hours[at] == hour:
            if minute <= self.minutes[-1]:
                return hour, self.minutes[bisect_left(self.minutes, minute)]
            at += 1
        return (self.hours[at], self.minutes[0]) if at < len(self.hours) else None

    def _next_day(self, day: date) -> date | None:
        year, month, first = day.year, day.month, day.day
        while year <= LAST_YEAR:
            if month in self.months:
                days = self.days_by_shape[monthrange(year, month)]
                at = bisect_left(days, first)
                if at < len(days):
                    return date(year, month, days[at])
            first = 1
            year, month = (year, month + 1) if month < 12 else (year + 1, 1)
        return None


@lru_cache(maxsize=4096)
def pattern(expression: str) -> Pattern:
    """Read a cron expression. Raises Invalid `bad_cron`, `step_beyond_range` or `never_fires`."""
    fields = _fields_of(expression)
    minutes, hours, months = (_numbers(_FIELDS[place], fields[place]) for place in (0, 1, 3))
    monthdays, last = _monthdays(fields[2])
    weekdays, nths = _weekdays(fields[4])
    either = not (fields[2].startswith("*") or fields[4].startswith("*"))
    shapes = {
        (weekday, length): tuple(
            day
            for day in range(1, length + 1)
            if _matches(day, weekday, length, monthdays, last, weekdays, nths, either=either)
        )
        for weekday in range(7)
        for length in (28, 29, 30, 31)
    }
    # Over the 400 years of the calendar each month begins on each day of the week.
    if not any(
        shapes[weekday, length] for month in months for length in _LENGTHS[month] for weekday in range(7)
    ):
        raise _wrong("There is no such day in any year.", code="never_fires")
    return Pattern(" ".join(fields), minutes, hours, monthdays, last, months, weekdays, nths, shapes)


def _matches(
    day: int,
    first_weekday: int,
    length: int,
    monthdays: tuple[int, ...],
    last: bool,
    weekdays: tuple[int, ...],
    nths: tuple[tuple[int, int], ...],
    *,
    either: bool,
) -> bool:
    weekday = (first_weekday + day) % 7  # the calendar counts from Monday = 0, we from Sunday = 0
    by_month = day in monthdays or (last and day == length)
    by_week = weekday in weekdays or (weekday, (day + 6) // 7) in nths
    return by_month or by_week if either else by_month and by_week


def _fields_of(expression: str) -> list[str]:
    if len(expression) > LONGEST:
        raise _wrong(f"The expression has {len(expression)} characters; at most {LONGEST} are taken.")
    if not expression.isascii() or not expression.isprintable():
        raise _wrong("Use plain letters, digits and spaces only.")
    text = expression.strip(" ").upper()
    if text.startswith("@"):
        text = _macro(text)
    fields = text.split()
    if len(fields) in {6, 7}:
        raise _wrong(
            "There are no seconds or years: write five fields (minute hour day-of-month month day-of-week)."
        )
    if len(fields) != 5:
        raise _wrong(
            f"Write five fields (minute hour day-of-month month day-of-week), for example 30 7 * * MON-FRI; "
            f"this has {len(fields)}."
        )
    return fields


def _macro(text: str) -> str:
    expression = MACROS.get(text.lower())
    if expression is None:
        raise _wrong(f"Not a macro that we know. There are {', '.join(MACROS)}.")
    return expression


def _monthdays(text: str) -> tuple[tuple[int, ...], bool]:
    items = _items(_FIELDS[2], text)
    days = [item for item in items if item != "L"]
    return (_numbers(_FIELDS[2], ",".join(days)) if days else ()), "L" in items


def _weekdays(text: str) -> tuple[tuple[int, ...], tuple[tuple[int, int], ...]]:
    field = _FIELDS[4]
    items = _items(field, text)
    days = [item for item in items if "#" not in item]
    nths = {_nth(field, item) for item in items if "#" in item}
    return (_numbers(field, ",".join(days)) if days else ()), tuple(sorted(nths))


def _nth(field: _Field, item: str) -> tuple[int, int]:
    day, _, which = item.partition("#")
    if which not in {"1", "2", "3", "4", "5"}:
        raise _wrong(f"In {field.name}, {item}: after # comes a number from 1 to 5.")
    return _number(field, day, item) % 7, int(which)


def _numbers(field: _Field, text: str) -> tuple[int, ...]:
    numbers: set[int] = set()
    for item in _items(field, text):
        numbers.update(_range(field, item))
    return tuple(sorted({number % 7 for number in numbers} if field.name == "day of week" else numbers))


def _items(field: _Field, text: str) -> list[str]:
    items = text.split(",")
    if "" in items:
        raise _wrong(f"In {field.name}, {text}: something is missing beside a comma.")
    return items


def _range(field: _Field, item: str) -> range:
    span, slash, step = item.partition("/")
    if span == "*":
        low, high = field.low, field.high
    elif "-" in span:
        low, high = _ends(field, span)
    else:
        low = high = _number(field, span, item)
        if slash:
            raise _wrong(f"In {field.name}, {item}: a step needs a range. Write {low}-{field.high}/{step}.")
    return range(low, high + 1, _step(field, item, step, high - low + 1) if slash else 1)


def _ends(field: _Field, span: str) -> tuple[int, int]:
    first, _, second = span.partition("-")
    low, high = _number(field, first, span), _number(field, second, span)
    if second == "SUN" and low > 0:
        high = 7
    if low > high:
        raise _wrong(
            f"In {field.name}, {span}: the range runs backwards. Write two ranges with a comma between them."
        )
    return low, high


def _step(field: _Field, item: str, step: str, size: int) -> int:
    if not re.fullmatch(r"[0-9]+", step) or int(step) == 0:
        raise _wrong(f"In {field.name}, {item}: the step is a number from 1 on.")
    if int(step) > size:
        raise _wrong(
            f"In {field.name}, {item}: the step is longer than the range of {size} values.",
            code="step_beyond_range",
        )
    return int(step)


def _number(field: _Field, text: str, item: str) -> int:
    if text in field.names:
        return field.names[text]
    high = 7 if field.name == "day of week" else field.high  # 0 and 7 are both Sunday
    if not re.fullmatch(r"[0-9]{1,2}", text) or not field.low <= int(text) <= high:
        raise _wrong(f"In {field.name}, {item}: {_what_is_taken(field)}.")
    return int(text)


def _what_is_taken(field: _Field) -> str:
    if field.name == "day of week":
        return "0 to 7 (0 and 7 are Sunday), SUN to SAT, FRI#2 for the second Friday"
    names = f", {next(iter(field.names))} to {list(field.names)[-1]}" if field.names else ""
    last = ", L for the last day" if field.name == "day of month" else ""
    return f"{field.low} to {field.high}{names}{last}, lists, ranges and steps are taken"


def _wrong(message: str, code: str = "bad_cron") -> Invalid:
    return Invalid(code, message, field="expression")
