"""Windows, excluded days, business days, jitter and margins: the rules in dates."""

from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import pytest

from nightbook.core.calendars import Calendar
from nightbook.core.errors import Invalid
from nightbook.core.timetables import FIRST_MARGIN, LONGEST_MARGIN, Timetable, jitter_of, margin_from

DAILY = {"kind": "cron", "expression": "0 9 * * *", "timezone": "Europe/Berlin"}


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def days(timetable, after, count):
    return [f"{fire.local:.16}" for fire in timetable.fire_times(at(after), count)]


def table(trigger=DAILY, **fields):
    return Timetable.of({"trigger": trigger, **fields})


def test_both_ends_of_the_window_are_fire_times():
    timetable = table(start_at="2026-12-01T08:00:00+00:00", end_at="2026-12-03T08:00:00+00:00")

    assert timetable.between(at("2026-01-01"), at("2027-01-01")) == [
        at(f"2026-12-0{d}T08:00") for d in (1, 2, 3)
    ]
    assert timetable.next_after(at("2026-12-03T08:00")) is None


@pytest.mark.parametrize("minutes", [1, 7, 60, 1440, 10_000])
def test_the_newest_are_the_end_of_a_whole_walk(minutes):
    interval = {"kind": "interval", "every": f"PT{minutes}M", "anchor": "2026-01-01T00:00:00Z"}
    timetable, begin, end = table(interval), at("2026-03-01"), at("2026-03-20T05:03")
    whole = timetable.between(begin, end)

    for count in (1, 2, 50):
        assert timetable.newest(begin, end, count) == whole[-count:]
    assert timetable.newest(begin, end, 0) == []
    assert timetable.last(begin, end) == (whole[-1] if whole else None)


def test_an_excluded_day_is_shown_and_does_not_run():
    timetable = table(exclude_dates=["2026-12-24"], holidays="DE")

    fires = timetable.fire_times(at("2026-12-23T12:00"), 4)

    assert [fire.note for fire in fires] == [
        "does not run: excluded date",
        "does not run: Christmas Day",
        "does not run: Second Day of Christmas",
        None,
    ]


def test_the_day_is_the_one_of_the_triggers_zone():
    tokyo = {"kind": "cron", "expression": "0 1 * * *", "timezone": "Asia/Tokyo"}
    timetable = table(tokyo, exclude_dates=["2026-12-24"])

    assert timetable.why_excluded(at("2026-12-23T16:00")) == "excluded date"  # 01:00 on the 24th in Tokyo
    assert timetable.why_excluded(at("2026-12-24T16:00")) is None


