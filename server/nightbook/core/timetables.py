"""Timetables: a trigger within its window, the days that it leaves out, and when a fire time's run starts.

A fire time is the moment meant. With jitter its run starts a little later, always the same for one
schedule; with finish-by it starts earlier, by a margin, so that the result is ready at the fire time.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any
from uuid import UUID

from nightbook.core import triggers
from nightbook.core.calendars import Calendar, Roll
from nightbook.core.errors import Invalid
from nightbook.core.triggers import FireTime, zones
from nightbook.core.triggers.notes import note
from nightbook.core.triggers.rules import Cron, Interval, Trigger

#: The margin of finish-by while there is no success to learn from.
FIRST_MARGIN = timedelta(minutes=30)
LONGEST_MARGIN = timedelta(days=1)
#: Runs that finish-by learns from, and how much longer than nine of ten of them it allows.
LEARNED_FROM = 20
_HEADROOM = 1.25
_LEAST_HEADROOM = timedelta(minutes=1)
#: Fire times a day up to which a trigger can be rolled to business days.
_MOST_ROLLED = 24
_TICK = timedelta(microseconds=1)
_MINUTE = timedelta(minutes=1)
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Timetable:
    """When a schedule fires. All moments are aware UTC; the window's ends are fire times if they match."""

    rule: Trigger
    start_at: datetime | None = None
    end_at: datetime | None = None
    calendar: Calendar | None = None
    roll: Roll = "skip"

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> "Timetable":
        """From the JSON fields of a schedule that decide when it fires. Raises Invalid."""
        rule = triggers.parse(fields["trigger"])
        dates, holidays = fields.get("exclude_dates") or (), fields.get("holidays")
        roll: Roll = fields.get("on_excluded") or "skip"
        calendar = Calendar.of(dates, holidays) if dates or holidays or roll != "skip" else None
        if roll != "skip":
            _require_rare(rule)
        return cls(rule, _moment(fields.get("start_at")), _moment(fields.get("end_at")), calendar, roll)

    @property
    def timezone(self) -> str:
        return getattr(self.rule, "timezone", "UTC")

    # ------------------------------------------------------------ fire times

    def next_after(self, moment: datetime) -> datetime | None:
        """The first fire time later than *moment* within the window."""
        return next(self.after(moment), None)

    def after(self, moment: datetime) -> Iterator[datetime]:
        """The fire times later than *moment*, in order, to the window's end."""
        at = self._next(max(moment, self.start_at - _TICK) if self.start_at else moment)
        while at is not None and (self.end_at is None or at <= self.end_at):
            yield at
            at = self._next(at)

    def between(self, after: datetime, until: datetime, limit: int | None = None) -> list[datetime]:
        """The fire times later than *after* and not later than *until*, the first *limit* of them."""
        found: list[datetime] = []
        for at in islice(self.after(after), limit):
            if at > until:
                break
            found.append(at)
        return found

    def last(self, after: datetime, until: datetime) -> datetime | None:
        """The newest fire time in between, excluded or not."""
        span = _MINUTE
        while True:
            begin = max(after, until - span)
            if found := self.between(begin, until):
                return found[-1]
            if begin == after:
                return None
            span *= 4

    def newest(self, after: datetime, until: datetime, count: int) -> list[datetime]:
        """The last *count* fire times in between that are not excluded, without a walk over all."""
        span = count * _MINUTE
        while count:
            begin = max(after, until - span)
            found = [at for at in self.between(begin, until) if self.why_excluded(at) is None]
            if len(found) >= count or begin == after:
                return found[-count:]
            span *= 4
        return []

    def why_excluded(self, moment: datetime) -> str | None:
        """Why nothing runs at this fire time (a holiday's name); None where something does."""
        if self.calendar is None or self.roll != "skip":
            return None
        return self.calendar.why_excluded(zones.local(self.timezone, moment).date())

    def _next(self, moment: datetime) -> datetime | None:
        if self.calendar is None or self.roll == "skip":
            return self.rule.next_after(moment)
        at = self.rule.next_after(self._look_from(moment) - _TICK)
        # Rolling keeps the order of moments, so the first that lies later is the next one.
        while at is not None and (moved := self._rolled(at)) <= moment:
            at = self.rule.next_after(at)
        return None if at is None else moved

    def _look_from(self, moment: datetime) -> datetime:
        if self.roll == "previous_business_day" or self.calendar is None:
            return moment
        day = zones.local(self.timezone, moment).date()
        return self._instant(datetime.combine(self.calendar.rest_before(day), datetime.min.time()))

    def _rolled(self, moment: datetime) -> datetime:
        assert self.calendar is not None
        wall = zones.local(self.timezone, moment).replace(tzinfo=None)
        day = self.calendar.business_day(wall.date(), self.roll)
        return moment if day == wall.date() else self._instant(datetime.combine(day, wall.time()))

    def _instant(self, wall: datetime) -> datetime:
        shown = zones.times_shown(self.timezone, wall.replace(fold=0))
        return zones.aware(shown[0] if shown else zones.end_of_gap(self.timezone, wall.replace(fold=0)))

    # ------------------------------------------------------------ words

    def words(self) -> str:
        said = self.rule.words()
        if self.calendar is None:
            return said
        if self.roll != "skip":
            which = self.roll.replace("_", " ")
            return f"{said}, moved to the {which}{self._by_calendar()}"
        return f"{said}, not on {self._left_out()}"

    def _by_calendar(self) -> str:
        assert self.calendar is not None
        return f" ({self.calendar.holidays})" if self.calendar.holidays else ""

    def _left_out(self) -> str:
        assert self.calendar is not None
        count = len(self.calendar.dates)
        dates = f"{count} date" if count == 1 else f"{count} dates"
        holidays = f"holidays ({self.calendar.holidays})"
        return " and ".join([*([holidays] if self.calendar.holidays else []), *([dates] if count else [])])

    def fire_times(self, after: datetime, count: int, shift: timedelta = timedelta(0)) -> list[FireTime]:
        """The next *count* fire times; excluded ones are shown, with the reason. *shift* is `shift_of`."""
        previous, found = after, []
        for at in islice(self.after(after), count):
            local = zones.local(self.timezone, at).isoformat()
            starts_at = at + shift if shift else None
            found.append(FireTime(at, local, self._note(previous, at), starts_at))
            previous = at
        return found

    def _note(self, previous: datetime, at: datetime) -> str | None:
        if (why := self.why_excluded(at)) is not None:
            return f"does not run: {why}"
        if self.roll != "skip" and self.rule.next_after(at - _TICK) != at:
            return f"moved to the {self.roll.replace('_', ' ')}"
        return note(self.rule, previous, at)


