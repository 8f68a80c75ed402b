"""Schedules that run after other schedules: which ends set them off, and which circles are refused."""

from uuid import uuid4

import pytest
import world
from world import ANA, NOON, at, ledger

from nightbook.beat import planner
from nightbook.core.errors import Conflict, Invalid
from nightbook.records import runs, schedules


def after(*upstreams, **fields):
    ids = [str(upstream.id) for upstream in upstreams]
    one = {"schedule_id": ids[0]} if len(ids) == 1 else {"schedule_ids": ids}
    return {"kind": "after", **one, **fields}


def end(session, who, upstream, clock, state="succeeded", class_=None):
    """The upstream's next run begins and ends."""
    planner.tick(session, at(clock))
    run, attempt = world.claim(session, who, now=at(clock))
    assert run.schedule_id == upstream.id
    if class_:
        world.begin(session, attempt, who)
    world.finish(session, attempt, who, state, class_=class_, now=at(clock))
    planner.tick(session, at(clock))
    return run


def test_the_end_of_a_run_sets_off_its_follower_once(session):
    upstream = world.schedule(session, now=at("10:30"))
    follower = world.schedule(session, now=at("10:30"), trigger=after(upstream))
    who = world.worker(session)

    ended = end(session, who, upstream, "11:00:05")
    planner.tick(session, at("11:00:06"))

    row = runs.occurrences(session, follower.id, before=None, limit=9)
    assert [(run.state, run.fire_at, run.caused_by) for run in row] == [("queued", at("11:00:05"), ended.id)]


def test_only_the_named_states_count(session):
    upstream = world.schedule(session, now=at("10:30"))
    good = world.schedule(session, now=at("10:30"), trigger=after(upstream))
    fallback = world.schedule(
        session, now=at("10:30"), trigger=after(upstream, states=["failed", "timed_out", "lost"])
    )
    who = world.worker(session)

    end(session, who, upstream, "11:00:05", "failed", "code")

    assert ledger(session, good.id) == []
    assert [row[1] for row in ledger(session, fallback.id)] == ["queued"]


def test_a_fan_in_waits_for_all_and_then_begins_anew(session):
    hours = [{"kind": "cron", "expression": f"{minute} * * * *", "timezone": "UTC"} for minute in (0, 10)]
    first, second = (world.schedule(session, now=at("09:55"), trigger=trigger) for trigger in hours)
    follower = world.schedule(session, now=at("09:55"), trigger=after(first, second, join="all"))
    who = world.worker(session)

    end(session, who, first, "10:00:05")
    assert ledger(session, follower.id) == []
    end(session, who, second, "10:10:05")
    assert [row[0] for row in ledger(session, follower.id)] == [at("10:10:05")]

    waiting, attempt = world.claim(session, who, now=at("10:11"))
    world.finish(session, attempt, who, now=at("10:12"))
    end(session, who, first, "11:00:05")

    assert waiting.schedule_id == follower.id
    assert len(ledger(session, follower.id)) == 1


def test_any_of_several_is_enough_where_that_is_asked_for(session):
    first = world.schedule(session, now=at("10:30"))
    second = world.schedule(session, now=at("10:30"), trigger={"kind": "manual"})
    follower = world.schedule(session, now=at("10:30"), trigger=after(first, second, join="any"))

    end(session, world.worker(session), first, "11:00:05")

    assert [row[1] for row in ledger(session, follower.id)] == ["queued"]


def test_a_chain_runs_link_by_link(session):
    first = world.schedule(session, now=at("10:30"))
    second = world.schedule(session, now=at("10:30"), trigger=after(first))
    third = world.schedule(session, now=at("10:30"), trigger=after(second))
    who = world.worker(session)

    end(session, who, first, "11:00:05")
    end(session, who, second, "11:00:10")

    assert [row[1] for row in ledger(session, third.id)] == ["queued"]


@pytest.mark.parametrize("length", [1, 2, 5])
def test_a_circle_is_refused_with_its_field(session, length):
    first = world.schedule(session, trigger={"kind": "manual"})
    last = first
    for _ in range(length - 1):
        last = world.schedule(session, trigger=after(last))

    with pytest.raises(Invalid) as refused:
        facts = {"trigger": {"kind": "after", "schedule_id": str(last.id)}}
        schedules.edit(session, first, first.spec, facts, caller=ANA, now=NOON)

    assert (refused.value.code, refused.value.errors[0].field) == ("cycle", "trigger.schedule_id")


def test_two_ways_to_the_same_schedule_are_no_circle(session):
    top = world.schedule(session, trigger={"kind": "manual"})
    left, right = (world.schedule(session, trigger=after(top)) for _ in range(2))

    assert world.schedule(session, trigger=after(left, right)).id


def test_an_unknown_upstream_is_refused(session):
    with pytest.raises(Invalid) as refused:
        world.schedule(session, trigger={"kind": "after", "schedule_id": str(uuid4())})

    assert refused.value.code == "unknown_schedule"


def test_what_others_follow_is_not_deleted_under_them(session):
    upstream = world.schedule(session, trigger={"kind": "manual"})
    follower = world.schedule(session, name="The follower", trigger=after(upstream))

    with pytest.raises(Conflict, match="The follower"):
        schedules.delete(session, upstream, caller=ANA, now=NOON)
    schedules.delete(session, follower, caller=ANA, now=NOON)
    schedules.delete(session, upstream, caller=ANA, now=NOON)


def test_a_paused_follower_writes_down_what_it_let_pass(session):
    upstream = world.schedule(session, now=at("10:30"))
    follower = world.schedule(session, now=at("10:30"), trigger=after(upstream))
    schedules.pause(session, follower, reason=None, caller=ANA, now=at("10:40"))

    end(session, world.worker(session), upstream, "11:00:05")

    assert [row[1:] for row in ledger(session, follower.id)] == [("skipped", "paused")]


def test_two_ends_at_the_same_instant_are_two_fire_times(session):
    upstream = world.schedule(session, now=at("09:30"), overlap="allow")
    follower = world.schedule(session, now=at("09:30"), trigger=after(upstream), overlap="allow")
    who = world.worker(session)
    planner.tick(session, at("10:00:01"))
    planner.tick(session, at("11:00:01"))
    for _, attempt in [world.claim(session, who, now=at("11:00:02")) for _ in range(2)]:
        world.finish(session, attempt, who, now=at("11:00:05"))

    planner.tick(session, at("11:00:06"))

    moments = [row[0] for row in ledger(session, follower.id)]
    assert len(set(moments)) == 2
    assert moments[0] == at("11:00:05")


def test_a_follower_that_turns_to_a_clock_follows_no_more(session):
    upstream = world.schedule(session, now=at("10:30"))
    follower = world.schedule(session, now=at("10:30"), trigger=after(upstream))
    facts = {"trigger": {"kind": "manual"}}

    schedules.edit(session, follower, follower.spec, facts, caller=ANA, now=at("10:40"))
    end(session, world.worker(session), upstream, "11:00:05")

    assert ledger(session, follower.id) == []


def test_a_parameters_failure_of_the_upstream_is_an_end_too(session):
    upstream = world.schedule(session, now=at("10:30"), parameters={"region": "south"})
    follower = world.schedule(session, now=at("10:30"), trigger=after(upstream, states=["failed"]))
    world.version(session, sha256="c" * 64, parameters=[])

    planner.tick(session, at("11:00:01"))

    assert len(ledger(session, follower.id)) == 1
