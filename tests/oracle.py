"""A slow second opinion on cron: a walk over every real minute that reads the clock of the zone at each.

It imports nothing of ours, so that a mistake of ours cannot be its own proof.
"""

from calendar import monthrange
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

MINUTE = timedelta(minutes=1)


@cache
def tz(name):
    with files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as file:
        return ZoneInfo.from_file(file, key=name)


@cache
def ends(span):
    first, _, last = span.partition("-")
    return int(first), int(last or first)


def item_matches(item, value, low, high):
    span, _, step = item.partition("/")
    if span == "*":
        first, last = low, high
    else:
        first, last = ends(span)
    return first <= value <= last and (value - first) % int(step or 1) == 0


def field_matches(field, value, low, high):
    return any(item_matches(item, value, low, high) for item in field.split(","))


def monthday_matches(field, wall):
    last = monthrange(wall.year, wall.month)[1]
    return any(
        wall.day == last if item == "L" else item_matches(item, wall.day, 1, 31) for item in field.split(",")
    )


def weekday_matches(field, wall):
    sunday_first = wall.isoweekday() % 7
    for item in field.split(","):
        if "#" in item:
            day, _, nth = item.partition("#")
            if sunday_first == int(day) % 7 and (wall.day - 1) // 7 + 1 == int(nth):
                return True
        elif item_matches(item, sunday_first, 0, 6) or (sunday_first == 0 and item_matches(item, 7, 0, 6)):
            return True
    return False


def matches(expression, wall):
    minute, hour, monthday, month, weekday = expression.split()
    return (
        field_matches(minute, wall.minute, 0, 59)
        and field_matches(hour, wall.hour, 0, 23)
        and field_matches(month, wall.month, 1, 12)
        and day_matches(monthday, weekday, wall)
    )


def day_matches(monthday, weekday, wall):
    days = [monthday_matches(monthday, wall), weekday_matches(weekday, wall)]
    return all(days) if monthday[0] == "*" or weekday[0] == "*" else any(days)


def comes_twice(wall, zone):
    return wall.replace(tzinfo=zone, fold=0).utcoffset() != wall.replace(tzinfo=zone, fold=1).utcoffset()


def wanted(dst_fold, moment, wall, zone):
    if dst_fold == "both" or not comes_twice(wall, zone):
        return True
    return moment.astimezone(zone).fold == (0 if dst_fold == "first" else 1)


def missing_walls(before, wall):
    """The minutes that the clock leaves out between two real minutes in a row."""
    walls, lost = before + MINUTE, []
    while walls < wall:
        lost.append(walls)
        walls += MINUTE
    return lost


def fires(expression, name, begin, end, *, dst_gap="run_after", dst_fold="first"):
    """Every real minute from *begin* to *end*, both included, at which the pattern fires."""
    zone = tz(name)
    elapsed = any(field.startswith("*") for field in expression.split()[:2])
    found, moment = [], begin
    before = (begin - MINUTE).astimezone(zone).replace(tzinfo=None, fold=0)
    while moment <= end:
        wall = moment.astimezone(zone).replace(tzinfo=None, fold=0)
        here = matches(expression, wall) and (elapsed or wanted(dst_fold, moment, wall, zone))
        if not here and not elapsed and dst_gap == "run_after":
            here = any(matches(expression, lost) for lost in missing_walls(before, wall))
        if here:
            found.append(moment.astimezone(UTC))
        before, moment = wall, moment + MINUTE
    return found


def utc(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


ODD_DAYS = [
    ("America/New_York", "2026-03-08T07:00"),
    ("America/New_York", "2026-11-01T06:00"),
    ("Europe/London", "2026-03-29T01:00"),
    ("Europe/London", "2026-10-25T01:00"),
    ("Australia/Lord_Howe", "2026-10-03T15:30"),  # by half an hour
    ("Australia/Lord_Howe", "2026-04-04T15:00"),
    ("Africa/Casablanca", "2026-02-15T02:00"),  # back for Ramadan
    ("Africa/Casablanca", "2026-03-22T02:00"),
    ("Africa/Cairo", "2026-04-23T22:00"),  # midnight does not exist
    ("Africa/Cairo", "2026-10-29T21:00"),
    ("Africa/Juba", "2021-01-31T21:00"),  # the standard time itself moved
    ("Africa/Windhoek", "2017-10-24T00:00"),
    ("Antarctica/Troll", "2026-03-29T01:00"),  # by two hours
    ("Antarctica/Troll", "2026-10-25T01:00"),
    ("Pacific/Apia", "2011-12-30T10:00"),  # a whole day does not exist
    ("America/Sao_Paulo", "2018-11-04T03:00"),
    ("America/Sao_Paulo", "2018-02-18T02:00"),
    ("America/Havana", "2026-11-01T05:00"),
    ("Asia/Pyongyang", "2018-05-04T15:00"),
    ("America/Caracas", "2016-05-01T07:00"),
    ("America/St_Johns", "2006-10-29T02:31"),  # at one past midnight
    ("Europe/Lisbon", "2099-03-29T01:00"),  # by the rule, past the end of the tables
    ("UTC", "2026-12-31T23:30"),
    ("Asia/Kathmandu", "2028-02-28T18:15"),
]


# ---------------------------------------------------------------- many patterns over the same minutes


@cache
def walls(name, begin, end):
    """Each real minute from *begin* to *end*: the instant, its wall, its fold if the wall comes twice.

    With it go the walls that the clock left out just before.
    """
    zone, found, moment = tz(name), [], begin
    before = (begin - MINUTE).astimezone(zone).replace(tzinfo=None, fold=0)
    while moment <= end:
        local = moment.astimezone(zone)
        wall = local.replace(tzinfo=None, fold=0)
        twice = local.fold if comes_twice(wall, zone) else None
        found.append((moment, wall, twice, tuple(missing_walls(before, wall))))
        before, moment = wall, moment + MINUTE
    return found


class Field:
    """The values of one field of a pattern, as a set."""

    def __init__(self, text, low, high):
        self.values = {value for value in range(low, high + 1) if field_matches(text, value, low, high)}


class Walk:
    """One pattern, asked of minutes that were read before."""

    def __init__(self, expression):
        minute, hour, self.monthday, month, self.weekday = expression.split()
        self.minutes, self.hours = Field(minute, 0, 59).values, Field(hour, 0, 23).values
        self.months = Field(month, 1, 12).values
        self.is_elapsed = minute.startswith("*") or hour.startswith("*")
        self.days = {}

    def matches(self, wall):
        if wall.minute not in self.minutes or wall.hour not in self.hours or wall.month not in self.months:
            return False
        day = wall.date()
        if day not in self.days:
            self.days[day] = day_matches(self.monthday, self.weekday, wall)
        return self.days[day]

    def fires(self, name, begin, end, *, dst_gap, dst_fold):
        found = []
        for moment, wall, twice, lost in walls(name, begin, end):
            is_wanted = (
                self.is_elapsed
                or twice is None
                or dst_fold == "both"
                or twice == ("first", "second").index(dst_fold)
            )
            here = self.matches(wall) and is_wanted
            if not here and lost and not self.is_elapsed and dst_gap == "run_after":
                here = any(self.matches(each) for each in lost)
            if here:
                found.append(moment)
        return found
