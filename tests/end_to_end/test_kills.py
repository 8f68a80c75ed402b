"""kill -9 of the worker, of the server and of the broker: nothing is lost, nothing is done twice."""

import hashlib
import time
from datetime import UTC, datetime, timedelta

from cluster import GALLERY, Cluster, until
from test_story import bytes_of, require_whole

from nightbook.client import Client
from nightbook.schemas import RunView

LONG = "long_progress.ipynb"


def started(api: Client, cluster: Cluster, *, steps: int = 40, **fields: object) -> RunView:
    """A run whose first batches have been printed."""
    api.notebooks.upload(GALLERY / LONG, path=LONG)
    run = api.runs.create(LONG, {"steps": steps, "seconds": 0.2}, pool=cluster.pool, **fields)
    until(lambda: "batch" in api.runs.log(run.id), seconds=60, what="the first batch is printed")
    return run


def test_a_run_whose_worker_is_killed_is_lost_and_keeps_its_copy(cluster: Cluster, api: Client) -> None:
    run = started(api, cluster, steps=600)
    waiting = api.runs.create(LONG, {"steps": 1, "seconds": 0.1}, pool=cluster.pool)
    until(lambda: api.runs.show(waiting.id).state == "succeeded", seconds=60, what="the second slot works")

    cluster.kill_worker()
    queued = api.runs.create(LONG, {"steps": 1, "seconds": 0.1}, pool=cluster.pool)

    lost = api.runs.wait(run.id, timeout=60)
    assert (lost.state, lost.class_) == ("lost", "worker_lost")
    until(lambda: api.runs.artifacts(run.id), seconds=20, what="the copy is made from the journal")
    require_whole(cluster, lost)
    assert "batch" in bytes_of(cluster, f"/runs/{run.id}/notebook").text
    assert "running" not in {cell.state for cell in api.runs.cells(run.id)}
    kernels = [p for p in cluster.processes() if "ipykernel" in " ".join(p.cmdline())]
    assert kernels == []
    cluster.start_worker()
    assert api.runs.wait(queued.id, timeout=60).state == "succeeded"


def test_a_run_that_may_be_repeated_is_done_by_the_next_worker(cluster: Cluster, api: Client) -> None:
    run = started(api, cluster, steps=50, retry_on_worker_loss=True)

    cluster.kill_worker()
    cluster.start_worker()

    ended = api.runs.wait(run.id, timeout=120)
    assert (ended.state, [attempt.state for attempt in ended.attempts]) == (
        "succeeded",
        ["lost", "succeeded"],
    )
    assert ended.attempts[1].fence > ended.attempts[0].fence
    require_whole(cluster, ended)


def test_a_killed_server_disturbs_no_attempt_and_loses_no_fire_time(cluster: Cluster, api: Client) -> None:
    run = started(api, cluster, steps=40)
    at = (datetime.now(UTC) + timedelta(seconds=2)).replace(microsecond=0)
    schedule = api.schedules.create(
        "While the server was away",
        LONG,
        {"kind": "once", "at": at.isoformat().replace("+00:00", "Z")},
        parameters={"steps": 1, "seconds": 0.1},
        pool=cluster.pool,
    )

    cluster.kill_server()
    # Shorter than the time after which a worker gives its attempts up.
    time.sleep(3)
    cluster.start_server()

    ended = api.runs.wait(run.id, timeout=90)
    assert (ended.state, len(ended.attempts)) == ("succeeded", 1)
    require_whole(cluster, ended)
    fired = until(
        lambda: list(api.runs.list(schedule_id=schedule.id)), seconds=20, what="the missed hour is run"
    )
    assert [(one.fire_at, one.trigger) for one in fired] == [(at, "scheduled")]
    assert api.runs.wait(fired[0].id, timeout=60).state == "succeeded"


def test_a_killed_broker_costs_time_only(cluster: Cluster, api: Client) -> None:
    run = started(api, cluster, steps=60)

    cluster.broker.kill()
    meanwhile = api.runs.create(LONG, {"steps": 1, "seconds": 0.1}, pool=cluster.pool)
    without_broker = api.runs.wait(meanwhile.id, timeout=60)
    cluster.broker.start()

    after = api.runs.wait(
        api.runs.create(LONG, {"steps": 2, "seconds": 0.1}, pool=cluster.pool).id, timeout=60
    )
    ended = api.runs.wait(run.id, timeout=90)
    for one in (without_broker, after, ended):
        assert (one.state, len(one.attempts)) == ("succeeded", 1)
        require_whole(cluster, one)


def test_a_drained_worker_lets_its_run_end(cluster: Cluster, api: Client) -> None:
    run = started(api, cluster, steps=20)
    worker = cluster.workers.pop()

    worker.terminate()
    worker.wait(timeout=60)

    ended = api.runs.show(run.id)
    assert (worker.returncode, ended.state, len(ended.attempts)) == (0, "succeeded", 1)
    copy = bytes_of(cluster, f"/runs/{run.id}/notebook").content
    assert hashlib.sha256(copy).hexdigest() in {artifact.sha256 for artifact in api.runs.artifacts(run.id)}
