"""kill -9 of the worker, of the server and of the broker: nothing is lost, nothing is done twice."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from cluster import GALLERY, Cluster
from facts import fetch, instant, require_whole, soon, story_of
from waiting import until

from nightbook.client import Client
from nightbook.schemas import RunView

LONG = "long_progress.ipynb"
BRIEF = {"steps": 1, "seconds": 0.1}
#: Quicker than a worker with a free slot asks by itself.
RUNG_SECONDS = 3.0


def begun(api: Client, pool: str, *, steps: int, **fields: object) -> RunView:
    """A run whose first batches have been printed."""
    api.notebooks.upload(GALLERY / LONG, path=LONG)
    run = api.runs.create(LONG, {"steps": steps, "seconds": 0.2}, pool=pool, **fields)
    until(lambda: "batch" in api.runs.log(run.id), seconds=60, what="the first batch is printed")
    return run


def require_done_once(cluster: Cluster, api: Client, run: RunView) -> None:
    """One attempt, one end, one whole copy."""
    assert (run.state, [attempt.state for attempt in run.attempts]) == ("succeeded", ["succeeded"])
    assert [attempt.fence for attempt in run.attempts] == [1]
    assert story_of(api, run) == ["run.queued", "run.running", "run.begun", "run.succeeded"]
    require_whole(cluster, run)


# ---------------------------------------------------------------- the worker


@dataclass(frozen=True)
class Death:
    """What a worker was doing when it was killed, and what waited behind it."""

    plain: RunView
    repeatable: RunView
    waiting: RunView
    meanwhile: RunView
    kernels_left: int


@pytest.fixture(scope="module")
def death(api: Client, shared_cluster: Cluster) -> Iterator[Death]:
    """A worker killed with both its slots taken and a run in its queue; its successor has started."""
    pool = shared_cluster.frail_pool
    shared_cluster.start_worker(pool)
    plain = begun(api, pool, steps=600)
    repeatable = begun(api, pool, steps=50, retry_on_worker_loss=True)
    waiting = api.runs.create(LONG, BRIEF, pool=pool)
    assert len(shared_cluster.kernels()) == 2

    shared_cluster.kill_worker(pool)
    meanwhile = api.runs.create(LONG, BRIEF, pool=pool)
    killed_at = time.monotonic()
    while shared_cluster.kernels() and time.monotonic() < killed_at + 15:
        time.sleep(0.2)
    left = len(shared_cluster.kernels())
    shared_cluster.start_worker(pool)

    yield Death(plain, repeatable, waiting, meanwhile, left)
    shared_cluster.drain_worker(pool).wait(timeout=60)


def test_no_kernel_of_a_killed_worker_is_left_after_15_seconds(death: Death) -> None:
    assert death.kernels_left == 0


def test_runs_that_waited_for_a_killed_worker_are_done_by_the_next(
    cluster: Cluster, api: Client, death: Death
) -> None:
    for run in (death.waiting, death.meanwhile):
        require_done_once(cluster, api, api.runs.wait(run.id, timeout=60))


def test_a_run_whose_worker_is_killed_is_lost_and_keeps_its_copy(
    cluster: Cluster, api: Client, death: Death
) -> None:
    lost = api.runs.wait(death.plain.id, timeout=60)

    assert (lost.state, lost.class_) == ("lost", "worker_lost")
    assert lost.reason is not None
    assert "fell silent" in lost.reason
    assert story_of(api, lost) == ["run.queued", "run.running", "run.begun", "run.lost"]
    until(lambda: api.runs.artifacts(lost.id), seconds=20, what="the copy is made from the journal")
    require_whole(cluster, lost)
    assert "batch   1 of 600" in fetch(cluster, f"/runs/{lost.id}/notebook").text
    states = [cell.state for cell in api.runs.cells(lost.id) if cell.type == "code"]
    assert states[0] == "succeeded"
    assert states[-1] == "not_run"
    assert "running" not in states


def test_a_run_that_may_be_repeated_is_done_by_the_next_worker(
    cluster: Cluster, api: Client, death: Death
) -> None:
    ended = api.runs.wait(death.repeatable.id, timeout=120)

    assert (ended.state, [a.state for a in ended.attempts]) == ("succeeded", ["lost", "succeeded"])
    assert ended.attempts[1].fence > ended.attempts[0].fence
    kinds = story_of(api, ended)
    assert (kinds.count("run.begun"), kinds.count("run.succeeded")) == (2, 1)
    assert require_whole(cluster, ended)["fence"] == ended.attempts[1].fence


@pytest.mark.any_stack
def test_what_a_killed_worker_had_not_sent_is_sent_by_the_next_and_completes_the_copy(
    cluster: Cluster, api: Client, death: Death
) -> None:
    pool = cluster.frail_pool
    run = begun(api, pool, steps=600)
    cluster.kill_server()
    sent = batches(cluster, run)
    until(lambda: batches(cluster, run) > sent + 5, seconds=30, what="more is printed than was sent")
    cluster.kill_worker(pool)
    last = batches(cluster, run)

    cluster.start_server()
    lost = api.runs.wait(run.id, timeout=60)
    assert lost.state == "lost"
    cluster.start_worker(pool)

    def is_complete() -> bool:
        return f"batch {last:3d} of 600" in fetch(cluster, f"/runs/{run.id}/notebook").text

    until(lambda: api.runs.artifacts(run.id), seconds=20, what="a copy is made")
    until(is_complete, seconds=60, what="the copy holds what was printed last")
    require_whole(cluster, lost)
    assert api.runs.show(run.id).state == "lost"


def batches(cluster: Cluster, run: RunView) -> int:
    """How many batches the journal on the worker's disk knows of."""
    journal = next(cluster.home.glob(f"**/attempts/{run.id}-*/journal.jsonl"))
    return journal.read_text(encoding="utf-8").count("batch ")


