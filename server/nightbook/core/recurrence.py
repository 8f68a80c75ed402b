"""Recurrence rules of RFC 5545, read into our triggers; what has no equal is refused by the name of its part.

dateutil reads the rule too, and its first fire times must be ours: a mistake of either is a refusal, never a
schedule that fires at other times.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Final, NoReturn

from nightbook.core.errors import Invalid
from nightbook.core.timetables import Timetable
from nightbook.core.triggers import zones

_DAYS: Final = {"MO": "MON", "TU": "TUE", "WE": "WED", "TH": "THU", "FR": "FRI", "SA": "SAT", "SU": "SUN"}
_ORDER: Final = tuple(_DAYS)
_PARTS: Final = frozenset(
    {
        "FREQ",
        "INTERVAL",
        "COUNT",
        "UNTIL",
        "WKST",
        "BYMINUTE",
        "BYHOUR",
        "BYDAY",
        "BYMONTHDAY",
        "BYMONTH",
        "BYSETPOS",
    }
)
_LINE: Final = re.compile(r"(?:(?P<name>[A-Z]+)(?P<options>;[^:]*)?:)?(?P<value>.+)")
_MOMENT: Final = re.compile(r"(\d{8})(?:T(\d{6})(Z?))?")
_COMPARED: Final = 60
_MINUTE: Final = timedelta(minutes=1)
_TICK: Final = timedelta(microseconds=1)


@dataclass(frozen=True)
class Recurrence:
    """Fields of a schedule that say what the rule says."""

    trigger: Mapping[str, Any]
    start_at: datetime
    end_at: datetime | None
    max_runs: int | None
    exclude_dates: Sequence[str]
    words: str


@dataclass
class _Read:
    """The lines of a rule, before anything is made of them. Walls are naive local times."""

    timezone: str
    start: datetime
    parts: dict[str, str] = field(default_factory=dict)
    excluded: list[datetime] = field(default_factory=list)

    def number(self, part: str, default: int) -> int:
        text = self.parts.get(part, str(default))
        if not re.fullmatch(r"[0-9]{1,6}", text) or int(text) < 1:
            _refuse(part, "must be a number from 1 on")
        return int(text)

    def listed(self, part: str) -> list[str]:
        return self.parts[part].split(",") if part in self.parts else []


def read(text: str, *, timezone: str, start: datetime | None, now: datetime) -> Recurrence:
    """The schedule that *text* means. *start* stands for a missing DTSTART, and *now* for both.

    Raises Invalid `rrule_not_expressible` with the part that has no equal, or `bad_rrule`.
    """
    rule = _lines(text, zones.canonical(timezone), start or now.replace(second=0, microsecond=0))
    trigger = _trigger(rule)
    start_at = _instant(rule.start, rule.timezone)
    end_at, dates = _until(rule), sorted({wall.date().isoformat() for wall in rule.excluded})
    timetable = Timetable.of(
        {"trigger": trigger, "start_at": start_at, "end_at": end_at, "exclude_dates": dates}
    )
    _require_same(rule, timetable)
    return Recurrence(
        trigger=trigger,
        start_at=start_at,
        end_at=end_at,
        max_runs=_runs_left(rule, timetable, now),
        exclude_dates=dates,
        words=timetable.words(),
    )


# ---------------------------------------------------------------- lines


def _lines(text: str, timezone: str, start: datetime) -> _Read:
    rule = _Read(timezone, zones.local(timezone, start).replace(tzinfo=None, second=0))
    lines = [line for line in re.split(r"[\r\n]+", text.strip().upper().replace("TZID=", "TZID=")) if line]
    originals = [line for line in re.split(r"[\r\n]+", text.strip()) if line]
    # DTSTART first: it may name the zone in which the others are read.
    order = sorted(range(len(lines)), key=lambda at: not lines[at].startswith("DTSTART"))
    for at in order:
        match = _LINE.fullmatch(lines[at])
        name = (match["name"] or "RRULE") if match else ""
        if match and name == "DTSTART":
            _read_start(rule, originals[at], match["value"])
        elif match and name == "RRULE":
            _read_parts(rule, match["value"])
        elif match and name == "EXDATE":
            rule.excluded += [_wall(rule, one, name) for one in match["value"].split(",")]
        else:
            _refuse(name or "RRULE", "has no equal here; send one RRULE, with DTSTART and EXDATE if you like")
    if "FREQ" not in rule.parts:
        raise Invalid("bad_rrule", "A rule begins with FREQ, for example RRULE:FREQ=DAILY.", field="rrule")
    return rule


def _read_start(rule: _Read, line: str, value: str) -> None:
    zone = re.search(r"TZID=([^;:]+)", line)
    if zone:
        rule.timezone = zones.canonical(zone[1])
    rule.start = _wall(rule, value, "DTSTART")
    if rule.start.second:
        _refuse("DTSTART", "must be a whole minute")


def _read_parts(rule: _Read, value: str) -> None:
    if rule.parts:
        _refuse("RRULE", "is taken once only")
    for part in value.split(";"):
        name, equals, said = part.partition("=")
        if not equals or not said or name in rule.parts:
            raise Invalid("bad_rrule", "Write each part once, as NAME=VALUE.", field="rrule")
        if name == "BYSECOND" and said == "0":
            continue
        if name not in _PARTS:
            _refuse(name, "has no equal in our triggers")
        rule.parts[name] = said


def _wall(rule: _Read, text: str, part: str) -> datetime:
    match = _MOMENT.fullmatch(text)
    try:
        assert match is not None
        wall = datetime.strptime(match[1] + (match[2] or "000000"), "%Y%m%d%H%M%S")  # noqa: DTZ007
    except (AssertionError, ValueError):
        raise Invalid("bad_rrule", f"{part}: write a moment as 20261123T073000.", field="rrule") from None
    if match[3]:
        return zones.local(rule.timezone, wall.replace(tzinfo=UTC)).replace(tzinfo=None)
    return wall


def _refuse(part: str, why: str) -> NoReturn:
    name = part if re.fullmatch(r"[A-Z-]{1,20}", part) else "RRULE"
    raise Invalid("rrule_not_expressible", f"{name} {why}.", field=f"rrule.{name}")


# ---------------------------------------------------------------- triggers


def _trigger(rule: _Read) -> dict[str, Any]:
    frequency, every = rule.parts["FREQ"], rule.number("INTERVAL", 1)
    if frequency not in {"MINUTELY", "HOURLY", "DAILY", "WEEKLY", "MONTHLY", "YEARLY"}:
        _refuse("FREQ", "must be one of MINUTELY, HOURLY, DAILY, WEEKLY, MONTHLY and YEARLY")
    if frequency in {"MINUTELY", "HOURLY"}:
        return _short(rule, frequency, every)
    if frequency in {"DAILY", "WEEKLY"} and every > 1:
        return _days_apart(rule, every * (1 if frequency == "DAILY" else 7), frequency)
    return _cron(rule, frequency, every)


def _short(rule: _Read, frequency: str, every: int) -> dict[str, Any]:
    _refuse_any(
        rule, ("BYMONTH", "BYMONTHDAY", "BYDAY", "BYHOUR", "BYMINUTE", "BYSETPOS"), f"FREQ={frequency}"
    )
    span = f"PT{every}{frequency[0]}"
    return _interval(rule, span, rule.start)


def _days_apart(rule: _Read, days: int, frequency: str) -> dict[str, Any]:
    """Every n-th day or week: an interval of whole days, which keeps to the clock of its zone."""
    _refuse_any(rule, ("BYMONTH", "BYMONTHDAY", "BYSETPOS"), "an INTERVAL above 1")
    first = rule.start
    for part, unit in (("BYHOUR", "hour"), ("BYMINUTE", "minute")):
        values = rule.listed(part)
        if len(values) > 1:
            _refuse(part, "goes with an INTERVAL above 1 only when it is one number")
        if values:
            first = first.replace(**{unit: _in_range(part, values[0], 0, 59)})  # type: ignore[arg-type]
    weekdays = rule.listed("BYDAY")
    if weekdays and (len(weekdays) > 1 or frequency == "DAILY" or weekdays[0] not in _DAYS):
        _refuse("BYDAY", "goes with an INTERVAL above 1 only as one day of FREQ=WEEKLY")
    if weekdays:
        # Weeks count from the one that DTSTART lies in, which begins on WKST.
        begins = _ORDER.index(rule.parts.get("WKST", "MO"))
        offset = (_ORDER.index(weekdays[0]) - begins) % 7 - (first.weekday() - begins) % 7
        first += timedelta(days=offset)
    while first < rule.start:
        first += timedelta(days=days)
    return _interval(rule, f"P{days}D", first)


def _interval(rule: _Read, every: str, first: datetime) -> dict[str, Any]:
    anchor = _instant(first, rule.timezone).isoformat().replace("+00:00", "Z")
    return {"kind": "interval", "every": every, "anchor": anchor, "timezone": rule.timezone}


def _cron(rule: _Read, frequency: str, every: int) -> dict[str, Any]:
    minutes = ",".join(rule.listed("BYMINUTE")) or str(rule.start.minute)
    hours = ",".join(rule.listed("BYHOUR")) or str(rule.start.hour)
    expression = f"{minutes} {hours} {_monthdays(rule, frequency)} {_months(rule, frequency, every)} "
    return {
        "kind": "cron",
        "expression": expression + _weekdays(rule, frequency),
        "timezone": rule.timezone,
    }


def _months(rule: _Read, frequency: str, every: int) -> str:
    named = rule.listed("BYMONTH")
    if every > 1 and (frequency == "YEARLY" or 12 % every or named):
        _refuse("INTERVAL", "above 1 goes with MONTHLY only where it divides the year (2, 3, 4, 6, 12)")
    if every > 1:
        return ",".join(str(month) for month in range(1, 13) if (month - rule.start.month) % every == 0)
    if named:
        return ",".join(str(_in_range("BYMONTH", month, 1, 12)) for month in named)
    is_of_the_day = frequency == "YEARLY" and "BYDAY" not in rule.parts and "BYMONTHDAY" not in rule.parts
    return str(rule.start.month) if is_of_the_day else "*"


def _monthdays(rule: _Read, frequency: str) -> str:
    named = rule.listed("BYMONTHDAY")
    if named and "BYDAY" in rule.parts:
        _refuse("BYMONTHDAY", "together with BYDAY means both, which cron cannot say")
    if named:
        return ",".join("L" if day == "-1" else str(_in_range("BYMONTHDAY", day, 1, 31)) for day in named)
    is_of_the_start = frequency in {"MONTHLY", "YEARLY"} and "BYDAY" not in rule.parts
    return str(rule.start.day) if is_of_the_start else "*"


def _weekdays(rule: _Read, frequency: str) -> str:
    named = rule.listed("BYDAY")
    if not named:
        if "BYSETPOS" in rule.parts:
            _refuse("BYSETPOS", "is taken with BYDAY of one day only")
        if frequency == "WEEKLY" and "BYMONTHDAY" not in rule.parts:
            return _DAYS[_ORDER[rule.start.weekday()]]
        return "*"
    if "BYSETPOS" in rule.parts:
        return _position(rule, named, frequency)
    return ",".join(_weekday(rule, day, frequency) for day in named)


def _weekday(rule: _Read, text: str, frequency: str) -> str:
    match = re.fullmatch(r"([+-]?\d{1,2})?(MO|TU|WE|TH|FR|SA|SU)", text)
    if match is None:
        _refuse("BYDAY", "must be days such as MO or 2FR")
    if match[1] is None:
        return _DAYS[match[2]]
    if frequency not in {"MONTHLY", "YEARLY"} or (frequency == "YEARLY" and "BYMONTH" not in rule.parts):
        _refuse("BYDAY", "with a number goes with MONTHLY, or with YEARLY and BYMONTH")
    if not 1 <= int(match[1]) <= 5:
        _refuse("BYDAY", "with a number counts from 1 to 5; the last weekday of a month has no equal")
    return f"{_DAYS[match[2]]}#{int(match[1])}"


def _position(rule: _Read, named: Sequence[str], frequency: str) -> str:
    which = rule.parts["BYSETPOS"]
    if frequency != "MONTHLY" or len(named) > 1 or named[0] not in _DAYS or which not in set("12345"):
        _refuse("BYSETPOS", "is taken from 1 to 5, with MONTHLY and BYDAY of one day, only")
    return f"{_DAYS[named[0]]}#{which}"


def _in_range(part: str, text: str, low: int, high: int) -> int:
    if not re.fullmatch(r"[+-]?\d{1,3}", text) or not low <= int(text) <= high:
        _refuse(part, f"is taken from {low} to {high}")
    return int(text)


def _refuse_any(rule: _Read, parts: Sequence[str], beside: str) -> None:
    for part in parts:
        if part in rule.parts:
            _refuse(part, f"beside {beside} has no equal")


# ---------------------------------------------------------------- ends


def _until(rule: _Read) -> datetime | None:
    said = rule.parts.get("UNTIL")
    if said is None:
        return None
    wall = _wall(rule, said, "UNTIL")
    if "T" not in said:
        wall = wall.replace(hour=23, minute=59)
    return _instant(wall, rule.timezone)


def _runs_left(rule: _Read, timetable: Timetable, now: datetime) -> int | None:
    """COUNT counts from DTSTART, `max_runs` from now."""
    if "COUNT" not in rule.parts:
        return None
    count = rule.number("COUNT", 1)
    start = timetable.start_at or now
    left = count - len(timetable.between(start - _MINUTE, now, limit=count)) if start <= now else count
    if left < 1:
        raise Invalid("never_fires", "This rule has made all its COUNT fire times.", field="rrule.COUNT")
    return left


def _instant(wall: datetime, timezone: str) -> datetime:
    shown = zones.times_shown(timezone, wall)
    return zones.aware(shown[0] if shown else zones.end_of_gap(timezone, wall))


def _require_same(rule: _Read, timetable: Timetable) -> None:
    """The first fire times are those that dateutil finds, and each EXDATE leaves out a whole day."""
    # Imported here: a client or worker reads wire types without having the library.
    from dateutil.rrule import rrulestr

    parts = {name: said for name, said in rule.parts.items() if name not in {"UNTIL", "COUNT"}}
    try:
        wanted = rrulestr(";".join(f"{name}={said}" for name, said in parts.items()), dtstart=rule.start)
    except (ValueError, TypeError) as error:
        raise Invalid("bad_rrule", "Not a recurrence rule of RFC 5545.", field="rrule") from error
    if timetable.rule.__class__.__name__ == "Interval" and rule.parts["FREQ"] in {"MINUTELY", "HOURLY"}:
        _check_excluded(rule, timetable)
        return  # theirs follows the clock of the wall, ours elapsed time: equal on all days but two
    theirs = list(islice(wanted, _COMPARED))
    if not theirs:
        raise Invalid("never_fires", "This rule has no fire time.", field="rrule")
    begin = _instant(rule.start, rule.timezone) - _MINUTE
    ours = Timetable(timetable.rule).between(begin, _instant(theirs[-1], rule.timezone), limit=_COMPARED + 5)
    if ours != sorted({_instant(wall, rule.timezone) for wall in theirs}):
        _refuse("RRULE", "fires at times that no trigger of ours has")
    _check_excluded(rule, timetable)


def _check_excluded(rule: _Read, timetable: Timetable) -> None:
    bare = Timetable(timetable.rule)
    for wall in rule.excluded:
        midnight = _instant(wall.replace(hour=0, minute=0, second=0), rule.timezone) - timedelta(
            microseconds=1
        )
        following = _instant((wall + timedelta(days=1)).replace(hour=0, minute=0, second=0), rule.timezone)
        fires = bare.between(midnight, following - timedelta(microseconds=1), limit=2)
        if len(fires) > 1:
            _refuse("EXDATE", "leaves out one of several fire times of a day; we leave out whole days")
