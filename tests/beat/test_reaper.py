from datetime import timedelta

import pytest
import world
from world import NOON

from nightbook.beat import reaper
from nightbook.records import runs

LONG_AGO = NOON - timedelta(days=1)


def after(seconds: float):
    return NOON + timedelta(seconds=seconds)


def test_a_silent_attempt_that_had_not_begun_goes_back_to_the_queue(session):
    run, _ = world.claim(session, world.worker(session)) if world.run(session) else None

    assert reaper.tick(session, after(69), LONG_AGO) == 0
    assert reaper.tick(session, after(71), LONG_AGO) == 1

    run = runs.require(session, run.id)
    assert (run.state, run.platform_retries_used) == ("queued", 1)


@pytest.mark.parametrize(("retry", "state"), [(False, "lost"), (True, "queued")])
def test_after_its_first_cell_a_silent_run_is_repeated_only_if_its_author_said_so(session, retry, state):
    world.run(session, retry_on_worker_loss=retry)
    who = world.worker(session)
    run, attempt = world.claim(session, who)
    world.begin(session, attempt, who)

    reaper.tick(session, after(71), LONG_AGO)

    run = runs.require(session, run.id)
    assert run.state == state
    assert runs.attempts_of(session, [run.id])[run.id][0].needs_copy


def test_after_an_outage_nobody_is_judged_for_one_lease(session):
    world.run(session)
    world.claim(session, world.worker(session))

    assert reaper.tick(session, after(300), after(290)) == 0
    assert reaper.tick(session, after(351), after(290)) == 1


def test_a_cancelled_run_whose_worker_is_silent_is_cancelled(session):
    world.run(session)
    run, _ = world.claim(session, world.worker(session))
    runs.cancel(session, run, reason=None, caller=world.ANA, now=NOON)

    reaper.tick(session, after(71), LONG_AGO)

    assert runs.require(session, run.id).state == "cancelled"


def test_a_lease_of_a_clock_that_was_put_back_ends_in_its_time(session):
    world.run(session)
    run, _ = world.claim(session, world.worker(session), now=NOON + timedelta(hours=2))

    assert reaper.tick(session, NOON, LONG_AGO) == 0
    assert reaper.tick(session, after(71), LONG_AGO) == 1
    assert runs.require(session, run.id).state == "queued"


def test_a_lease_that_is_renewed_under_the_new_clock_is_left_alone(session):
    world.run(session)
    run, _ = world.claim(session, world.worker(session), now=after(30))

    assert reaper.tick(session, NOON, LONG_AGO) == 0
    assert runs.require(session, run.id).lease_until == after(90)