def test_a_drained_worker_lets_its_run_end_and_takes_no_other(cluster: Cluster, api: Client) -> None:
    run = begun(api, cluster.pool, steps=20)

    worker = cluster.drain_worker(cluster.pool)
    time.sleep(0.5)  # the signal has come
    later = api.runs.create(LONG, BRIEF, pool=cluster.pool)
    worker.wait(timeout=60)

    assert worker.returncode == 0
    require_done_once(cluster, api, api.runs.show(run.id))
    assert api.runs.show(later.id).state == "queued"
    cluster.start_worker(cluster.pool)
    require_done_once(cluster, api, api.runs.wait(later.id, timeout=60))


# ---------------------------------------------------------------- the server


def test_a_killed_server_disturbs_no_attempt_and_loses_no_fire_time(cluster: Cluster, api: Client) -> None:
    run = begun(api, cluster.pool, steps=60)
    at = soon(3)
    once = {"kind": "once", "at": instant(at)}
    schedule = api.schedules.create(
        "While the server was away", LONG, once, parameters=BRIEF, pool=cluster.pool
    )

    cluster.kill_server()
    until(lambda: datetime.now(UTC) > at, seconds=10, what="the fire time has passed")
    back_at = datetime.now(UTC)
    cluster.start_server()

    require_done_once(cluster, api, api.runs.wait(run.id, timeout=90))
    fired = until(lambda: list(api.runs.list(schedule_id=schedule.id)), seconds=20, what="it is caught up")
    assert [(one.fire_at, one.trigger) for one in fired] == [(at, "scheduled")]
    assert fired[0].created_at > back_at
    require_done_once(cluster, api, api.runs.wait(fired[0].id, timeout=60))
    assert [o.fire_at for o in api.schedules.occurrences(schedule.id)] == [at]


# ---------------------------------------------------------------- the broker


def test_a_killed_broker_costs_time_only(cluster: Cluster, api: Client) -> None:
    run = begun(api, cluster.pool, steps=60)

    cluster.broker.kill()
    try:
        away = cluster.broker_state()
        meanwhile = api.runs.wait(api.runs.create(LONG, BRIEF, pool=cluster.pool).id, timeout=60)
    finally:
        cluster.broker.start()

    assert away == "away"
    require_done_once(cluster, api, meanwhile)
    require_done_once(cluster, api, api.runs.wait(run.id, timeout=90))


def test_the_bell_rings_again_once_the_broker_is_back_with_nothing_in_it(
    cluster: Cluster, api: Client
) -> None:
    api.notebooks.upload(GALLERY / LONG, path=LONG)
    cluster.broker.kill()
    cluster.broker.start()
    until(lambda: cluster.broker_state() == "ok", seconds=30, what="the server finds its broker again")

    def are_rung() -> bool:
        """Three in a row: one alone may have met a worker that was just asking by itself."""
        return all(waited_seconds(cluster, api) < RUNG_SECONDS for _ in range(3))

    until(are_rung, seconds=60, what="runs start at the ring")


def waited_seconds(cluster: Cluster, api: Client) -> float:
    run = api.runs.wait(api.runs.create(LONG, BRIEF, pool=cluster.pool).id, timeout=60)
    assert run.started_at is not None
    require_done_once(cluster, api, run)
    return (run.started_at - run.created_at).total_seconds()
