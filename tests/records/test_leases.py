from datetime import timedelta

import pytest
import world
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from world import NOON

from nightbook.adapters import database
from nightbook.core.errors import Conflict, Invalid, NotFound
from nightbook.records import journals, leases, pools, runs
from nightbook.records.pools import Pool
from nightbook.schemas import HeldAttempt


def test_the_claim_takes_the_most_urgent_run_and_of_these_the_oldest(session):
    low, high, also_high = (world.run(session, priority=p) for p in (10, 90, 90))
    who = world.worker(session)

    claimed = [world.claim(session, who)[0].id for _ in range(3)]

    assert claimed == [high.id, also_high.id, low.id]
    assert world.claim(session, who) is None


def test_a_worker_is_given_only_what_its_kernels_can_run(session):
    world.run(session)

    assert world.claim(session, world.worker(session, kernels=("ir",))) is None
    assert world.claim(session, world.worker(session, name="w2")) is not None


def test_the_same_claim_again_gives_the_same_attempt(session):
    world.run(session)
    world.run(session)
    who = world.worker(session)

    first, again, other = (world.claim(session, who, key=key) for key in ("a", "a", "b"))

    assert first[1].id == again[1].id != other[1].id


def test_no_more_runs_than_the_pool_allows(session):
    session.get_one(Pool, "default").concurrency = 2
    for _ in range(3):
        world.run(session)
    who = world.worker(session)

    assert [world.claim(session, who) is not None for _ in range(3)] == [True, True, False]


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)  # SQLite lets one writer in at a time
def test_two_claims_at_once_never_pass_the_pools_limit(session, engine):
    session.get_one(Pool, "default").concurrency = 1
    first_run = world.run(session)
    world.run(session)
    who = world.worker(session)
    session.commit()
    with database.sessions(engine)() as first, database.sessions(engine)() as second:
        taken = world.claim(first, who)
        second.connection().exec_driver_sql("SET lock_timeout = '300ms'")
        with pytest.raises(Exception, match="lock timeout"):
            world.claim(second, who)
        first.commit()
        second.rollback()
        assert world.claim(second, who) is None

    assert taken[0].id == first_run.id


def test_runs_of_one_schedule_go_one_after_the_other(session):
    schedule = world.schedule(session)
    for hour in (9, 10):
        runs.create(
            session,
            world.run(session).spec,
            kind="scheduled",
            owner="ana",
            created_by="nightbook",
            now=NOON,
            schedule_id=schedule.id,
            fire_at=NOON.replace(hour=hour),
            is_exclusive=True,
        )
    who = world.worker(session)
    claimed = []
    while (taken := world.claim(session, who)) is not None:
        claimed.append(taken)

    of_schedule = [(run, attempt) for run, attempt in claimed if run.schedule_id]
    assert len(of_schedule) == 1
    world.finish(session, of_schedule[0][1], who)
    assert world.claim(session, who)[0].schedule_id == schedule.id


# ---------------------------------------------------------------- the fence


def test_a_stale_worker_changes_nothing(session):
    world.run(session)
    who = world.worker(session)
    run, attempt = world.claim(session, who)
    leases.judge(session, run, NOON)

    for act in (
        lambda: world.begin(session, attempt, who),
        lambda: world.finish(session, attempt, who),
        lambda: leases.check_held(session, attempt.id, attempt.fence, caller=who[1]),
    ):
        with pytest.raises(Conflict) as refused:
            act()
        assert refused.value.code == "fence_lost"
    assert runs.require(session, run.id).state == "queued"
    held = [HeldAttempt(attempt_id=attempt.id, fence=attempt.fence)]
    assert [answer.lost for answer in leases.renew(session, who[0], held, NOON)] == [True]


def test_another_workers_attempt_is_not_there(session):
    world.run(session)
    _, attempt = world.claim(session, world.worker(session))

    with pytest.raises(NotFound):
        world.finish(session, attempt, world.worker(session, name="thief"))


def test_the_end_may_be_told_twice(session):
    world.run(session)
    who = world.worker(session)
    run, attempt = world.claim(session, who)

    first = world.finish(session, attempt, who)
    again = world.finish(session, attempt, who)

    assert (first.state, again.state, again.id) == ("succeeded", "succeeded", run.id)
    with pytest.raises(Conflict):
        world.finish(session, attempt, who, "failed", class_="code")


def test_a_success_without_its_copy_is_refused(session):
    world.run(session)
    who = world.worker(session)
    _, attempt = world.claim(session, who)
    draft = leases.FinishDraft.model_validate({"fence": attempt.fence, "state": "succeeded"})

    with pytest.raises(Invalid) as refused:
        leases.finish(session, attempt.id, draft, caller=who[1], now=NOON, jitter=0.5)

    assert refused.value.code == "copy_missing"


# ---------------------------------------------------------------- retries


def test_the_users_retries_come_after_the_first_cell_and_wait(session):
    world.run(session, retries=1)
    who = world.worker(session)
    run, attempt = world.claim(session, who)
    world.begin(session, attempt, who)

    world.finish(session, attempt, who, "failed", class_="code")

    assert (run.state, run.user_retries_used, run.platform_retries_used) == ("queued", 1, 0)
    assert timedelta(seconds=48) <= run.available_at - NOON <= timedelta(seconds=72)
    assert world.claim(session, who) is None
    run, attempt = world.claim(session, who, now=run.available_at)
    world.begin(session, attempt, who)
    assert world.finish(session, attempt, who, "failed", class_="code").state == "failed"


def test_what_a_drain_hands_back_costs_no_retry(session):
    world.run(session)
    who = world.worker(session)
    run, attempt = world.claim(session, who)

    world.finish(session, attempt, who, "handed_back")

    assert (run.state, run.user_retries_used, run.platform_retries_used) == ("queued", 0, 0)
    assert world.claim(session, who) is not None


def test_what_has_begun_cannot_be_handed_back(session):
    world.run(session)
    who = world.worker(session)
    _, attempt = world.claim(session, who)
    world.begin(session, attempt, who)

    with pytest.raises(Conflict) as refused:
        world.finish(session, attempt, who, "handed_back")

    assert refused.value.code == "already_begun"


# ---------------------------------------------------------------- journals


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.tuples(st.integers(0, 60), st.integers(1, 60)), max_size=12))
def test_a_journal_is_whole_whatever_is_repeated_or_overlaps(session, cuts):
    whole = b"".join(b'{"n":%d}\n' % n for n in range(9))
    world.run(session)
    who = world.worker(session, name=f"w{len(cuts)}")
    _, attempt = world.claim(session, who)
    end = 0
    for start, length in cuts:
        piece = whole[start : start + length]
        try:
            end = journals.append(session, attempt.id, end=end, offset=start, body=piece)
        except Conflict as refused:
            assert refused.code == "journal_gap"
            assert start > end == int(refused.errors[0].message)
    end = journals.append(session, attempt.id, end=end, offset=end, body=whole[end:])

    assert journals.read(session, attempt.id) == whole
    assert (end, journals.read(session, attempt.id, start=4)) == (len(whole), whole[4:])


def test_a_worker_is_silent_after_its_lease(session):
    worker, _ = world.worker(session)
    pool = session.get_one(Pool, "default")

    assert pools.state_of(worker, pool, NOON + timedelta(seconds=59)) == "alive"
    assert pools.state_of(worker, pool, NOON + timedelta(seconds=61)) == "silent"
