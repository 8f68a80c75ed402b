"""When schedules fire: what is taken, what is refused and why, and how it is said."""

import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from nightbook.core import triggers
from nightbook.core.errors import Invalid
from nightbook.core.triggers import Cron, Interval, Manual, Once


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def following(trigger, after, count):
    return [
        f"{moment:%Y-%m-%dT%H:%M}" for moment in triggers.moments_between(trigger, at(after), None, count)
    ]


def locals_and_notes(trigger, after, count):
    return [(fire.local, fire.note) for fire in triggers.fire_times(trigger, at(after), count)]


def refusal(call, *arguments):
    with pytest.raises(Invalid) as caught:
        call(*arguments)
    (error,) = caught.value.errors
    return caught.value.code, error.field


class TestClockChanges:
    def test_a_time_in_the_gap_runs_right_after_it(self):
        assert locals_and_notes(Cron("30 2 * * *", "Europe/Berlin"), "2027-03-27T12:00", 2) == [
            ("2027-03-28T03:00:00+02:00", "clocks go forward: 02:30 does not exist, runs at 03:00"),
            ("2027-03-29T02:30:00+02:00", None),
        ]

    def test_several_times_in_one_gap_become_one_run(self):
        assert locals_and_notes(Cron("0,30 2,3 * * *", "Europe/Berlin"), "2027-03-27T12:00", 2) == [
            (
                "2027-03-28T03:00:00+02:00",
                "clocks go forward: 02:00 and 02:30 do not exist, run once at 03:00",
            ),
            ("2027-03-28T03:30:00+02:00", None),
        ]

    def test_a_time_in_the_gap_may_be_skipped_and_the_next_run_says_so(self):
        assert locals_and_notes(
            Cron("30 2 * * *", "Europe/Berlin", dst_gap="skip"), "2027-03-27T12:00", 2
        ) == [
            (
                "2027-03-29T02:30:00+02:00",
                "clocks go forward: 2027-03-28 02:30 does not exist and is skipped",
            ),
            ("2027-03-30T02:30:00+02:00", None),
        ]

    def test_a_skip_is_told_even_when_the_next_run_is_a_year_away(self):
        ((local, note),) = locals_and_notes(
            Cron("30 2 28 3 *", "Europe/Berlin", "skip"), "2027-01-01T00:00", 1
        )

        assert local == "2028-03-28T02:30:00+02:00"
        assert note == "clocks go forward: 2027-03-28 02:30 does not exist and is skipped"

    @pytest.mark.parametrize(
        ("fold", "offsets"), [("first", ["-04:00"]), ("second", ["-05:00"]), ("both", ["-04:00", "-05:00"])]
    )
    def test_a_time_that_comes_twice_runs_as_chosen(self, fold, offsets):
        cron = Cron("30 1 * * *", "America/New_York", dst_fold=fold)

        fires = triggers.fire_times(cron, at("2026-10-31T12:00"), 9, until=at("2026-11-01T12:00"))

        assert [fire.local for fire in fires] == [f"2026-11-01T01:30:00{offset}" for offset in offsets]
        assert all("comes twice" in fire.note for fire in fires)

    def test_an_hourly_pattern_follows_real_time_through_a_fold(self):
        hours = triggers.moments_between(
            Cron("0 * * * *", "America/New_York"), at("2026-11-01T03:59"), None, 4
        )

        assert [later - earlier for earlier, later in pairwise(hours)] == [timedelta(hours=1)] * 3

    def test_an_hourly_pattern_follows_real_time_through_a_gap(self):
        assert locals_and_notes(Cron("0 * * * *", "Europe/Berlin"), "2027-03-28T00:00", 2) == [
            ("2027-03-28T03:00:00+02:00", "clocks go forward from 02:00 to 03:00; it follows real time"),
            ("2027-03-28T04:00:00+02:00", None),
        ]

    def test_the_day_that_apia_lost_runs_at_the_first_minute_after_it(self):
        assert locals_and_notes(Cron("0 9 * * *", "Pacific/Apia"), "2011-12-29T20:00", 2) == [
            (
                "2011-12-31T00:00:00+14:00",
                "clocks go forward: 2011-12-30 09:00 does not exist, runs at 00:00",
            ),
            ("2011-12-31T09:00:00+14:00", None),
        ]

    def test_a_midnight_that_does_not_exist_runs_at_one(self):
        assert locals_and_notes(Cron("@daily", "America/Sao_Paulo"), "2018-11-03T12:00", 1) == [
            ("2018-11-04T01:00:00-02:00", "clocks go forward: 00:00 does not exist, runs at 01:00"),
        ]


