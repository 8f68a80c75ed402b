"""Kernels from zygotes as a real worker has them: trouble of a zygote never reaches a run."""

import json
import os
import signal
from pathlib import Path

import pytest
from conftest import WorkerProcess, processes_of
from fake_server import until

FAST = {"pool", "forked"}


@pytest.fixture(scope="module")
def worker(server, tmp_path_factory):
    """A worker of four slots whose zygote is ready."""
    started = WorkerProcess(server, tmp_path_factory.mktemp("home"), slots=4, fork_kernels=True)
    until(lambda: zygote_of(started) is not None, 60)
    yield started
    started.stop()


def zygote_of(worker) -> dict | None:
    """What the worker's zygote says of itself."""
    home = worker.log.parent / "worker-w" / "zygotes"
    if not (home / "base").is_file():
        return None
    states = list(Path((home / "base").read_text()).glob("*/state.json"))
    return json.loads(states[0].read_text()) if states else None


def start_of(run):
    assert run.finish.state == "succeeded", run.finish
    return next(record for record in run.records if record["k"] == "kernel")


def test_journal_and_manifest_tell_how_the_kernel_was_started(worker, server):
    run = server.queue_run("1")
    server.wait_for(run)

    start = start_of(run)
    assert start["kernel_start"] in FAST
    assert start["reason"] is None
    kernel = run.manifest["kernel"]
    assert kernel["start"] == start["kernel_start"]
    assert kernel["fingerprint"] == start["fingerprint"] == zygote_of(worker)["fingerprint"]
    assert (run.finish.kernel_start, run.finish.kernel_start_reason) == (start["kernel_start"], None)


def test_a_run_that_wants_no_fork_starts_the_ordinary_way_and_says_so(worker, server):
    run = server.queue_run("1", fork_kernel=False)
    server.wait_for(run)

    start = start_of(run)
    assert (start["kernel_start"], start["reason"]) == ("ordinary", "the run wants none that is forked")
    assert (run.finish.kernel_start, run.finish.kernel_start_reason) == ("ordinary", start["reason"])


def test_a_hangup_renews_the_zygote_and_not_the_worker(worker, server):
    before = zygote_of(worker)["pid"]

    worker.signal(signal.SIGHUP)
    until(lambda: (zygote_of(worker) or {"pid": before})["pid"] != before, 60)
    run = server.queue_run("1")
    server.wait_for(run)

    assert start_of(run)["kernel_start"] in FAST


def test_a_forked_kernel_takes_the_limits_of_its_level(worker, server):
    source = (
        "import os, resource\n"
        "status = open('/proc/self/status').read()\n"
        "print(resource.getrlimit(resource.RLIMIT_CORE), resource.getrlimit(resource.RLIMIT_NOFILE)[0])\n"
        "adjusted = open('/proc/self/oom_score_adj').read().strip()\n"
        "print(status.partition('NoNewPrivs:')[2].split()[0], adjusted)\n"
        "print(sorted(name for name in os.environ if name not in ('COLUMNS', 'LINES')))"
    )
    forked = server.queue_run(source)
    server.wait_for(forked)

    printed = forked.printed.splitlines()
    assert start_of(forked)["kernel_start"] in FAST
    assert printed[0].startswith("(0, 0) ")
    assert int(printed[0].rpartition(" ")[2]) <= 4096
    assert printed[1] == "1 500"
    assert "NIGHTBOOK_TOKEN" not in printed[2]


def test_a_zygote_that_is_killed_in_a_burst_fails_no_run(worker, server, tmp_path):
    go = tmp_path / "go"
    wait = f"import os, time\nwhile not os.path.exists({str(go)!r}): time.sleep(0.01)\nprint('on')"
    running = [server.queue_run(wait) for _ in range(2)]
    until(lambda: all(any(record["k"] == "cell" for record in run.records) for run in running), 60)
    short = [server.queue_run("print('on')") for _ in range(4)]

    os.kill(zygote_of(worker)["pid"], signal.SIGKILL)
    for run in short:
        server.wait_for(run)
    go.touch()
    for run in running:
        server.wait_for(run)

    assert {run.finish.state for run in (*running, *short)} == {"succeeded"}
    assert {run.printed for run in (*running, *short)} == {"on\n"}
    assert {start_of(run)["kernel_start"] for run in running} <= FAST
    for run in (*running, *short):
        until(lambda run=run: not processes_of(run.order.attempt_id), 5)


def test_kernels_are_not_forked_where_that_is_switched_off(start_worker, own_server):
    start_worker(fork_kernels=False)
    run = own_server.queue_run("1")
    own_server.wait_for(run)

    assert run.finish.state == "succeeded"
    assert run.manifest["kernel"]["start"] == "ordinary"
    assert run.manifest["kernel"]["start_reason"] == "NIGHTBOOK_FORK_KERNELS is off"
