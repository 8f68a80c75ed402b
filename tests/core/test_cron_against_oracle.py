"""Cron agrees with a walk over every real minute, on the oddest days that the zones have had.

The walk is a slow second opinion: it reads the clock at each minute and imports nothing of ours.
"""

from calendar import monthrange
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nightbook.core.errors import Invalid
from nightbook.core.triggers import Cron, moments_between

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


def numbers(low, high):
    number = st.integers(low, high).map(str)
    span = st.tuples(st.integers(low, high), st.integers(low, high)).map(sorted)
    ranges = span.map(lambda ends: f"{ends[0]}-{ends[1]}")
    steps = st.tuples(span, st.integers(1, 60)).map(
        lambda it: f"{it[0][0]}-{it[0][1]}/{min(it[1], it[0][1] - it[0][0] + 1)}"
    )
    starred = st.integers(1, high - low + 1).map(lambda step: f"*/{step}")
    return st.one_of(number, number, ranges, steps, starred)


def lists(items):
    return st.lists(items, min_size=1, max_size=3).map(",".join)


nths = st.tuples(st.integers(0, 7), st.integers(1, 5)).map(lambda it: f"{it[0]}#{it[1]}")
expressions = st.tuples(
    lists(numbers(0, 59)) | st.sampled_from(["0", "30", "0,30", "59", "*"]),
    lists(numbers(0, 23)) | st.sampled_from(["0", "1", "2", "0-3", "1,2", "23", "*"]),
    st.sampled_from(["*", "*", "*", "*/2", "L", "1-31/3"]) | lists(numbers(1, 31) | st.just("L")),
    st.just("*") | lists(numbers(1, 12)),
    st.sampled_from(["*", "*", "*", "0", "7", "5-7", "*/2"]) | lists(numbers(0, 6) | nths),
).map(" ".join)


@settings(max_examples=250, deadline=None, derandomize=True)
@given(
    odd_day=st.sampled_from(ODD_DAYS),
    expression=expressions,
    minutes_before=st.integers(0, 1500),
    minutes_after=st.integers(0, 1700),
    dst_gap=st.sampled_from(["run_after", "skip"]),
    dst_fold=st.sampled_from(["first", "second", "both"]),
)
def test_every_fire_time_is_the_one_that_a_walk_over_real_minutes_finds(
    odd_day, expression, minutes_before, minutes_after, dst_gap, dst_fold
):
    zone, shift = odd_day
    begin = utc(shift) - timedelta(minutes=minutes_before)
    end = utc(shift) + timedelta(minutes=minutes_after)
    try:
        cron = Cron(expression, zone, dst_gap, dst_fold)
    except Invalid as fault:
        assert fault.code == "never_fires"
        assert fires(expression, zone, begin, end, dst_gap=dst_gap, dst_fold=dst_fold) == []
        return

    found = moments_between(cron, begin - timedelta(seconds=1), end, limit=5000)

    assert found == fires(expression, zone, begin, end, dst_gap=dst_gap, dst_fold=dst_fold)


@pytest.mark.parametrize(("zone", "shift"), ODD_DAYS)
@pytest.mark.parametrize(
    "expression", ["30 2 * * *", "0,15,30,45 0-3 * * *", "*/15 * * * *", "0 */2 * * *", "0 9 * * *"]
)
def test_common_patterns_are_right_about_every_odd_day(zone, shift, expression):
    begin, end = utc(shift) - timedelta(hours=20), utc(shift) + timedelta(hours=30)

    for dst_gap, dst_fold in [("run_after", "first"), ("skip", "second"), ("run_after", "both")]:
        cron = Cron(expression, zone, dst_gap, dst_fold)
        found = moments_between(cron, begin - timedelta(seconds=1), end, limit=5000)

        assert found == fires(expression, zone, begin, end, dst_gap=dst_gap, dst_fold=dst_fold)


@pytest.mark.parametrize(
    ("expression", "zone"),
    [
        ("5 4 13 * 5", "Europe/Berlin"),
        ("0 6 L * *", "America/New_York"),
        ("15 3 29 2 *", "Asia/Tokyo"),
        ("0 0 * * 1#1,5#5", "Pacific/Auckland"),
        ("0 12 */10 */5 1-5", "UTC"),
    ],
)
def test_a_whole_year_agrees_when_days_are_rare(expression, zone):
    begin, end = utc("2027-11-01T00:00"), utc("2028-03-02T00:00")

    found = moments_between(Cron(expression, zone), begin - timedelta(seconds=1), end, limit=5000)

    assert found
    assert found == fires(expression, zone, begin, end)
