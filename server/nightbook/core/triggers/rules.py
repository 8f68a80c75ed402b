"""The triggers. Each can be asked for its next fire time after a moment, and says itself in words.

Moments in and out are aware UTC. Nothing here reads a clock.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from nightbook.core.errors import Invalid
from nightbook.core.triggers import words, zones
from nightbook.core.triggers.cron import LAST_YEAR, Pattern, pattern

SHORTEST = timedelta(seconds=60)
LONGEST = timedelta(days=366)
#: Where an interval without an anchor counts from: a Monday, so that weeks begin on Mondays.
DEFAULT_ANCHOR = zones.turn_of(2001)

#: Endings of a run that another schedule can follow. A fire time that was skipped is none.
FOLLOWED = frozenset({"succeeded", "failed", "timed_out", "cancelled", "lost", "expired"})
MOST_UPSTREAMS = 20

DstGap = Literal["run_after", "skip"]
DstFold = Literal["first", "second", "both"]
Join = Literal["all", "any"]

_MINUTE = timedelta(minutes=1)
_DAY = timedelta(days=1)
_FIRST_INSTANT = zones.turn_of(1970)
_EARLIEST = zones.aware(zones.turn_of(2000))
_LATEST = zones.aware(zones.turn_of(LAST_YEAR + 1))


@dataclass(frozen=True)
class Cron:
    """Five fields of cron read in a time zone, and what to do when clocks go forward (gap) or back (fold)."""

    expression: str
    timezone: str = "UTC"
    dst_gap: DstGap = "run_after"
    dst_fold: DstFold = "first"

    def __post_init__(self) -> None:
        object.__setattr__(self, "timezone", zones.canonical(self.timezone))
        _one_of(self.dst_gap, ("run_after", "skip"), "dst_gap")
        _one_of(self.dst_fold, ("first", "second", "both"), "dst_fold")
        pattern(self.expression)

    @property
    def pattern(self) -> Pattern:
        return pattern(self.expression)

    def next_after(self, moment: datetime) -> datetime | None:
        if moment.year > LAST_YEAR:
            return None
        instant = max(zones.naive(moment), _FIRST_INSTANT)
        instant = instant.replace(second=0, microsecond=0) + _MINUTE
        while instant.year <= LAST_YEAR:
            stretch = zones.stretch(self.timezone, instant)
            if instant == stretch.begin and self._runs_after_gap(stretch):
                return zones.aware(instant)
            wall = self.pattern.next_wall(instant + stretch.offset)
            if wall is None:
                break
            found = wall - stretch.offset
            if found >= stretch.end:
                instant = _onward(instant, stretch, wall)
            elif self._is_wanted(wall, found):
                return zones.aware(found)
            else:
                instant = found + _MINUTE
        return None

    def _runs_after_gap(self, stretch: zones.Stretch) -> bool:
        fixed = not self.pattern.follows_elapsed_time
        return fixed and self.dst_gap == "run_after" and any(self.walls_lost(stretch))

    def walls_lost(self, stretch: zones.Stretch) -> Iterator[datetime]:
        """The matching walls that the shift at the begin of *stretch* leaves out."""
        first, end = stretch.gap or (_FIRST_INSTANT, _FIRST_INSTANT)
        while first < end and (wall := self.pattern.next_wall(first)) and wall < end:
            yield wall
            first = wall + _MINUTE

    def _is_wanted(self, wall: datetime, instant: datetime) -> bool:
        if self.dst_fold == "both" or self.pattern.follows_elapsed_time:
            return True
        shown = zones.times_shown(self.timezone, wall)
        return len(shown) < 2 or instant == shown[0 if self.dst_fold == "first" else 1]

    def words(self) -> str:
        return f"{words.of_pattern(self.pattern)}, {self.timezone}"


def _onward(instant: datetime, stretch: zones.Stretch, wall: datetime) -> datetime:
    """Where to look on when *wall*, the next match, lies beyond *stretch*."""
    # After a day no fold brings back walls from before *instant*, so years without a match may be left out.
    if wall.year > stretch.end.year + 1 and stretch.end - instant > _DAY:
        return zones.turn_of(wall.year - 1)
    return stretch.end


@dataclass(frozen=True)
class Interval:
    """Every so often from an anchor on: whole days by the zone's calendar, other spans in elapsed time."""

    every: timedelta
    anchor: datetime | None = None
    timezone: str = "UTC"

    def __post_init__(self) -> None:
        object.__setattr__(self, "timezone", zones.canonical(self.timezone))
        if self.every < SHORTEST:
            raise Invalid("interval_too_short", "An interval is at least one minute (PT1M).", field="every")
        if self.every > LONGEST:
            raise Invalid("interval_too_long", "An interval is at most 366 days (P366D).", field="every")
        if self.anchor is not None:
            object.__setattr__(self, "anchor", _whole_second(self.anchor, "anchor"))

    @property
    def steps_in_days(self) -> bool:
        return self.every % _DAY == timedelta(0)

    def next_after(self, moment: datetime) -> datetime | None:
        if moment.year > LAST_YEAR:
            return None
        for found in self._from(zones.naive(moment)):
            if found.year > LAST_YEAR:
                return None
            if zones.aware(found) > moment:
                return zones.aware(found)
        return None

    def _from(self, instant: datetime) -> Iterator[datetime]:
        """Fire times in order, beginning at the anchor or a little before *instant*."""
        first = self._first()
        steps = max((instant - first) // self.every - 2, 0)
        while True:
            if not self.steps_in_days:
                yield first + steps * self.every
            else:
                yield self.on_the_clock(self.first_wall() + steps * self.every)
            steps += 1

    def _first(self) -> datetime:
        return self.on_the_clock(DEFAULT_ANCHOR) if self.anchor is None else zones.naive(self.anchor)

    def first_wall(self) -> datetime:
        """The anchor as the clocks of the zone show it."""
        if self.anchor is None:
            return DEFAULT_ANCHOR
        return zones.local(self.timezone, self.anchor).replace(tzinfo=None)

    def on_the_clock(self, wall: datetime) -> datetime:
        """The first instant that shows *wall*; the first one after the gap where clocks leave it out."""
        shown = zones.times_shown(self.timezone, wall)
        return shown[0] if shown else zones.end_of_gap(self.timezone, wall)

    def words(self) -> str:
        return words.of_interval(self.every, self.first_wall(), self.timezone)


@dataclass(frozen=True)
class Once:
    """One instant."""

    at: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "at", _whole_second(self.at, "at"))

    def next_after(self, moment: datetime) -> datetime | None:
        return self.at if self.at > moment else None

    def words(self) -> str:
        return f"Once, on {self.at:%Y-%m-%d} at {self.at:%H:%M:%S}, UTC".replace(":00, UTC", ", UTC")


