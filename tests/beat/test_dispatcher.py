from datetime import timedelta

import world
from world import NOON

from nightbook.beat import dispatcher


def test_a_waiting_run_rings_once_in_half_a_minute(session):
    run = world.run(session)
    world.worker(session)

    rung = [dispatcher.tick(session, NOON + timedelta(seconds=s)) for s in (1, 6, 32)]

    assert rung == [[("default", run.id)], [], [("default", run.id)]]


def test_no_doorbell_rings_without_a_free_slot(session):
    world.run(session)

    assert dispatcher.tick(session, NOON) == []


def test_a_backlog_rings_within_its_window(session):
    for _ in range(20):
        world.run(session)
    who = world.worker(session)
    world.claim(session, who)

    rung = dispatcher.tick(session, NOON + timedelta(seconds=1))

    assert len(rung) == 2 * (who[0].slots - 1)
