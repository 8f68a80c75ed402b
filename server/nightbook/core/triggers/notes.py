"""What a preview says about a fire time on a day when the clocks are put forward or back."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import islice

from nightbook.core.triggers import zones
from nightbook.core.triggers.rules import Cron, Interval, Trigger
from nightbook.core.triggers.words import and_

_MOST_NAMED = 3
_SECOND = timedelta(seconds=1)


def note(trigger: Trigger, previous: datetime, at: datetime) -> str | None:
    """A word on the fire time *at*, the first one after *previous*; None on a day like any other."""
    after, instant = zones.naive(previous), zones.naive(at)
    if isinstance(trigger, Cron):
        return _forward(trigger, after, instant) or _back(trigger, instant)
    if isinstance(trigger, Interval) and trigger.steps_in_days:
        return _moved(trigger, after, instant) or _first_of_two(trigger.timezone, instant)
    return None


def _forward(cron: Cron, previous: datetime, at: datetime) -> str | None:
    for stretch in zones.gaps_between(cron.timezone, previous, at):
        lost = list(islice(cron.walls_lost(stretch), _MOST_NAMED + 1))
        if lost and stretch.gap:
            return _lost(cron, lost, at=at, gap=stretch.gap)
    return None


def _lost(cron: Cron, lost: Sequence[datetime], *, at: datetime, gap: tuple[datetime, datetime]) -> str:
    start, end = gap
    if cron.pattern.follows_elapsed_time:
        return f"clocks go forward from {_clock(start, end)} to {end:%H:%M}; it follows real time"
    today = at + zones.offset_at(cron.timezone, at)
    if cron.dst_gap == "skip":
        are = "does not exist and is" if len(lost) == 1 else "do not exist and are"
        return f"clocks go forward: {_clocks(lost, today)} {are} skipped"
    do = "does not exist, runs" if len(lost) == 1 else "do not exist, run once"
    return f"clocks go forward: {_clocks(lost, today)} {do} at {end:%H:%M}"


def _clocks(walls: Sequence[datetime], today: datetime) -> str:
    more = ["more"] if len(walls) > _MOST_NAMED else []
    return and_([_clock(wall, today) for wall in walls[:_MOST_NAMED]] + more)


def _clock(wall: datetime, today: datetime) -> str:
    return f"{wall:%H:%M}" if wall.date() == today.date() else f"{wall:%Y-%m-%d %H:%M}"


def _back(cron: Cron, at: datetime) -> str | None:
    wall = at + zones.offset_at(cron.timezone, at)
    shown = zones.times_shown(cron.timezone, wall)
    if len(shown) < 2:
        return None
    which = "first" if at == shown[0] else "second"
    if cron.pattern.follows_elapsed_time or cron.dst_fold == "both":
        return f"clocks go back: {wall:%H:%M} comes twice, this is the {which}"
    return f"clocks go back: {wall:%H:%M} comes twice, runs at the {which}"


def _moved(interval: Interval, previous: datetime, at: datetime) -> str | None:
    """Only the instant that ends a gap can stand for a time that does not exist."""
    meant = interval.first_wall().time()
    for stretch in zones.gaps_between(interval.timezone, max(previous, at - _SECOND), at):
        if stretch.gap and stretch.gap[1].time() != meant:
            return f"clocks go forward: {meant:%H:%M} does not exist, runs at {stretch.gap[1]:%H:%M}"
    return None


def _first_of_two(timezone: str, at: datetime) -> str | None:
    wall = at + zones.offset_at(timezone, at)
    if len(zones.times_shown(timezone, wall)) < 2:
        return None
    return f"clocks go back: {wall:%H:%M} comes twice, runs at the first"
