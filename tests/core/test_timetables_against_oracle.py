"""Timetables agree with a walk over real minutes: 2,000 expressions, zones and windows about odd days.

The walk (`oracle`) imports nothing of ours. The windows of the named zones are walked whole, so that no fire
time is missing, none is double, and none stands where the clock shows something else.
"""

import random
from datetime import timedelta

import pytest
from oracle import ODD_DAYS, Walk, utc

from nightbook.core.errors import Invalid
from nightbook.core.timetables import Timetable

TRIPLES = 2000
NAMED = (
    "America/New_York",
    "Europe/London",
    "Australia/Lord_Howe",
    "Africa/Casablanca",
    "Antarctica/Troll",
    "Pacific/Apia",
    "America/Sao_Paulo",
)
TICK = timedelta(microseconds=1)


def number(dice, low, high):
    return str(dice.randint(low, high))


def item(dice, low, high):
    kind = dice.random()
    if kind < 0.5:
        return number(dice, low, high)
    first, last = sorted((dice.randint(low, high), dice.randint(low, high)))
    if kind < 0.7:
        return f"{first}-{last}"
    if kind < 0.85:
        return f"{first}-{last}/{dice.randint(1, last - first + 1)}"
    return f"*/{dice.randint(1, high - low + 1)}"


def listed(dice, low, high, *common):
    if dice.random() < 0.4:
        return dice.choice(common)
    return ",".join(item(dice, low, high) for _ in range(dice.randint(1, 3)))


def expression(dice):
    nth = f"{dice.randint(0, 7)}#{dice.randint(1, 5)}"
    return " ".join(
        (
            listed(dice, 0, 59, "0", "30", "0,30", "59", "*", "*/15"),
            listed(dice, 0, 23, "0", "1", "2", "0-3", "1,2", "23", "*"),
            dice.choice(["*", "*", "*", "*", "*/2", "L", "1-31/3", number(dice, 1, 31)]),
            dice.choice(["*", "*", "*", "*", "*", item(dice, 1, 12)]),
            dice.choice(["*", "*", "*", "*", "0", "5-7", "*/2", number(dice, 0, 7), nth]),
        )
    )


def window(dice, shift):
    """Hours to a day and a half about a shift, from a few fixed beginnings, so that walks are shared."""
    begin = utc(shift) - timedelta(minutes=dice.choice([0, 1, 90, 700, 1441]))
    return begin, utc(shift) + timedelta(minutes=dice.choice([1, 119, 720, 1500]))


@pytest.mark.parametrize("part", range(8))
def test_each_fire_time_is_the_one_that_a_walk_over_real_minutes_finds(part):
    dice = random.Random(part)
    days = [day for day in ODD_DAYS if day[0] in NAMED] * 3 + list(ODD_DAYS)
    checked = fired = 0
    while checked < TRIPLES // 8:
        zone, shift = dice.choice(days)
        begin, end = window(dice, shift)
        dst = {
            "dst_gap": dice.choice(["run_after", "skip"]),
            "dst_fold": dice.choice(["first", "second", "both"]),
        }
        trigger = {"kind": "cron", "expression": expression(dice), "timezone": zone, **dst}
        wanted = Walk(trigger["expression"]).fires(zone, begin, end, **dst)
        try:
            timetable = Timetable.of({"trigger": trigger, "start_at": begin, "end_at": end})
        except Invalid as fault:
            assert (fault.code, wanted) == ("never_fires", [])
            continue

        assert timetable.between(begin - 3 * TICK, end + timedelta(days=9)) == wanted, (trigger, begin, end)
        assert timetable.newest(begin - TICK, end, 5) == wanted[-5:]
        assert timetable.last(begin - TICK, end) == (wanted[-1] if wanted else None)
        checked, fired = checked + 1, fired + len(wanted)
    assert fired > checked  # the patterns are not so rare that nothing is compared
