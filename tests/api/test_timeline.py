"""Past and coming runs over a span: lanes by schedule, counts by day, and bounds for both."""

from datetime import date, timedelta

import pytest
import world as rows
from world import NOON, at

from nightbook.api import timeline
from nightbook.beat import planner, tallier
from nightbook.core.errors import Invalid
from nightbook.records import firing, schedules

MORNING, EVENING = at("06:00"), at("18:00")


def look(session, start=MORNING, end=EVENING, now=NOON):
    session.flush()
    return timeline.timeline(start, end, session, rows.ANA, now)


def days(session, first, last, timezone="UTC", now=NOON):
    session.flush()
    found = timeline.calendar(
        date.fromisoformat(first), date.fromisoformat(last), session, rows.ANA, now, timezone
    )
    return {one.day.isoformat(): one for one in found.days}


def a_run_of(session, schedule, start, end, state="succeeded"):
    """A run of *schedule* from one clock time to another."""
    run = rows.run(session, now=at(start))
    run.schedule_id, run.schedule_name = (schedule.id, schedule.name) if schedule else (None, None)
    run.state, run.started_at, run.finished_at = state, at(start), at(end) if end else None
    session.flush()
    return run


def test_a_lane_holds_what_a_schedule_did_and_will_do(session):
    schedule = rows.schedule(session, now=at("10:30"), name="Sales")
    planner.tick(session, at("11:00:01"))
    who = rows.worker(session)
    rows.finish(session, rows.claim(session, who, now=at("11:00:02"))[1], who, now=at("11:05"))

    (lane,) = look(session).lanes

    assert (lane.schedule_id, lane.name) == (schedule.id, "Sales")
    assert [(bar.state, bar.fire_at) for bar in lane.runs] == [("succeeded", at("11:00"))]
    assert [coming.at.hour for coming in lane.coming] == [12, 13, 14, 15, 16, 17]
    assert not lane.has_more_coming


def test_runs_by_hand_stand_in_the_lane_of_their_notebook(session):
    a_run_of(session, None, "08:00", "08:10")
    a_run_of(session, None, "09:00", None, "running")

    (lane,) = look(session).lanes

    assert (lane.schedule_id, lane.name) == (None, "report.ipynb")
    assert sorted(bar.state for bar in lane.runs) == ["running", "succeeded"]


@pytest.mark.parametrize(
    ("start", "end", "is_shown"),
    [("05:00", "06:30", True), ("17:00", "19:00", True), ("05:00", "19:00", True),
     ("05:00", "05:59", False), ("18:00", "18:30", False)],
)  # fmt: skip
def test_a_run_is_there_where_it_was_under_way(session, start, end, is_shown):
    a_run_of(session, None, start, end)

    assert bool(look(session, now=at("20:00")).lanes) == is_shown


def test_fire_times_that_did_not_run_stand_at_their_moments(session):
    schedule = rows.schedule(session, now=at("06:30"), name="Hourly", overlap="skip")
    planner.tick(session, at("07:00:01"))
    planner.tick(session, at("08:00:01"))  # the first still waits
    session.flush()

    (lane,) = look(session, now=at("08:30")).lanes

    assert [(bar.state, bar.fire_at) for bar in lane.runs] == [("skipped", at("08:00"))]
    assert lane.schedule_id == schedule.id


def test_a_schedule_that_was_only_paused_has_a_lane_of_its_own(session):
    schedule = rows.schedule(session, now=at("06:30"), name="Sales")
    schedules.pause(session, schedule, reason=None, caller=rows.ANA, now=at("06:40"))
    schedules.resume(session, schedule, reason=None, caller=rows.ANA, now=at("08:30"))
    schedules.delete(session, schedule, caller=rows.ANA, now=at("08:40"))
    planner.tick(session, at("08:41"))

    (lane,) = look(session).lanes

    assert (lane.schedule_id, lane.name, lane.coming) == (schedule.id, "Sales", [])
    assert [(bar.state, bar.fire_at) for bar in lane.runs] == [
        ("skipped", at("08:00")),
        ("skipped", at("07:00")),
    ]


def test_what_starts_earlier_or_later_than_its_fire_time_says_so(session):
    trigger = {"kind": "cron", "expression": "0 15 * * *", "timezone": "UTC", "finish_by": True}
    rows.schedule(session, now=at("10:30"), trigger=trigger | {"margin_seconds": 1800})

    (lane,) = look(session).lanes

    assert [(one.at, one.starts_at) for one in lane.coming] == [(at("15:00"), at("14:30"))]
    assert look(session, start=at("14:45")).lanes == []  # it starts before


def test_days_off_paused_schedules_and_what_is_beyond_the_last_run_are_not_coming(session):
    rows.schedule(session, now=at("10:30"), name="off", exclude_dates=["2026-11-23"])
    rows.schedule(session, now=at("10:30"), name="paused", paused=True)
    rows.schedule(session, now=at("10:30"), name="twice", max_runs=2)

    assert [(lane.name, len(lane.coming)) for lane in look(session).lanes] == [("twice", 2)]


