"""The newest runs of many schedules, as lists show them."""

from datetime import timedelta

import world
from sqlalchemy import event
from world import NOON

from nightbook.api import views
from nightbook.records import runs


def make_runs(session, count, **facts):
    """A schedule with *count* runs by hand, the oldest first, and the runs."""
    schedule = world.schedule(session, trigger={"kind": "manual"})
    made = [
        world.run(session, now=NOON, schedule_id=schedule.id, schedule_name=schedule.name)
        for _ in range(count)
    ]
    for run in made:
        for name, value in facts.items():
            setattr(run, name, value)
    session.flush()
    return schedule, made


def test_each_schedule_gets_its_own_newest_runs_the_newest_first(session):
    one, of_one = make_runs(session, 5)
    other, of_other = make_runs(session, 2)
    idle = world.schedule(session)

    newest = runs.newest_of_each(session, [other.id, idle.id, one.id], 3)

    assert [run.id for run in newest[one.id]] == [run.id for run in reversed(of_one[2:])]
    assert [run.id for run in newest[other.id]] == [run.id for run in reversed(of_other)]
    assert newest[idle.id] == []


def test_fire_times_that_did_not_run_are_no_runs(session):
    schedule, (first, second, third) = make_runs(session, 3)
    second.state, third.state = "skipped", "expired"
    session.flush()

    assert [run.id for run in runs.newest_of_each(session, [schedule.id], 12)[schedule.id]] == [first.id]


def test_a_run_took_the_time_from_its_start_to_its_end(session):
    schedule, (ended, going) = make_runs(session, 2)
    ended.state, ended.started_at, ended.finished_at = "failed", NOON, NOON + timedelta(seconds=90)
    going.state, going.started_at = "running", NOON
    session.flush()

    shown = views.one_schedule(session, schedule)

    assert [(run.state, run.seconds) for run in shown.newest_runs] == [("running", None), ("failed", 90.0)]
    assert shown.last_run == shown.newest_runs[0]


def test_a_schedule_with_a_long_history_shows_twelve_runs(session):
    schedule, made = make_runs(session, 14)

    shown = views.one_schedule(session, schedule)

    assert [run.id for run in shown.newest_runs] == [run.id for run in reversed(made[2:])]


def test_a_full_page_of_schedules_costs_one_statement(session):
    made = [make_runs(session, 1)[0] for _ in range(200)]
    sent = []
    note = lambda *call: sent.append(call[2])  # noqa: E731 - it must be taken away again by name
    event.listen(session.get_bind(), "before_cursor_execute", note)

    shown = views.schedule_views(session, made)

    event.remove(session.get_bind(), "before_cursor_execute", note)
    assert len(sent) == 1
    assert all(len(schedule.newest_runs) == 1 for schedule in shown)


def test_no_schedule_needs_no_statement(session):
    assert runs.newest_of_each(session, [], 12) == {}
