from datetime import timedelta

import pytest
import world
from sqlalchemy.exc import IntegrityError
from world import NOON, at, ledger

from nightbook.adapters import database
from nightbook.beat import planner
from nightbook.records import runs, schedules


def test_a_due_schedule_gets_one_run_with_its_pins(session):
    schedule = world.schedule(session, now=at("10:30"), parameters={"region": "south"})

    made = planner.tick(session, at("11:00:01"))

    run = runs.occurrences(session, schedule.id, before=None, limit=9)[0]
    assert (made, run.state, run.fire_at) == (1, "queued", at("11:00"))
    assert (run.parameters, run.notebook_sha256, run.kernel) == ({"region": "south"}, "a" * 64, "python3")
    session.refresh(schedule)
    assert schedule.next_fire_at == at("12:00")


def test_a_second_tick_makes_nothing_more(session):
    schedule = world.schedule(session, now=at("10:30"))
    planner.tick(session, at("11:00:01"))

    assert planner.tick(session, at("11:00:02")) == 0
    assert len(ledger(session, schedule.id)) == 1


def test_a_fire_time_that_has_its_row_already_holds_up_no_later_one(session):
    schedule = world.schedule(session, now=at("10:30"), overlap="queue_all")
    planner.tick(session, at("11:00:01"))
    schedule.next_fire_at = schedule.due_at = at("11:00")  # as in rows that were restored to before it
    session.flush()

    assert [planner.tick(session, at(when)) for when in ("11:00:30", "11:00:31", "12:00:01")] == [0, 0, 1]
    assert [when for when, *_ in ledger(session, schedule.id)] == [at("11:00"), at("12:00")]


def test_rows_that_cannot_be_written_break_their_schedule_and_say_so(session, monkeypatch):
    schedule = world.schedule(session, now=at("10:30"))
    sound = world.schedule(session, now=at("10:30"), trigger={"kind": "once", "at": "2026-11-23T11:05:00Z"})

    def fire(session, one, now):
        if one.id == schedule.id:
            raise IntegrityError("INSERT", {}, ValueError("NOT NULL constraint failed"))
        return firing_fire_due(session, one, now)

    firing_fire_due = planner.firing.fire_due
    monkeypatch.setattr(planner.firing, "fire_due", fire)
    monkeypatch.setattr(planner.bursts, "plain", lambda *_: [])

    assert [planner.tick(session, at("11:05:01")) for _ in range(2)] == [1, 0]
    assert schedule.broken_reason == "Its fire time 2026-11-23 11:00:00 cannot be kept."
    assert len(ledger(session, sound.id)) == 1


def test_a_run_that_a_fast_clock_fired_waits_no_longer_than_until_it_is_due(session):
    world.schedule(session, now=at("10:30"), trigger={"kind": "once", "at": "2026-11-23T11:00:00Z"})
    planner.tick(session, at("13:00:01"))

    who = world.worker(session)
    assert world.claim(session, who, now=at("10:59")) is None
    assert world.claim(session, who, now=at("11:00:01")) is not None


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)  # SQLite lets one writer in at a time
def test_of_two_planners_at_once_one_makes_the_run(session, engine):
    schedule = world.schedule(session, now=at("10:30"))
    session.commit()
    with database.sessions(engine)() as first, database.sessions(engine)() as second:
        made = planner.tick(first, at("11:00:01")) + planner.tick(second, at("11:00:01"))
        first.commit()
        second.commit()

    assert made == 1
    assert len(ledger(session, schedule.id)) == 1


@pytest.mark.parametrize(
    ("policy", "states"),
    [
        ("none", ["skipped", "skipped", "skipped"]),
        ("latest", ["skipped", "skipped", "queued"]),
        ("all", ["queued", "queued", "queued"]),
    ],
)
def test_missed_hours_are_made_up_for_as_the_policy_says(session, policy, states):
    schedule = world.schedule(session, now=at("08:30"), catch_up=policy, overlap="allow")

    planner.tick(session, at("11:30"))

    rows = ledger(session, schedule.id)
    assert [moment for moment, _, _ in rows] == [at("09:00"), at("10:00"), at("11:00")]
    assert [state for _, state, _ in rows] == states
    assert {reason for _, state, reason in rows if state == "skipped"} <= {"catch_up"}


def test_three_days_of_every_minute_leave_no_gap_in_the_ledger(session):
    schedule = world.schedule(
        session,
        now=NOON - timedelta(days=3),
        trigger={"kind": "cron", "expression": "* * * * *", "timezone": "UTC"},
    )

    for _ in range(12):
        planner.tick(session, NOON + timedelta(seconds=30))

    rows = ledger(session, schedule.id)
    moments = [moment for moment, _, _ in rows]
    assert moments == [NOON - timedelta(days=3) + timedelta(minutes=m + 1) for m in range(3 * 1440)]
    assert [state for _, state, _ in rows].count("queued") == 1
    assert rows[-1][1] == "queued"