class TestIntervals:
    @pytest.mark.parametrize(
        ("every", "code"),
        [
            ("PT0S", "interval_too_short"),
            ("PT59S", "interval_too_short"),
            ("P0D", "interval_too_short"),
            ("PT1000000000000S", "interval_too_long"),
            ("P367D", "interval_too_long"),
            ("P999999999999D", "bad_duration"),
            ("PT0.5S", "bad_duration"),
            ("P1M", "bad_duration"),
            ("P1Y", "bad_duration"),
            ("P1Y2M", "bad_duration"),
            ("P1W2D", "bad_duration"),
            ("-PT1H", "bad_duration"),
            ("PT-1H", "bad_duration"),
            ("P", "bad_duration"),
            ("PT", "bad_duration"),
            ("P1DT", "bad_duration"),
            ("PT1M1H", "bad_duration"),
            ("pt1h", "bad_duration"),
            ("1h", "bad_duration"),
            ("3600", "bad_duration"),
            ("PT\uff11H", "bad_duration"),
            ("PT1H\n", "bad_duration"),
            ("", "bad_duration"),
        ],
    )
    def test_a_span_without_sense_is_refused(self, every, code):
        assert refusal(triggers.parse, {"kind": "interval", "every": every}) == (code, "every")

    @pytest.mark.parametrize(
        ("text", "span"),
        [
            ("PT1M", timedelta(minutes=1)),
            ("PT90S", timedelta(seconds=90)),
            ("P2W", timedelta(weeks=2)),
            ("P1DT2H3M4S", timedelta(days=1, hours=2, minutes=3, seconds=4)),
            ("PT36H", timedelta(hours=36)),
        ],
    )
    def test_durations(self, text, span):
        assert triggers.duration(text) == span

    def test_hours_are_elapsed_time_across_a_clock_change(self):
        every_six = Interval(timedelta(hours=6), at("2027-03-27T05:00"), "Europe/Berlin")

        assert following(every_six, "2027-03-27T23:00", 2) == ["2027-03-28T05:00", "2027-03-28T11:00"]

    def test_days_keep_their_hour_on_the_clock_across_a_clock_change(self):
        daily = Interval(timedelta(days=1), at("2027-03-01T08:00"), "Europe/Berlin")

        assert [local for local, _ in locals_and_notes(daily, "2027-03-26T12:00", 3)] == [
            "2027-03-27T09:00:00+01:00",
            "2027-03-28T09:00:00+02:00",
            "2027-03-29T09:00:00+02:00",
        ]

    def test_a_day_whose_time_does_not_exist_runs_after_the_gap(self):
        daily = Interval(timedelta(days=1), at("2027-03-01T01:30"), "Europe/Berlin")

        assert locals_and_notes(daily, "2027-03-27T12:00", 2) == [
            ("2027-03-28T03:00:00+02:00", "clocks go forward: 02:30 does not exist, runs at 03:00"),
            ("2027-03-29T02:30:00+02:00", None),
        ]

    def test_a_day_whose_time_comes_twice_runs_at_the_first(self):
        daily = Interval(timedelta(days=1), at("2026-10-01T05:30"), "America/New_York")

        assert locals_and_notes(daily, "2026-10-31T12:00", 2) == [
            ("2026-11-01T01:30:00-04:00", "clocks go back: 01:30 comes twice, runs at the first"),
            ("2026-11-02T01:30:00-05:00", None),
        ]

    def test_the_day_that_apia_lost_is_run_when_it_is_over(self):
        daily = Interval(timedelta(days=1), at("2011-12-01T19:30"), "Pacific/Apia")

        assert following(daily, "2011-12-28T20:00", 3) == [
            "2011-12-29T19:30",
            "2011-12-30T10:00",
            "2011-12-30T19:30",
        ]

    def test_the_first_fire_time_is_the_anchor(self):
        weekly = Interval(timedelta(weeks=1), at("2027-05-03T08:00"))

        assert following(weekly, "2020-01-01T00:00", 2) == ["2027-05-03T08:00", "2027-05-10T08:00"]

    def test_without_an_anchor_weeks_begin_on_monday_at_midnight_of_the_zone(self):
        weekly = Interval(timedelta(weeks=1), timezone="Europe/Berlin")

        assert [local for local, _ in locals_and_notes(weekly, "2026-11-20T00:00", 1)] == [
            "2026-11-23T00:00:00+01:00"
        ]


