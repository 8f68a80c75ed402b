"""Cron agrees with a walk over every real minute, on the oddest days that the zones have had."""

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import ODD_DAYS, fires, utc

from nightbook.core.errors import Invalid
from nightbook.core.triggers import Cron, moments_between


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