def test_a_frequent_schedule_says_that_there_is_more(session):
    trigger = {"kind": "cron", "expression": "* * * * *", "timezone": "UTC"}
    rows.schedule(session, now=NOON, trigger=trigger)

    (lane,) = look(session).lanes

    assert len(lane.coming) == timeline.MOST_COMING
    assert lane.has_more_coming


def test_too_many_runs_and_lanes_are_cut_and_it_says_where(session, monkeypatch):
    monkeypatch.setattr(timeline, "MOST_RUNS", 2)
    monkeypatch.setattr(timeline, "MOST_LANES", 1)
    for hour in ("07", "08", "09"):
        a_run_of(session, None, f"{hour}:00", f"{hour}:10")
    rows.schedule(session, now=at("10:30"))

    found = look(session)

    assert (found.more_lanes, found.runs_until) == (1, at("08:10"))
    assert [len(lane.runs) for lane in found.lanes] == [2]


@pytest.mark.parametrize(("hours", "code"), [(0, "empty_span"), (-1, "empty_span"), (74, "span_too_long")])
def test_a_span_must_have_a_length_within_bounds(session, hours, code):
    with pytest.raises(Invalid) as refused:
        look(session, end=MORNING + timedelta(hours=hours))
    assert (refused.value.code, refused.value.errors[0].field) == (code, "to")


def test_a_trigger_that_cannot_be_read_hides_no_other(session):
    broken = rows.schedule(session, now=at("10:30"))
    broken.trigger = {"kind": "cron", "expression": "nonsense", "timezone": "UTC"}
    rows.schedule(session, now=at("10:30"), name="sound")

    assert [lane.name for lane in look(session).lanes] == ["sound"]


# ---------------------------------------------------------------- days


def test_a_day_counts_what_ended_and_what_is_to_come(session):
    rows.schedule(session, now=at("10:30"))
    a_run_of(session, None, "08:00", "08:10")
    a_run_of(session, None, "09:00", "09:10", "failed")
    a_run_of(session, None, "09:00", "09:20", "cancelled")
    tallier.tick(session, NOON)

    found = days(session, "2026-11-22", "2026-11-24")

    today = found["2026-11-23"]
    assert (today.succeeded, today.red, today.other) == (1, 1, 1)
    # At 11:00 nobody fired; it is still to come.
    assert [one.coming for one in found.values()] == [0, 13, 24]
    assert not any(one.has_more_coming for one in found.values())


def test_days_are_those_of_the_zone(session):
    rows.schedule(session, now=at("10:30"), trigger={"kind": "once", "at": "2026-11-23T23:30:00Z"})

    found = days(session, "2026-11-23", "2026-11-24", "Europe/Berlin")

    assert [one.coming for one in found.values()] == [0, 1]


def test_the_day_of_a_clock_change_has_all_its_hours(session):
    now = at("10:30").replace(month=10, day=24)
    trigger = {"kind": "interval", "every": "PT1H", "anchor": "2026-10-24T00:00:00Z", "timezone": "UTC"}
    rows.schedule(session, now=now, trigger=trigger)

    found = days(session, "2026-10-25", "2026-10-26", "Europe/Berlin", now)

    assert [one.coming for one in found.values()] == [25, 24]


def test_days_beyond_what_is_counted_say_so(session, monkeypatch):
    monkeypatch.setattr(timeline, "MOST_COUNTED", 20)
    rows.schedule(session, now=at("11:30"))

    found = days(session, "2026-11-22", "2026-11-25")

    assert [(one.coming, one.has_more_coming) for one in found.values()] == [
        (0, False), (12, False), (8, True), (0, True),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("last", "timezone", "code", "field"),
    [
        ("2026-11-22", "UTC", "empty_span", "to"),
        ("2027-01-04", "UTC", "span_too_long", "to"),
        ("9999-12-31", "UTC", "out_of_range", "to"),
        ("2026-11-23", "Mars/Olympus", "unknown_timezone", "timezone"),
    ],
)
def test_days_must_be_in_order_few_and_somewhere(session, last, timezone, code, field):
    with pytest.raises(Invalid) as refused:
        days(session, "2026-11-23", last, timezone)
    assert (refused.value.code, refused.value.errors[0].field) == (code, field)


def test_what_is_shown_as_coming_is_what_will_be_fired(session):
    schedule = rows.schedule(session, now=at("10:30"), jitter_seconds=600)
    (lane,) = look(session, now=at("10:30")).lanes
    shown = [(one.at, one.starts_at or one.at) for one in lane.coming]

    fired = []
    while schedule.due_at is not None and schedule.due_at < EVENING:
        fired.append((schedule.next_fire_at, schedule.due_at))
        firing.fire_due(session, schedule, schedule.due_at)
        schedules.lock(session, schedule.id)

    assert shown == fired