class TestOnceAndManual:
    def test_once_fires_once(self):
        once = Once(at("2027-01-01T00:00"))

        assert following(once, "2026-01-01T00:00", 5) == ["2027-01-01T00:00"]
        assert once.next_after(at("2027-01-01T00:00")) is None

    def test_manual_never_fires_by_itself(self):
        assert following(Manual(), "2026-01-01T00:00", 5) == []


class TestParsing:
    @pytest.mark.parametrize(
        ("mapping", "trigger"),
        [
            ({"kind": "cron", "expression": "@daily"}, Cron("@daily", "UTC", "run_after", "first")),
            (
                {"kind": "cron", "expression": "@daily", "timezone": "Asia/Tokyo"}
                | {"dst_gap": "skip", "dst_fold": "both"},
                Cron("@daily", "Asia/Tokyo", "skip", "both"),
            ),
            ({"kind": "interval", "every": "P1D", "anchor": None}, Interval(timedelta(days=1))),
            (
                {"kind": "interval", "every": "PT6H", "timezone": "Asia/Tokyo"}
                | {"anchor": "2027-01-01T00:00:00+01:00"},
                Interval(timedelta(hours=6), at("2026-12-31T23:00"), "Asia/Tokyo"),
            ),
            ({"kind": "once", "at": "2027-01-01T00:00:00.5Z"}, Once(at("2027-01-01T00:00"))),
            ({"kind": "once", "at": at("2027-01-01T00:00")}, Once(at("2027-01-01T00:00"))),
            ({"kind": "manual"}, Manual()),
        ],
    )  # fmt: skip
    def test_every_kind_is_read_from_its_json(self, mapping, trigger):
        assert triggers.parse(mapping) == trigger

    @pytest.mark.parametrize(
        ("mapping", "refused"),
        [
            ({}, ("unknown_kind", "kind")),
            ({"kind": "before"}, ("unknown_kind", "kind")),
            ({"kind": "after"}, ("one_of", "schedule_id")),
            ({"kind": "after", "schedule_id": "a", "schedule_ids": ["b"]}, ("one_of", "schedule_id")),
            ({"kind": "after", "schedule_ids": ["a", "a"]}, ("bad_upstreams", "schedule_ids")),
            ({"kind": "after", "schedule_id": "a", "states": ["skipped"]}, ("unknown_word", "states")),
            ({"kind": "after", "schedule_id": "a", "states": []}, ("unknown_word", "states")),
            ({"kind": "after", "schedule_id": "a", "join": "some"}, ("unknown_word", "join")),
            ({"kind": "cron"}, ("missing", "expression")),
            ({"kind": "cron", "expression": 5}, ("missing", "expression")),
            ({"kind": "cron", "expression": "@daily", "timezone": None}, ("missing", "timezone")),
            ({"kind": "cron", "expression": "@daily", "dst_gap": "panic"}, ("unknown_word", "dst_gap")),
            ({"kind": "cron", "expression": "@daily", "dst_fold": []}, ("unknown_word", "dst_fold")),
            ({"kind": "interval"}, ("missing", "every")),
            ({"kind": "once"}, ("bad_instant", "at")),
            ({"kind": "once", "at": 1_800_000_000}, ("bad_instant", "at")),
            ({"kind": "once", "at": "2027-01-01"}, ("bad_instant", "at")),
            ({"kind": "once", "at": "2027-01-01T00:00:00"}, ("bad_instant", "at")),
            ({"kind": "once", "at": "2027-02-30T00:00:00Z"}, ("bad_instant", "at")),
            ({"kind": "once", "at": "2027-01-01T00:00:60Z"}, ("bad_instant", "at")),
            ({"kind": "once", "at": "2027-01-01T00:00:00+24:00"}, ("bad_instant", "at")),
            ({"kind": "once", "at": "1970-01-01T00:00:00Z"}, ("out_of_range", "at")),
            ({"kind": "once", "at": "9999-12-31T23:59:59-23:00"}, ("out_of_range", "at")),
            ({"kind": "once", "at": "0001-01-01T00:00:00+23:00"}, ("out_of_range", "at")),
            (
                {"kind": "interval", "every": "P1D", "anchor": "9999-01-01T00:00:00Z"},
                ("out_of_range", "anchor"),
            ),
        ],
    )
    def test_what_is_not_a_trigger_is_refused_with_its_field(self, mapping, refused):
        assert refusal(triggers.parse, mapping) == refused

    def test_an_instant_without_offset_is_refused(self):
        assert refusal(Once, at("2027-01-01T00:00").replace(tzinfo=None)) == ("naive_instant", "at")


