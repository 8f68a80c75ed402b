"""What is still learnt of an attempt whose worker is gone, and who may tell it."""

from datetime import timedelta

import pytest
import world
from world import NOON

from nightbook.beat import reaper
from nightbook.core.errors import Conflict, NotFound
from nightbook.records import evidence, journals, runs
from nightbook.records.runs import Attempt

BEGIN = b'{"n":0,"t":0,"k":"begin","at":"2026-11-23T12:00:00Z","ids":["a"]}\n'
CELL = b'{"n":1,"t":5,"k":"cell","i":0}\n'
BEGAN = len(BEGIN)
JUDGED = NOON + timedelta(seconds=71)


def lost(session, *, begun=True, **fields):
    """A run whose worker fell silent, with what it had uploaded."""
    world.run(session, **fields)
    who = world.worker(session)
    run, attempt = world.claim(session, who)
    if begun:
        world.begin(session, attempt, who, BEGIN)
    reaper.tick(session, JUDGED, NOON - timedelta(days=1))
    return run.id, attempt.id, who


def tell(session, attempt_id, who, *, fence=1, offset=BEGAN, body=CELL, worker_id=None, now=JUDGED):
    return evidence.append(
        session,
        attempt_id,
        fence,
        worker_id=worker_id or who[0].id,
        offset=offset,
        body=body,
        caller=who[1],
        now=now,
    )


def test_the_worker_of_a_lost_attempt_completes_its_journal_and_moves_no_state(session):
    run_id, attempt_id, who = lost(session)
    session.get_one(Attempt, attempt_id).needs_copy = False

    assert tell(session, attempt_id, who) == len(BEGIN + CELL)

    assert journals.read(session, attempt_id) == BEGIN + CELL
    attempt, run = session.get_one(Attempt, attempt_id), runs.require(session, run_id)
    assert (attempt.state, attempt.needs_copy) == ("lost", True)
    assert (run.state, run.fence) == ("lost", 2)


def test_what_the_server_has_already_asks_for_no_new_copy(session):
    _, attempt_id, who = lost(session)
    session.get_one(Attempt, attempt_id).needs_copy = False

    assert tell(session, attempt_id, who, offset=0, body=BEGIN) == len(BEGIN)

    assert not session.get_one(Attempt, attempt_id).needs_copy


def test_a_gap_is_refused_with_the_offset_that_is_missing(session):
    _, attempt_id, who = lost(session)

    with pytest.raises(Conflict) as refused:
        tell(session, attempt_id, who, offset=len(BEGIN + CELL), body=b"")

    assert (refused.value.code, refused.value.errors[0].message) == ("journal_gap", str(len(BEGIN)))


def test_before_the_verdict_the_successor_of_a_killed_worker_may_tell_it_too(session):
    world.run(session)
    who = world.worker(session)
    run, attempt = world.claim(session, who)
    world.begin(session, attempt, who, BEGIN)

    tell(session, attempt.id, who, now=NOON)

    assert journals.read(session, attempt.id) == BEGIN + CELL
    assert runs.require(session, run.id).state == "running"
    assert not session.get_one(Attempt, attempt.id).needs_copy


def test_another_workers_id_is_refused(session):
    _, attempt_id, who = lost(session)
    other = world.worker(session, name="w2")

    with pytest.raises(Conflict, match="Nothing is missing"):
        tell(session, attempt_id, who, worker_id=other[0].id)
    with pytest.raises(NotFound):
        tell(session, attempt_id, other)

    assert journals.read(session, attempt_id) == BEGIN


@pytest.mark.parametrize(("hours", "is_taken"), [(23, True), (25, False)])
def test_evidence_is_taken_for_a_day(session, hours, is_taken):
    _, attempt_id, who = lost(session)

    if is_taken:
        tell(session, attempt_id, who, now=JUDGED + timedelta(hours=hours))
    else:
        with pytest.raises(Conflict) as refused:
            tell(session, attempt_id, who, now=JUDGED + timedelta(hours=hours))
        assert refused.value.code == "fence_lost"


def test_another_fence_is_refused(session):
    _, attempt_id, who = lost(session)

    with pytest.raises(Conflict):
        tell(session, attempt_id, who, fence=2)


def test_an_attempt_that_ended_is_closed(session):
    world.run(session)
    who = world.worker(session)
    _, attempt = world.claim(session, who)
    world.begin(session, attempt, who, BEGIN)
    world.finish(session, attempt, who)

    with pytest.raises(Conflict):
        tell(session, attempt.id, who)


def test_late_evidence_opens_no_gate(session):
    """The run would be called lost instead of being queued again."""
    world.run(session)
    who = world.worker(session)
    _, attempt = world.claim(session, who)

    with pytest.raises(Conflict):
        tell(session, attempt.id, who, offset=0, body=BEGIN, now=NOON)

    assert session.get_one(Attempt, attempt.id).begun_at is None


def test_the_tail_of_an_earlier_attempt_says_nothing_of_the_progress_of_a_later_one(session):
    run_id, attempt_id, who = lost(session, retry_on_worker_loss=True)
    world.claim(session, who, now=JUDGED)
    done = b'{"n":1,"t":5,"k":"done","i":0,"status":"ok","started":1,"ended":2}\n'

    tell(session, attempt_id, who, body=done)

    run = runs.require(session, run_id)
    assert (run.state, run.cells_done) == ("running", None)


def test_a_copy_of_a_part_of_the_journal_is_not_kept_once_more_has_come(session):
    _, attempt_id, who = lost(session)
    tell(session, attempt_id, who)

    kept = evidence.keep_copy(
        session, attempt_id, [], journal_size=len(BEGIN), read_size=len(BEGIN), now=JUDGED
    )

    assert kept is False
    assert [one.id for _, one in evidence.without_copy(session)] == [attempt_id]
