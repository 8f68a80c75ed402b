"""What pages show at a glance: red streaks, hourly tallies, what is usual. Every test on both databases."""

import json
from datetime import timedelta

import pytest
import world
from world import NOON, at

from nightbook.core import journal
from nightbook.records import leases, runs, schedules, tallies
from nightbook.records.runs import Attempt


@pytest.fixture
def who(session):
    return world.worker(session)


def ended(session, who, state, *, schedule=None, now=NOON, took=timedelta(seconds=30), **fields):
    """A run that a worker took and ended in *state*."""
    run = world.run(session, now=now, **fields)
    if schedule is not None:
        run.schedule_id, run.schedule_name = schedule.id, schedule.name
    session.flush()
    claimed, attempt = world.claim(session, who, now=now)
    assert claimed.id == run.id
    class_ = "code" if state in {"failed", "timed_out"} else None
    world.finish(session, attempt, who, state, class_=class_, now=now + took)
    return run


def streaks(session):
    return [
        (schedule.name, streak.runs, streak.run_id) for schedule, streak in schedules.failing(session, 10)
    ]


def test_a_red_end_opens_a_streak_and_the_next_lengthens_it(session, who):
    schedule = world.schedule(session, name="Ledger")
    ended(session, who, "failed", schedule=schedule, now=at("10:00"))
    second = ended(session, who, "timed_out", schedule=schedule, now=at("11:00"))

    assert streaks(session) == [("Ledger", 2, second.id)]
    assert schedules.failing(session, 10)[0][1].since == at("10:00:30")
    assert schedules.count_failing(session) == 1


def test_a_success_ends_the_streak_and_a_cancel_does_not(session, who):
    schedule = world.schedule(session)
    ended(session, who, "failed", schedule=schedule)
    ended(session, who, "cancelled", schedule=schedule)
    assert [count for _, count, _ in streaks(session)] == [1]

    ended(session, who, "succeeded", schedule=schedule)

    assert streaks(session) == []


def test_a_deleted_schedule_fails_no_more(session, who):
    schedule = world.schedule(session)
    ended(session, who, "failed", schedule=schedule)

    schedules.delete(session, schedule, caller=world.ANA, now=NOON)

    assert streaks(session) == []
    assert schedules.count_failing(session) == 0


def told(session, start):
    return [
        (tally.hour, tally.state, tally.runs, round(tally.seconds)) for tally in tallies.since(session, start)
    ]


def test_hours_are_the_same_before_and_after_they_are_closed(session, who):
    for clock, state in (("09:10", "succeeded"), ("09:50", "succeeded"), ("09:59:50", "failed")):
        ended(session, who, state, now=at(clock))
    expected = [(at("09:00"), "succeeded", 2, 60), (at("10:00"), "failed", 1, 30)]
    assert told(session, at("08:30")) == expected

    assert tallies.close(session, at("10:30")) == 1
    assert told(session, at("08:30")) == expected
    assert tallies.close(session, at("12:30")) == 1
    assert tallies.close(session, at("12:30")) == 0
    assert told(session, at("08:30")) == expected


def test_an_hour_is_not_closed_while_ends_of_it_may_still_be_committed(session, who):
    ended(session, who, "succeeded", now=at("09:10"))

    assert tallies.close(session, at("10:04")) == 0
    assert tallies.close(session, at("10:05")) == 1


def test_charts_stay_as_they_are_when_the_runs_are_removed(session, who):
    run = ended(session, who, "succeeded", now=at("09:10"))
    tallies.close(session, NOON)
    run.finished_at = None
    session.flush()

    assert told(session, at("00:00")) == [(at("09:00"), "succeeded", 1, 30)]


def test_what_never_started_took_no_time(session):
    run = world.run(session, now=at("09:00"))
    runs.cancel(session, run, reason=None, caller=world.ANA, now=at("09:10"))

    assert told(session, at("09:00")) == [(at("09:00"), "cancelled", 1, 0)]


def lines(*records):
    return b"".join(
        json.dumps({"n": n, "t": 0, **record}).encode() + b"\n" for n, record in enumerate(records)
    )


def begin(cells):
    return {"k": "begin", "at": "2026-11-23T12:00:00Z", "ids": [f"c{i}" for i in range(cells)]}


def done(place, started, finished, status="ok"):
    return {"k": "done", "i": place, "status": status, "started": started, "ended": finished}


def with_cells(session, who, seconds, *, state="succeeded", **fields):
    """A run whose cells took *seconds* each."""
    run = world.run(session, **fields)
    _, attempt = world.claim(session, who)
    body = lines(begin(len(seconds)), *(done(i, 0, took * 1000) for i, took in enumerate(seconds)))
    leases.append_journal(session, attempt.id, attempt.fence, offset=0, body=body, caller=who[1], now=NOON)
    world.finish(session, attempt, who, state, class_="code" if state == "failed" else None)
    run.cells_total = len(seconds)
    session.flush()
    return run


def test_the_seconds_of_cells_are_kept_with_the_attempt_as_the_journal_comes(session, who):
    run = world.run(session)
    _, attempt = world.claim(session, who)
    first = lines(begin(3), done(0, 0, 1500))
    second = lines({}, {}, done(1, 2000, 2250), done(2, 3000, 9000, "failed"))
    world.begin(session, attempt, who, first)

    leases.append_journal(
        session, attempt.id, attempt.fence, offset=len(first), body=second, caller=who[1], now=NOON
    )
    session.expire_all()

    assert session.get_one(Attempt, attempt.id).cell_seconds == {"0": 1.5, "1": 0.25}
    assert runs.require(session, run.id).cells_done == 3


@pytest.mark.parametrize(
    "record",
    [
        done("0", 0, 1),
        done(0, "0", 1),
        done(0, 5, 1),
        done(0, 0, 10**15),
        {"k": "done", "i": 0},
        {"k": "text", "i": 0, "s": '"done"'},
    ],
)
def test_what_is_no_time_of_a_cell_is_passed_over(record):
    assert journal.cell_seconds(lines(begin(1), record)) == {}


def test_only_earlier_successes_of_the_same_version_and_shape_are_compared(session, who):
    with_cells(session, who, [1, 2])
    with_cells(session, who, [3, 4])
    with_cells(session, who, [9, 9], state="failed")
    with_cells(session, who, [9, 9, 9])
    other = with_cells(session, who, [9, 9])
    other.notebook_sha256 = "c" * 64
    run = with_cells(session, who, [5, 6])
    with_cells(session, who, [7, 8])

    assert [past.cells for past in runs.comparable(session, run)] == [{0: 3, 1: 4}, {0: 1, 1: 2}]


def test_a_run_of_a_schedule_is_compared_with_those_of_the_schedule_only(session, who):
    schedule = world.schedule(session)
    with_cells(session, who, [1])
    for seconds in (2, 3):
        run = with_cells(session, who, [seconds])
        run.schedule_id = schedule.id
        session.flush()

    assert [past.cells for past in runs.comparable(session, run)] == [{0: 2}]
