from datetime import UTC, datetime, timedelta

import pytest
import world
from world import ANA, NOON, at, ledger

from nightbook.beat import planner
from nightbook.core.clock import utc_now
from nightbook.core.errors import Conflict, Invalid, NotFound, Stale
from nightbook.records import events, notebooks, runs, schedules


def test_an_edit_counts_from_now_and_runs_no_past_fire_time(session):
    schedule = world.schedule(session, now=at("10:30"))
    trigger = {"kind": "cron", "expression": "15 * * * *", "timezone": "UTC"}

    schedules.edit(session, schedule, schedule.spec, {"trigger": trigger}, caller=ANA, now=at("11:30"))

    assert (schedule.next_fire_at, schedule.version) == (at("12:15"), 2)
    with pytest.raises(Stale):
        schedules.require_version(schedule, 1)


def test_a_trigger_without_a_fire_time_is_refused(session):
    with pytest.raises(Invalid) as refused:
        world.schedule(session, now=NOON, trigger={"kind": "once", "at": "2026-11-23T11:00:00Z"})

    assert refused.value.code == "never_fires"


def test_two_schedules_of_one_name_are_refused_until_the_first_is_deleted(session):
    first = world.schedule(session, name="Morning")

    with pytest.raises(Conflict):
        world.schedule(session, name="MORNING")
    schedules.delete(session, first, caller=ANA, now=NOON)
    assert world.schedule(session, name="Morning").id != first.id
    with pytest.raises(NotFound):
        schedules.require(session, first.id)


def test_a_pause_stops_the_clock_and_a_resume_notes_what_it_let_pass(session):
    schedule = world.schedule(session, now=at("08:30"))

    schedules.pause(session, schedule, reason="holiday", caller=ANA, now=at("08:45"))
    assert schedule.next_fire_at is None
    schedules.resume(session, schedule, reason=None, caller=ANA, now=at("11:30"))

    assert schedule.next_fire_at == at("12:00")
    planner.tick(session, at("11:30:01"))
    assert ledger(session, schedule.id) == [
        (at(clock), "skipped", "paused") for clock in ("09:00", "10:00", "11:00")
    ]
    about = events.newest(session, before=None, limit=9, about=str(schedule.id))
    assert [event.kind for event in about] == ["schedule.resumed", "schedule.paused", "schedule.created"]


def test_an_interval_without_an_anchor_counts_from_its_making(session):
    trigger = {"kind": "interval", "every": "PT45M", "timezone": "UTC"}

    schedule = world.schedule(session, now=at("10:07"), trigger=trigger)

    assert schedule.next_fire_at == at("10:52")


def test_one_fire_time_has_one_row_for_ever(session):
    schedule = world.schedule(session)
    runs.create_skipped(session, schedule, at("11:00"), "overlap", now=NOON)

    with pytest.raises(Exception, match=r"(?i)unique"):
        runs.create_skipped(session, schedule, at("11:00"), "overlap", now=NOON)


def test_a_path_means_its_newest_version_and_a_hash_means_itself(session):
    world.version(session, sha256="a" * 64)
    world.version(session, sha256="d" * 64)

    assert notebooks.resolve(session, world.PATH)[1].sha256 == "d" * 64
    assert notebooks.resolve(session, "a" * 64)[1:] == (notebooks.require_version(session, "a" * 64), False)
    world.version(session, sha256="a" * 64)
    assert notebooks.resolve(session, world.PATH)[1].sha256 == "a" * 64


def test_a_list_is_cut_where_its_reader_says(session):
    made = [
        world.run(session, now=NOON + timedelta(seconds=n), tags=["x"] if n % 2 else []) for n in range(5)
    ]

    first = runs.page(session, beyond=None, limit=2, filters={})
    rest = runs.page(session, beyond=first[-1].id, limit=9, filters={})
    tagged = runs.page(session, beyond=None, limit=9, filters={"tag": "x"})

    assert [run.id for run in (*first, *rest)] == [run.id for run in reversed(made)]
    assert len(tagged) == 2


def test_a_list_can_be_of_a_span_of_time(session):
    start = utc_now()
    made = [world.run(session, now=start + timedelta(hours=n)) for n in range(4)]

    span = {"since": made[1].created_at, "until": made[3].created_at}
    ever = {"since": datetime.min.replace(tzinfo=UTC), "until": datetime.max.replace(tzinfo=UTC)}

    assert runs.page(session, beyond=None, limit=9, filters=span) == [made[2], made[1]]
    assert len(runs.page(session, beyond=None, limit=9, filters=ever)) == 4


def test_a_list_can_begin_with_the_oldest(session):
    made = [world.run(session, now=NOON + timedelta(seconds=n)) for n in range(4)]

    first = runs.page(session, beyond=None, limit=2, filters={}, oldest_first=True)
    rest = runs.page(session, beyond=first[-1].id, limit=9, filters={}, oldest_first=True)

    assert [run.id for run in (*first, *rest)] == [run.id for run in made]