@pytest.mark.parametrize(
    ("policy", "first", "second"),
    [
        ("skip", "queued", "skipped"),
        ("queue_one", "skipped", "queued"),
        ("queue_all", "queued", "queued"),
        ("allow", "queued", "queued"),
        ("cancel_previous", "skipped", "queued"),
    ],
)
def test_a_fire_time_beside_a_waiting_run_follows_the_overlap_policy(session, policy, first, second):
    schedule = world.schedule(session, now=at("10:30"), overlap=policy)
    planner.tick(session, at("11:00:01"))

    planner.tick(session, at("12:00:01"))

    assert [state for _, state, _ in ledger(session, schedule.id)] == [first, second]


def test_cancel_previous_asks_the_running_run_to_end(session):
    schedule = world.schedule(session, now=at("10:30"), overlap="cancel_previous")
    planner.tick(session, at("11:00:01"))
    running, _ = world.claim(session, world.worker(session), now=at("11:00:02"))

    planner.tick(session, at("12:00:01"))

    assert runs.require(session, running.id).cancel_asked_by == "the next fire time"
    assert [state for _, state, _ in ledger(session, schedule.id)] == ["running", "queued"]


def test_a_schedule_that_cannot_fire_is_marked_and_stops_no_other(session):
    broken = world.schedule(session, now=at("10:30"))
    broken.trigger = {"kind": "cron", "expression": "not cron", "timezone": "UTC"}
    session.add(broken)
    sound = world.schedule(session, now=at("10:30"))
    session.flush()

    planner.tick(session, at("11:00:01"))

    assert schedules.require(session, broken.id).broken_reason
    assert [state for _, state, _ in ledger(session, sound.id)] == ["queued"]
    assert planner.tick(session, at("11:00:02")) == 0


def test_a_schedule_that_breaks_at_its_last_fire_time_is_due_no_more(session):
    once = world.schedule(session, now=at("10:30"), trigger={"kind": "once", "at": "2026-11-23T11:00:00Z"})
    once.notebook_sha256 = "f" * 64  # a version that is gone
    session.add(once)
    session.flush()

    planner.tick(session, at("11:00:01"))

    assert schedules.require(session, once.id).broken_reason
    session.refresh(once)
    assert (once.next_fire_at, once.due_at) == (None, None)
    assert not schedules.is_any_due(session, at("11:00:02"))


def test_a_tick_freezes_each_notebook_with_its_own_version_and_parameters(session):
    north = world.schedule(session, now=at("10:30"), overlap="allow")
    south = world.schedule(session, now=at("10:30"), overlap="allow", parameters={"region": "south"})
    world.version(session, sha256="c" * 64, path="other.ipynb")
    pinned = world.schedule(session, now=at("10:30"), overlap="allow")
    pinned.notebook_sha256 = "c" * 64
    session.add(pinned)
    session.flush()

    planner.tick(session, at("11:00:01"))
    world.version(session, sha256="d" * 64)
    planner.tick(session, at("12:00:01"))

    def made(schedule):
        rows = runs.occurrences(session, schedule.id, before=None, limit=9)
        return [(row.notebook_sha256[0], row.parameters.get("region", "north")) for row in reversed(rows)]

    assert made(north) == [("a", "north"), ("d", "north")]
    assert made(south) == [("a", "south"), ("d", "south")]
    assert made(pinned) == [("c", "north"), ("c", "north")]


def test_parameters_that_the_new_version_refuses_end_in_a_failed_row(session):
    schedule = world.schedule(session, now=at("10:30"), parameters={"region": "south"})
    world.version(session, sha256="c" * 64, parameters=[])

    planner.tick(session, at("11:00:01"))

    run = runs.occurrences(session, schedule.id, before=None, limit=9)[0]
    assert (run.state, run.failure_class) == ("failed", "parameters")
    assert "parameters.region" in (run.reason or "")


def test_nothing_fires_after_the_end_or_while_paused(session):
    ended = world.schedule(session, now=at("10:30"), end_at="2026-11-23T11:30:00Z")
    paused = world.schedule(session, now=at("10:30"), paused=True)

    planner.tick(session, at("11:00:01"))
    planner.tick(session, at("14:00:01"))

    assert [moment for moment, _, _ in ledger(session, ended.id)] == [at("11:00")]
    assert ledger(session, paused.id) == []