def _require_rare(rule: Trigger) -> None:
    often = isinstance(rule, Cron) and len(rule.pattern.minutes) * len(rule.pattern.hours) > _MOST_ROLLED
    if often or (isinstance(rule, Interval) and rule.every * _MOST_ROLLED < _DAY):
        raise Invalid(
            "too_often_to_roll",
            f"What fires more than {_MOST_ROLLED} times a day cannot be moved to business days: use skip.",
            field="on_excluded",
        )


def _moment(value: object) -> datetime | None:
    if value is None or isinstance(value, datetime):
        return value
    return datetime.fromisoformat(str(value))


# ---------------------------------------------------------------- from fire time to start


def is_finish_by(trigger: Mapping[str, Any]) -> bool:
    """Whether a trigger's fire times say when the result must be ready."""
    return bool(trigger.get("finish_by"))


def margin_from(durations: Sequence[timedelta]) -> timedelta:
    """How long before its fire time a finish-by run starts: what nine of ten took, and a quarter."""
    if not durations:
        return FIRST_MARGIN
    longest = sorted(durations)[-1 - len(durations) // 10]
    margin = max(longest * _HEADROOM, longest + _LEAST_HEADROOM)
    minutes = -(-margin // _MINUTE)  # whole minutes, rounded up
    return min(minutes * _MINUTE, LONGEST_MARGIN)


def jitter_of(schedule_id: UUID, jitter_seconds: int) -> timedelta:
    """The delay that this schedule always has: 0 to *jitter_seconds*, in whole seconds, by its id alone."""
    if jitter_seconds == 0:
        return timedelta(0)
    digest = hashlib.sha256(schedule_id.bytes).digest()
    return timedelta(seconds=int.from_bytes(digest[:8]) % (jitter_seconds + 1))
