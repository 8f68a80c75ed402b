"""The dialect of cron and the names of zones: what is taken, what is refused and why, how it is said."""

import re
import struct
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from itertools import pairwise

import pytest

from nightbook.core import triggers
from nightbook.core.errors import Invalid
from nightbook.core.triggers import Cron, Interval


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def following(trigger, after, count):
    return [
        f"{moment:%Y-%m-%dT%H:%M}" for moment in triggers.moments_between(trigger, at(after), None, count)
    ]


def refusal(call, *arguments):
    with pytest.raises(Invalid) as caught:
        call(*arguments)
    (error,) = caught.value.errors
    return caught.value.code, error.field


class TestTheDialect:
    @pytest.mark.parametrize(
        "expression", ["0 0 30 2 *", "0 0 31 4,6,9,11 *", "0 0 30-31 2 *", "0 0 */30 2 1#2"]
    )
    def test_days_that_never_come_are_refused(self, expression):
        assert refusal(Cron, expression) == ("never_fires", "expression")

    def test_an_impossible_day_is_fine_where_a_weekday_is_enough(self):
        assert following(Cron("0 0 30 2 1"), "2027-01-31T00:00", 1) == ["2027-02-01T00:00"]

    @pytest.mark.parametrize(
        "expression", ["*/61 * * * *", "0 0 1-31/400 * *", "0 */25 * * *", "0 9-17/10 * * *", "0 0 * * */8"]
    )
    def test_a_step_beyond_its_range_is_refused(self, expression):
        assert refusal(Cron, expression) == ("step_beyond_range", "expression")

    @pytest.mark.parametrize(
        "expression",
        [
            "",
            " ",
            "* * * *",
            "* * * * * *",
            "0 * * * * * *",
            "every day",
            "@reboot",
            "@midnight",
            "@",
            "60 * * * *",
            "0 24 * * *",
            "0 0 32 * *",
            "0 0 0 * *",
            "0 0 1 0 *",
            "0 0 1 13 *",
            "0 0 0 0 0",
            "0 0 * * 8",
            "-1 * * * *",
            "1- * * * *",
            "1,,2 * * * *",
            ",1 * * * *",
            "1, * * * *",
            "*/0 * * * *",
            "*/ * * * *",
            "*/-5 * * * *",
            "*/5/5 * * * *",
            "5/15 * * * *",
            "1.5 * * * *",
            "5-1 * * * *",
            "0 0 * * 5-1",
            "0 0 * * FRI-MON",
            "0 0 * NOV-FEB *",
            "0 0 * * SUN-0-1",
            "0 0 * * 5#6",
            "0 0 * * 5#0",
            "0 0 * * #1",
            "0 0 * * MON-FRI#2",
            "0 0 * * 5L",
            "0 0 * * L",
            "0 0 1W * *",
            "0 0 LW * *",
            "0 0 L-3 * *",
            "0 0 ? * *",
            "H * * * *",
            "R * * * *",
            "0 0 * JANUARY *",
            "MON * * * *",
            "\uff10 0 * * *",  # a full-width digit
            "0 0\t* * *",
            "0 0 * * *\n",
            "0 0 * * *; rm -rf /",
            "0" * 5000,
            ",".join(["1"] * 100_000) + " * * * *",
        ],
    )  # fmt: skip
    def test_what_could_mean_nothing_or_two_things_is_refused_with_the_field(self, expression):
        assert refusal(Cron, expression) == ("bad_cron", "expression")

    @pytest.mark.parametrize(
        ("expression", "hint"),
        [
            ("5/15 * * * *", "5-59/15"),
            ("every day", "30 7 * * MON-FRI"),
            ("0 0 9 * * *", "no seconds"),
            ("@reboot", "@daily"),
            ("0 24 * * *", "hour, 24: 0 to 23"),
            ("-1 * * * *", "minute, -1"),
        ],
    )
    def test_a_refusal_says_what_to_write(self, expression, hint):
        with pytest.raises(Invalid, match=re.escape(hint)):
            Cron(expression)

    @pytest.mark.parametrize(
        "expression", ["*/5 * * * *", "0 0 L * 5#5", "*/60 * * * *", "05 07 * * *", "*,5 * * * *"]
    )
    def test_these_are_taken(self, expression):
        assert Cron(expression).next_after(at("2027-01-01T00:00")) is not None

    def test_the_longest_expression_is_256_characters(self):
        taken = ",".join(["1"] * 124) + " * * * *"

        assert len(taken) == 255
        assert following(Cron(taken), "2027-01-01T00:00", 1) == ["2027-01-01T00:01"]
        assert refusal(Cron, "11" + taken) == ("bad_cron", "expression")

    def test_names_may_be_written_in_any_case(self):
        assert following(Cron("0 0 * jan mon"), "2027-01-01T00:00", 2) == [
            "2027-01-04T00:00",
            "2027-01-11T00:00",
        ]

    @pytest.mark.parametrize("days", ["0", "7", "SUN", "7-7"])
    def test_sunday_is_both_0_and_7(self, days):
        assert following(Cron(f"0 0 * * {days}"), "2027-01-01T00:00", 2) == [
            "2027-01-03T00:00",
            "2027-01-10T00:00",
        ]

    def test_a_range_may_end_with_sunday(self):
        assert following(Cron("0 0 * * SAT-SUN"), "2027-01-01T00:00", 3) == [
            "2027-01-02T00:00",
            "2027-01-03T00:00",
            "2027-01-09T00:00",
        ]

    @pytest.mark.parametrize(
        ("macro", "first"),
        [
            ("@hourly", "2027-03-03T05:00"),
            ("@daily", "2027-03-04T00:00"),
            ("@weekly", "2027-03-07T00:00"),
            ("@monthly", "2027-04-01T00:00"),
            ("@yearly", "2028-01-01T00:00"),
        ],
    )
    def test_macros(self, macro, first):
        assert following(Cron(macro), "2027-03-03T04:30", 1) == [first]

    def test_l_is_the_last_day_of_each_month(self):
        assert following(Cron("0 0 L * *"), "2028-01-31T12:00", 3) == [
            "2028-02-29T00:00",
            "2028-03-31T00:00",
            "2028-04-30T00:00",
        ]

    def test_a_fifth_friday_comes_only_in_some_months(self):
        assert following(Cron("0 0 * * 5#5"), "2027-01-01T00:00", 3) == [
            "2027-01-29T00:00",
            "2027-04-30T00:00",
            "2027-07-30T00:00",
        ]

    def test_29_february_waits_for_a_leap_year_and_knows_that_2100_is_none(self):
        assert following(Cron("0 0 29 2 *"), "2026-11-23T00:00", 2) == [
            "2028-02-29T00:00",
            "2032-02-29T00:00",
        ]
        assert following(Cron("0 0 29 2 *"), "2096-03-01T00:00", 1) == ["2104-02-29T00:00"]

    def test_both_days_mean_either_one(self):
        assert following(Cron("0 0 13 * 5"), "2026-11-14T00:00", 5) == [
            "2026-11-20T00:00",
            "2026-11-27T00:00",
            "2026-12-04T00:00",
            "2026-12-11T00:00",
            "2026-12-13T00:00",
        ]

    def test_both_days_are_needed_where_one_begins_with_a_star(self):
        assert following(Cron("0 0 */12 * 5"), "2026-11-14T00:00", 3) == [
            "2026-12-25T00:00",
            "2027-01-01T00:00",
            "2027-06-25T00:00",
        ]


