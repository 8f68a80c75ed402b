"""Recurrence rules become triggers that fire as dateutil says, or the part without an equal is named."""

from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from dateutil.rrule import rrulestr

from nightbook.core import recurrence
from nightbook.core.errors import Invalid
from nightbook.core.timetables import Timetable

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
START = datetime(2027, 1, 5, 6, 30, tzinfo=UTC)  # 07:30 on a Tuesday in Berlin


def read(rule, **fields):
    return recurrence.read(rule, **{"timezone": "Europe/Berlin", "start": START, "now": NOW, **fields})


def refusal(rule, **fields):
    with pytest.raises(Invalid) as refused:
        read(rule, **fields)
    return refused.value.errors[0].field


@pytest.mark.parametrize(
    ("rule", "expression"),
    [
        ("FREQ=DAILY", "30 7 * * *"),
        ("FREQ=DAILY;BYDAY=MO,TU,WE,TH,FR", "30 7 * * MON,TUE,WED,THU,FRI"),
        ("FREQ=DAILY;BYHOUR=6,18;BYMINUTE=0,15", "0,15 6,18 * * *"),
        ("FREQ=WEEKLY", "30 7 * * TUE"),
        ("FREQ=WEEKLY;BYDAY=SU;WKST=SU", "30 7 * * SUN"),
        ("FREQ=MONTHLY", "30 7 5 * *"),
        ("FREQ=MONTHLY;BYMONTHDAY=-1", "30 7 L * *"),
        ("FREQ=MONTHLY;BYMONTHDAY=1,15", "30 7 1,15 * *"),
        ("FREQ=MONTHLY;BYDAY=2FR", "30 7 * * FRI#2"),
        ("FREQ=MONTHLY;BYDAY=MO;BYSETPOS=1", "30 7 * * MON#1"),
        ("FREQ=MONTHLY;INTERVAL=3", "30 7 5 1,4,7,10 *"),
        ("FREQ=YEARLY", "30 7 5 1 *"),
        ("FREQ=YEARLY;BYMONTH=3,9;BYMONTHDAY=31", "30 7 31 3,9 *"),
        ("FREQ=YEARLY;BYMONTH=11;BYDAY=4TH", "30 7 * 11 THU#4"),
        ("RRULE:FREQ=DAILY;BYSECOND=0", "30 7 * * *"),
    ],
)
def test_a_rule_of_days_is_cron_and_fires_as_dateutil_says(rule, expression):
    found = read(rule)

    assert (found.trigger["kind"], found.trigger["expression"]) == ("cron", expression)
    zone = ZoneInfo("Europe/Berlin")
    walls = islice(rrulestr(rule, dtstart=START.astimezone(zone).replace(tzinfo=None)), 40)
    wanted = [wall.replace(tzinfo=zone).astimezone(UTC) for wall in walls]
    timetable = Timetable.of({"trigger": found.trigger, "start_at": START})
    assert timetable.between(NOW, wanted[-1]) == wanted


@pytest.mark.parametrize(
    ("rule", "every", "first"),
    [
        ("FREQ=HOURLY", "PT1H", "2027-01-05T06:30:00Z"),
        ("FREQ=MINUTELY;INTERVAL=15", "PT15M", "2027-01-05T06:30:00Z"),
        ("FREQ=DAILY;INTERVAL=3", "P3D", "2027-01-05T06:30:00Z"),
        ("FREQ=DAILY;INTERVAL=2;BYHOUR=6", "P2D", "2027-01-07T05:30:00Z"),
        ("FREQ=WEEKLY;INTERVAL=2", "P14D", "2027-01-05T06:30:00Z"),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=FR", "P14D", "2027-01-08T06:30:00Z"),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO", "P14D", "2027-01-18T06:30:00Z"),
    ],
)
def test_a_rule_of_steps_is_an_interval_from_its_first_time(rule, every, first):
    found = read(rule)

    assert (found.trigger["kind"], found.trigger["every"], found.trigger["anchor"]) == (
        "interval",
        every,
        first,
    )


@pytest.mark.parametrize(
    ("rule", "part"),
    [
        ("FREQ=SECONDLY", "rrule.FREQ"),
        ("FREQ=YEARLY;BYYEARDAY=100", "rrule.BYYEARDAY"),
        ("FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO", "rrule.BYWEEKNO"),
        ("FREQ=YEARLY;BYEASTER=0", "rrule.BYEASTER"),
        ("FREQ=DAILY;BYSECOND=30", "rrule.BYSECOND"),
        ("FREQ=MONTHLY;BYDAY=-1FR", "rrule.BYDAY"),
        ("FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13", "rrule.BYMONTHDAY"),
        ("FREQ=MONTHLY;BYMONTHDAY=-2", "rrule.BYMONTHDAY"),
        ("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1", "rrule.BYSETPOS"),
        ("FREQ=MONTHLY;INTERVAL=5", "rrule.INTERVAL"),
        ("FREQ=YEARLY;INTERVAL=2", "rrule.INTERVAL"),
        ("FREQ=YEARLY;BYDAY=20MO", "rrule.BYDAY"),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,WE", "rrule.BYDAY"),
        ("FREQ=DAILY;INTERVAL=2;BYMONTH=5", "rrule.BYMONTH"),
        ("FREQ=DAILY;INTERVAL=2;BYHOUR=5,6", "rrule.BYHOUR"),
        ("FREQ=HOURLY;BYDAY=MO", "rrule.BYDAY"),
        ("RRULE:FREQ=DAILY\nRRULE:FREQ=WEEKLY", "rrule.RRULE"),
        ("RRULE:FREQ=DAILY\nRDATE:20270101T000000", "rrule.RDATE"),
        ("DTSTART:20270105T073015\nRRULE:FREQ=DAILY", "rrule.DTSTART"),
        ("RRULE:FREQ=HOURLY\nEXDATE:20270105T073000", "rrule.EXDATE"),
        ("FREQ=DAILY;COUNT=0", "rrule.COUNT"),
    ],
)
def test_a_part_without_an_equal_is_named(rule, part):
    assert refusal(rule) == part


@pytest.mark.parametrize(
    "rule",
    [
        "",
        "hello",
        "FREQ",
        "FREQ=DAILY;",
        "FREQ=DAILY;FREQ=DAILY",
        "COUNT=3",
        "FREQ=DAILY;BYHOUR=25",
        "FREQ=DAILY;UNTIL=soon",
        "DTSTART:20270230T000000\nRRULE:FREQ=DAILY",
        ":",
        ";",
        "FREQ=DAILY;BYDAY=XX",
    ],
)
def test_what_is_no_rule_is_refused(rule):
    with pytest.raises(Invalid):
        read(rule)


def test_ends_and_exceptions_become_fields():
    found = read(
        "DTSTART;TZID=America/New_York:20270104T090000\n"
        "RRULE:FREQ=DAILY;UNTIL=20270110T235959Z\n"
        "EXDATE;TZID=America/New_York:20270106T090000"
    )

    assert found.trigger["timezone"] == "America/New_York"
    assert found.start_at == datetime(2027, 1, 4, 14, 0, tzinfo=UTC)
    assert found.end_at == datetime(2027, 1, 10, 23, 59, 59, tzinfo=UTC)
    assert found.exclude_dates == ["2027-01-06"]


def test_count_leaves_the_runs_that_are_still_to_come():
    rule = "FREQ=DAILY;COUNT=10"

    assert read(rule).max_runs == 10
    assert read(rule, start=NOW - timedelta(days=4, minutes=1)).max_runs == 5
    assert refusal(rule, start=NOW - timedelta(days=40)) == "rrule.COUNT"
