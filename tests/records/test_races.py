"""Edits, pauses, deletes and two beats race for a fire time: it fires once, under one version."""

import threading
from datetime import timedelta

import pytest
import world
from sqlmodel import col, select
from world import ANA, NOON, at

from nightbook.adapters import database
from nightbook.beat import planner
from nightbook.core.errors import Fault
from nightbook.records import firing, runs, schedules
from nightbook.records.pools import Worker
from nightbook.records.runs import Run
from nightbook.records.schedules import Schedule

OTHER = {"kind": "cron", "expression": "0 * * * *", "timezone": "UTC"}
ROUNDS = 3


def together(engine, *acts):
    """Do all at once, each in a transaction of its own; again where the database lost one to another."""
    barrier, errors = threading.Barrier(len(acts)), []

    def one(act):
        barrier.wait()
        try:
            with database.sessions(engine).begin() as session:
                act(session)
        except Fault:
            pass  # somebody else was first, and the caller hears of it
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=one, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def change(schedule_id, now, act):
    """What the API does: lock, settle what was due, change."""

    def done(session):
        schedule = schedules.require_for_change(session, schedule_id)
        firing.settle(session, schedule, now)
        act(session, schedule, now)

    return done


def edit(session, schedule, now):
    # The same fire times under a new version: the hardest case for "once".
    facts = {"trigger": OTHER, "description": "edited"}
    schedules.edit(session, schedule, schedule.spec, facts, caller=ANA, now=now)


def pause(session, schedule, now):
    schedules.pause(session, schedule, reason=None, caller=ANA, now=now)


def delete(session, schedule, now):
    schedules.delete(session, schedule, caller=ANA, now=now)


def fired(session, schedule_id):
    wanted = select(Run.fire_at).where(col(Run.schedule_id) == schedule_id).order_by(col(Run.fire_at))
    return session.exec(wanted).all()


@pytest.mark.parametrize("act", [edit, pause, delete], ids=lambda act: act.__name__)
@pytest.mark.parametrize("early", [-0.2, 0.0, 0.2])
def test_a_change_that_races_the_fire_time_leaves_it_exactly_once(engine, session, act, early):
    for _ in range(ROUNDS):
        schedule = world.schedule(session, now=at("10:30"), overlap="allow")
        session.commit()
        now = at("11:00") + timedelta(seconds=early)

        together(
            engine,
            lambda s: planner.tick(s, at("11:00:00")),
            change(schedule.id, now, act),
            lambda s: planner.tick(s, at("11:00:01")),
        )
        with database.sessions(engine).begin() as later:
            planner.tick(later, at("11:00:02"))

        rows = fired(session, schedule.id)
        # A change that counts from before the fire time may have ended it; nothing else may.
        allowed = [[at("11:00")]] + ([[]] if early < 0 and act is not edit else [])
        assert rows in allowed
        session.rollback()


def test_a_change_after_the_fire_time_does_not_lose_it(session):
    schedule = world.schedule(session, now=at("10:30"))

    change(schedule.id, at("11:00") + timedelta(seconds=0.5), pause)(session)

    assert [run.state for run in runs.occurrences(session, schedule.id, before=None, limit=9)] == ["queued"]


def test_a_clock_that_runs_behind_fires_nothing_again(session):
    schedule = world.schedule(session, now=at("10:30"), overlap="allow")
    planner.tick(session, at("11:00:01"))

    change(schedule.id, at("10:59:58"), edit)(session)

    assert schedule.next_fire_at == at("12:00")
    assert planner.tick(session, at("11:00:02")) == 0


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_many_beats_and_edits_make_each_fire_time_once(engine, session):
    made = [world.schedule(session, now=NOON - timedelta(minutes=90), overlap="allow") for _ in range(10)]
    trigger = {"kind": "cron", "expression": "*/5 * * * *", "timezone": "UTC"}
    for schedule in made:
        schedules.edit(session, schedule, schedule.spec, {"trigger": trigger}, caller=ANA, now=at("10:30"))
    session.commit()

    for minute in range(0, 60, 5):
        now = at("11:00") + timedelta(minutes=minute)
        acts = [lambda s, now=now: planner.tick(s, now) for _ in range(3)]
        changes = [
            change(
                schedule.id,
                now,
                lambda s, it, n: schedules.edit(s, it, it.spec, {"trigger": trigger}, caller=ANA, now=n),
            )
            for schedule in made[:4]
        ]
        together(engine, *acts, *changes)
    with database.sessions(engine).begin() as later:
        planner.tick(later, at("11:55:01"))

    for schedule in made:
        moments = [moment for moment in fired(session, schedule.id) if moment >= at("11:00")]
        assert moments == [at("11:00") + timedelta(minutes=m) for m in range(0, 60, 5)]


@pytest.mark.parametrize(
    "cap",
    [{"concurrency_key": "k", "concurrency_per_key": 3}, {"group": True}],
    ids=["key", "group"],
)
def test_a_cap_holds_at_every_instant_with_many_claims_at_once(engine, session, cap):
    cap = {"group": runs.Group(world.new_id(), 3)} if "group" in cap else cap
    for _ in range(12):
        world.run(session, **cap)
    worker, caller = world.worker(session)
    worker_id = worker.id
    session.commit()
    taken = []

    def take(session):
        who = session.get_one(Worker, worker_id), caller
        if (claimed := world.claim(session, who)) is not None:
            taken.append(claimed[0].id)

    for _ in range(3):
        together(engine, *[take] * 8)
        running = select(Run.id).where(col(Run.state) == "running")
        assert len(session.exec(running).all()) <= 3
        session.rollback()

    assert len(set(taken)) == len(taken) == 3


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_two_edits_that_close_a_circle_together_are_not_both_made(engine, session):
    for _ in range(ROUNDS):
        first, second = (world.schedule(session, trigger={"kind": "manual"}) for _ in range(2))
        session.commit()

        def follow(one, other):
            trigger = {"kind": "after", "schedule_id": str(other)}
            facts = {"trigger": trigger}
            return change(
                one, NOON, lambda s, it, n: schedules.edit(s, it, it.spec, facts, caller=ANA, now=n)
            )

        together(engine, follow(first.id, second.id), follow(second.id, first.id))

        session.expire_all()
        kinds = {session.get_one(Schedule, each.id).trigger["kind"] for each in (first, second)}
        assert kinds == {"manual", "after"}
        session.rollback()
