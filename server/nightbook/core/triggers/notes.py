"""What a preview says about a fire time on a day when the clocks are put forward or back."""

from datetime import datetime, timedelta

from nightbook.core.triggers import zones
from nightbook.core.triggers.rules import Cron, Interval, Trigger

_DAY = timedelta(days=1)
_FORWARD = "clocks go forward"
_BACK = "clocks go back"


def note(trigger: Trigger, previous: datetime, at: datetime) -> str | None:
    """A word on the fire time *at*, the first one after *previous*; None on a day like any other."""
    if isinstance(trigger, Cron):
        return _forward(trigger, zones.naive(previous), zones.naive(at)) or _back(trigger, zones.naive(at))
    if isinstance(trigger, Interval) and trigger.steps_in_days:
        return _moved(trigger, zones.naive(at)) or _first_of_two(trigger.timezone, zones.naive(at))
    return None


def _forward(cron: Cron, previous: datetime, at: datetime) -> str | None:
    stretch = zones.stretch(cron.timezone, at)
    if stretch.gap is None or not previous < stretch.begin <= at:
        return None
    first, end = stretch.gap
    if cron.pattern.follows_elapsed_time:
        lost = cron.pattern.next_wall(first)
        hidden = lost is not None and lost < end
        return f"{_FORWARD} from {first:%H:%M} to {end:%H:%M}; it follows real time" if hidden else None
    lost = cron.walls_lost(stretch)
    if lost is None:
        return None
    if cron.dst_gap == "skip":
        return f"{_FORWARD}: {_named(lost, end)} does not exist and is skipped"
    return f"{_FORWARD}: {_named(lost, end)} does not exist, runs at {end:%H:%M}"


def _named(wall: datetime, end: datetime) -> str:
    return f"{wall:%H:%M}" if wall.date() == end.date() else f"{wall:%Y-%m-%d %H:%M}"


def _back(cron: Cron, at: datetime) -> str | None:
    wall = at + zones.offset_at(cron.timezone, at)
    shown = zones.times_shown(cron.timezone, wall)
    if len(shown) < 2:
        return None
    which = "first" if at == shown[0] else "second"
    if cron.pattern.follows_elapsed_time or cron.dst_fold == "both":
        return f"{_BACK}: {wall:%H:%M} comes twice, this is the {which}"
    return f"{_BACK}: {wall:%H:%M} comes twice, runs at the {which}"


def _moved(interval: Interval, at: datetime) -> str | None:
    end = at + zones.offset_at(interval.timezone, at)
    meant = interval.first_wall().time()
    if end.time() == meant:
        return None
    return f"{_FORWARD}: {meant:%H:%M} does not exist, runs at {end:%H:%M}"


def _first_of_two(timezone: str, at: datetime) -> str | None:
    wall = at + zones.offset_at(timezone, at)
    if len(zones.times_shown(timezone, wall)) < 2:
        return None
    return f"{_BACK}: {wall:%H:%M} comes twice, runs at the first"