class TestZones:
    @pytest.mark.parametrize(
        "name",
        ["Mars/Base", "EST", "GMT", "+05:30", "UTC+1", "utc", "localtime", "", " UTC", "Factory",
         "europe/berlin", "../../etc/passwd", "/etc/localtime", "Europe/../Europe/Berlin", "Europe",
         "Europe/", "Europe/Berlin\0", "posixrules"],
    )  # fmt: skip
    def test_only_iana_names_of_places_and_utc_are_taken(self, name):
        assert refusal(Cron, "0 0 * * *", name) == ("unknown_timezone", "timezone")
        assert refusal(Interval, timedelta(hours=1), None, name) == ("unknown_timezone", "timezone")

    @pytest.mark.parametrize(
        ("name", "today"),
        [
            ("Europe/Kiev", "Europe/Kyiv"),
            ("Europe/Kyiv", "Europe/Kyiv"),
            ("Asia/Calcutta", "Asia/Kolkata"),
            ("US/Eastern", "America/New_York"),
            ("Etc/UTC", "UTC"),
            ("Etc/Zulu", "UTC"),
            ("UTC", "UTC"),
            ("Europe/Amsterdam", "Europe/Amsterdam"),  # a link, and yet the name that people there use
        ],
    )
    def test_old_names_become_the_names_of_today(self, name, today):
        assert Cron("0 0 * * *", name).timezone == today

    @pytest.mark.parametrize(
        ("name", "meant"), [("europe/berlin", "Europe/Berlin"), ("utc", "UTC"), ("Japan", "Asia/Tokyo")]
    )
    def test_a_near_miss_is_answered_with_the_name_meant(self, name, meant):
        with pytest.raises(Invalid, match=meant):
            Cron("0 0 * * *", name)