class TestBusinessDays:
    def test_weekends_and_holidays_move_on_and_fire_once(self):
        timetable = table(holidays="DE", on_excluded="next_business_day")

        # 24 December 2026 is a Thursday; Friday and Saturday are holidays, Sunday is Sunday.
        assert days(timetable, "2026-12-23T12:00", 3) == [
            "2026-12-24T09:00",
            "2026-12-28T09:00",
            "2026-12-29T09:00",
        ]

    def test_the_last_of_the_month_moves_back_to_a_business_day(self):
        monthly = {**DAILY, "expression": "0 18 L * *"}
        timetable = table(monthly, holidays="XNYS", on_excluded="previous_business_day")

        assert days(timetable, "2026-01-01T00:00", 5) == [
            "2026-01-30T18:00",
            "2026-02-27T18:00",
            "2026-03-31T18:00",
            "2026-04-30T18:00",
            "2026-05-29T18:00",
        ]

    def test_moved_ones_are_marked(self):
        timetable = table({**DAILY, "expression": "0 9 1 * *"}, on_excluded="next_business_day")

        fires = timetable.fire_times(at("2026-07-15T00:00"), 2)

        assert [(fire.local[:10], fire.note) for fire in fires] == [
            ("2026-08-03", "moved to the next business day"),
            ("2026-09-01", None),
        ]

    @pytest.mark.parametrize("roll", ["next_business_day", "previous_business_day"])
    @pytest.mark.parametrize(
        "expression", ["0 9 * * *", "0 */2 * * *", "30 6 1,15 * *", "0 0 L * *", "0 9 * * 6"]
    )
    def test_every_rolled_fire_time_is_found_once_and_in_order(self, roll, expression):
        trigger = {**DAILY, "expression": expression}
        timetable = table(trigger, holidays="DE", on_excluded=roll)
        begin, end = at("2026-03-01"), at("2026-07-01")
        calendar = Calendar.of([], "DE")

        # By hand: every fire time of a wider span, moved day by day, each instant once.
        moved = set()
        for fire in table(trigger).fire_times(begin - timedelta(days=20), 10_000):
            wall = datetime.fromisoformat(fire.local)
            while not calendar.is_business_day(wall.date()):
                wall = wall.replace(tzinfo=None) + timedelta(days=1 if roll == "next_business_day" else -1)
                wall = wall.replace(tzinfo=datetime.fromisoformat(fire.local).tzinfo)
            moved.add((wall.date(), wall.time()))
            if fire.at > end + timedelta(days=20):
                break
        found = [
            datetime.fromisoformat(fire.local)
            for fire in timetable.fire_times(begin, 10_000)
            if fire.local < "2026-07-01"
        ]

        walls = [(wall.date(), wall.time()) for wall in found]
        assert walls == sorted(pair for pair in moved if date(2026, 3, 1) <= pair[0] < date(2026, 7, 1))

    def test_a_trigger_that_fires_too_often_is_not_moved(self):
        with pytest.raises(Invalid, match="24 times a day"):
            table({**DAILY, "expression": "*/10 * * * *"}, on_excluded="next_business_day")

    def test_a_calendar_without_a_business_day_is_refused(self):
        dates = [(date(2026, 6, 1) + timedelta(days=n)).isoformat() for n in range(100)]
        timetable = table(exclude_dates=dates, on_excluded="next_business_day")

        with pytest.raises(Invalid, match="no business day"):
            timetable.next_after(at("2026-06-01T12:00"))


@pytest.mark.parametrize("name", ["DE", "DE-BE", "US", "US-CA", "XNYS", "JP", "GB-SCT"])
def test_calendars_of_countries_their_parts_and_markets_are_known(name):
    assert Calendar.of([], name).why_excluded(date(2026, 1, 1))


@pytest.mark.parametrize("name", ["ZZ", "DE-XX", "XNYS-A", "de", "", "__"])
def test_an_unknown_calendar_is_refused(name):
    with pytest.raises(Invalid) as refused:
        Calendar.of([], name)

    assert refused.value.code == "unknown_calendar"


def test_jitter_is_one_number_for_one_schedule_within_its_span():
    schedule_id = uuid4()

    assert jitter_of(schedule_id, 600) == jitter_of(schedule_id, 600)
    assert jitter_of(schedule_id, 0) == timedelta(0)
    assert all(timedelta(0) <= jitter_of(uuid4(), 5) <= timedelta(seconds=5) for _ in range(50))


@pytest.mark.parametrize(
    ("minutes", "margin"),
    [
        ([], FIRST_MARGIN),
        ([8], timedelta(minutes=10)),
        ([0.2], timedelta(minutes=2)),
        ([1] * 19 + [100], timedelta(minutes=2)),
        ([10, 20], timedelta(minutes=25)),
        ([9000], LONGEST_MARGIN),
    ],
)
def test_the_margin_allows_for_nine_of_ten_runs_and_a_quarter_more(minutes, margin):
    assert margin_from([timedelta(minutes=each) for each in minutes]) == margin


def test_words_say_what_is_left_out():
    assert (
        table(exclude_dates=["2026-12-24"], holidays="DE").words().endswith("not on holidays (DE) and 1 date")
    )
    assert table(on_excluded="next_business_day").words().endswith("moved to the next business day")