class TestMoments:
    def test_a_fire_time_is_later_than_the_moment_asked(self):
        assert following(Cron("0 9 * * *"), "2027-01-01T09:00", 1) == ["2027-01-02T09:00"]

    def test_seconds_do_not_hide_the_next_minute(self):
        assert following(Cron("* * * * *"), "2027-01-01T09:00:59.999999", 1) == ["2027-01-01T09:01"]

    def test_between_leaves_out_its_begin_and_takes_in_its_end(self):
        found = triggers.moments_between(
            Cron("0 * * * *"), at("2027-01-01T00:00"), at("2027-01-01T02:00"), 10
        )

        assert found == [at("2027-01-01T01:00"), at("2027-01-01T02:00")]

    def test_between_gives_the_earliest_when_there_are_more_than_its_limit(self):
        found = triggers.moments_between(Cron("0 * * * *"), at("2027-01-01T00:00"), at("2028-01-01T00:00"), 2)

        assert found == [at("2027-01-01T01:00"), at("2027-01-01T02:00")]

    @pytest.mark.parametrize(
        "trigger",
        [Cron("* * * * *", "Europe/Berlin"), Interval(timedelta(days=1)), Interval(timedelta(hours=1))],
    )
    @pytest.mark.parametrize(
        "moment", [datetime(2200, 12, 31, 23, 59, 59, tzinfo=UTC), datetime.max.replace(tzinfo=UTC)]
    )
    def test_the_end_of_the_calendar_is_the_end_of_the_fire_times(self, trigger, moment):
        assert trigger.next_after(moment) is None

    @pytest.mark.parametrize(
        "expression",
        [
            "0 0 29 2 */7",
            "59 23 31 12 *",
            "0 0 29 2 *",
            ",".join(["59"] * 80) + " 23 31 12 */7",
            "30 2 * 3 0#2",
        ],
    )
    def test_rare_days_are_found_without_walking_to_them(self, expression):
        cron = Cron(expression, "America/New_York", dst_gap="skip")
        begun = time.process_time()

        for _ in range(20):
            cron.next_after(at("2033-01-01T00:00"))

        assert time.process_time() - begun < 2

    def test_a_time_that_always_falls_into_the_gap_has_no_next(self):
        assert (
            Cron("30 2 * 3 0#2", "America/New_York", dst_gap="skip").next_after(at("2027-01-01T00:00"))
            is None
        )


class TestWords:
    @pytest.mark.parametrize(
        ("trigger", "words"),
        [
            (Cron("30 7 * * *", "Europe/Kiev"), "At 07:30, every day, Europe/Kyiv"),
            (Interval(timedelta(hours=6)), "Every 6 hours, counted from 2001-01-01 00:00, UTC"),
            (Interval(timedelta(hours=1)), "Every hour, counted from 2001-01-01 00:00, UTC"),
            (
                Interval(timedelta(minutes=90)),
                "Every 1 hour and 30 minutes, counted from 2001-01-01 00:00, UTC",
            ),
            (
                Interval(timedelta(days=1), at("2027-01-01T08:00"), "Europe/Berlin"),
                "Every day at 09:00, counted from 2027-01-01, Europe/Berlin",
            ),
            (Interval(timedelta(days=14)), "Every 14 days at 00:00, counted from 2001-01-01, UTC"),
            (Once(at("2027-01-01T08:00")), "Once, on 2027-01-01 at 08:00, UTC"),
            (Once(at("2027-01-01T08:00:30")), "Once, on 2027-01-01 at 08:00:30, UTC"),
            (Manual(), "Only when somebody runs it"),
        ],
    )
    def test_the_others_in_words(self, trigger, words):
        assert trigger.words() == words