class TestWords:
    @pytest.mark.parametrize(
        ("expression", "words"),
        [
            ("30 7 * * MON-FRI", "At 07:30, Monday to Friday, UTC"),
            ("0 9 * * *", "At 09:00, every day, UTC"),
            ("0 9,17 * * *", "At 09:00 and 17:00, every day, UTC"),
            ("* * * * *", "Every minute, UTC"),
            ("*/15 * * * *", "Every 15 minutes, UTC"),
            ("@hourly", "Every hour, UTC"),
            ("20 * * * *", "At minute 20 of every hour, UTC"),
            ("*/7 * * * *", "At minutes 0, 7, 14, 21, 28, 35, 42, 49 and 56 of every hour, UTC"),
            ("0 */2 * * *", "Every 2 hours from 00:00, every day, UTC"),
            ("0 9-17 * * 1-5", "Every hour, in the hours 09 to 17, Monday to Friday, UTC"),
            ("*/10 9 * * *", "At 09:00, 09:10, 09:20, 09:30, 09:40 and 09:50, every day, UTC"),
            ("*/5 9 * * *", "Every 5 minutes, in the hour 09, every day, UTC"),
            ("0 0 1,15 * *", "At 00:00, on days 1 and 15 of the month, UTC"),
            ("0 0 L * *", "At 00:00, on the last day of the month, UTC"),
            ("0 0 1,L * *", "At 00:00, on day 1 and on the last day of the month, UTC"),
            ("0 0 * * 5#2", "At 00:00, the second Friday of the month, UTC"),
            ("0 0 * * 0,6", "At 00:00, Saturday and Sunday, UTC"),
            ("0 0 1 1,7 *", "At 00:00, on day 1 of the month, in January and July, UTC"),
            ("0 0 * 6-8 *", "At 00:00, every day, in June to August, UTC"),
            (
                "0 0 13 * 5",
                "At 00:00, on day 13 of the month, and also on Friday (either one is enough), UTC",
            ),
            ("0 0 */15 * 5", "At 00:00, on days 1, 16 and 31 of the month, but only on Friday, UTC"),
        ],
    )
    def test_cron_in_words(self, expression, words):
        assert Cron(expression).words() == words


def shifts_of(name):
    """The shifts that a zone's file lists, from its 64-bit block (RFC 9636)."""
    content = files("tzdata").joinpath("zoneinfo", *name.split("/")).read_bytes()
    first = struct.unpack(">6l", content[20:44])
    begin = 44 + sum(count * size for count, size in zip(first, (1, 1, 8, 5, 6, 1), strict=True))
    count = struct.unpack(">l", content[begin + 32 : begin + 36])[0]
    return struct.unpack(f">{count}q", content[begin + 44 : begin + 44 + 8 * count])


def test_no_zone_shifts_twice_within_a_day_so_that_looking_once_a_day_finds_every_shift():
    names = files("tzdata").joinpath("zones").read_text().split()
    since_1970 = {name: [shift for shift in shifts_of(name) if shift > 0] for name in names}

    assert any(len(shifts) > 100 for shifts in since_1970.values())
    assert all(
        later - earlier > 86_400 for shifts in since_1970.values() for earlier, later in pairwise(shifts)
    )