@dataclass(frozen=True)
class Manual:
    """Only by hand or over the API."""

    def next_after(self, moment: datetime) -> datetime | None:  # noqa: ARG002
        return None

    def words(self) -> str:
        return "Only when somebody runs it"


@dataclass(frozen=True)
class After:
    """The ends of other schedules' runs, in one of *states*: of each of them (`all`), or of `any`."""

    schedule_ids: tuple[str, ...]
    states: tuple[str, ...] = ("succeeded",)
    join: Join = "all"

    def __post_init__(self) -> None:
        if not 1 <= len(self.schedule_ids) <= MOST_UPSTREAMS or len(set(self.schedule_ids)) < len(
            self.schedule_ids
        ):
            raise Invalid(
                "bad_upstreams",
                f"Name 1 to {MOST_UPSTREAMS} schedules, each once: in schedule_id or in schedule_ids.",
                field="schedule_ids",
            )
        if not self.states or set(self.states) - FOLLOWED:
            raise Invalid("unknown_word", f"Must be some of {', '.join(sorted(FOLLOWED))}.", field="states")
        _one_of(self.join, ("all", "any"), "join")

    def next_after(self, moment: datetime) -> datetime | None:  # noqa: ARG002
        return None

    def words(self) -> str:
        ends = " or ".join(state.replace("_", " ") for state in self.states)
        if len(self.schedule_ids) == 1:
            return f"After a run of another schedule has {ends}"
        which = "each" if self.join == "all" else "any"
        return f"After a run of {which} of {len(self.schedule_ids)} other schedules has {ends}"


@dataclass(frozen=True)
class Event:
    """A request to the schedule's hook, which may set the named parameters."""

    parameters: tuple[str, ...] = ()

    def next_after(self, moment: datetime) -> datetime | None:  # noqa: ARG002
        return None

    def words(self) -> str:
        may = f", which may set {words.and_(self.parameters)}" if self.parameters else ""
        return f"When a program calls its hook{may}"


Trigger = Cron | Interval | Once | Manual | After | Event


def _one_of(word: str, words_taken: tuple[str, ...], field: str) -> None:
    if word not in words_taken:
        raise Invalid("unknown_word", f"Must be one of {', '.join(words_taken)}.", field=field)


def _whole_second(moment: datetime, field: str) -> datetime:
    if moment.tzinfo is None:
        raise Invalid(
            "naive_instant", "Name the offset from UTC, for example 2026-11-23T07:30:00Z.", field=field
        )
    if not _EARLIEST <= moment < _LATEST:
        raise Invalid("out_of_range", f"Must lie between the years 2000 and {LAST_YEAR}.", field=field)
    return moment.astimezone(UTC).replace(microsecond=0)
