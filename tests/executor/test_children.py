"""Children from the child server: what they hold, and that nobody's death leaves anything behind."""

import os
import signal
import sys
from pathlib import Path

import psutil
import pytest
from conftest import processes_of
from fake_server import until

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="children are forked on Linux")

SLEEP = "import time; print('begun', flush=True); time.sleep(300)"
ORPHANS = "import subprocess; subprocess.Popen(['sh', '-c', 'setsid sleep 300 & setsid sleep 300 &'])\n"


def named(worker, name):
    return [one for one in worker.below() if one.name() == name]


def begun(server, run):
    server.wait(lambda: "begun" in run.printed)


def gone(run, seconds=3.0):
    until(lambda: not processes_of(run.order.attempt_id), seconds)


def warm(server, worker):
    """A run is done, so the child server is ready."""
    first = server.queue_run("print('first')")
    server.wait_for(first)
    until(lambda: len(named(worker, "nb-children")) == 1, 30)


def child_and_guard(worker, run):
    """The forked child of *run*, and the guard above it."""
    child = next(one for one in named(worker, "nb-child") if one.environ()["NB_ATTEMPT"] == _id(run))
    return child, child.parent()


def _id(run):
    return str(run.order.attempt_id)


@pytest.fixture
def worker(own_server, start_worker):
    own_server.lease_seconds = 60.0
    worker = start_worker()
    warm(own_server, worker)
    return worker


def test_a_child_is_forked_under_a_guard_and_leads_a_session_of_its_own(own_server, worker):
    run = own_server.queue_run(SLEEP)
    begun(own_server, run)

    child, guard = child_and_guard(worker, run)

    assert (guard.name(), guard.parent().name()) == ("nb-guard", "nb-children")
    assert os.getsid(child.pid) == os.getpgid(child.pid) == child.pid
    assert guard.num_threads() == guard.parent().num_threads() == 1
    run.cancel = True
    own_server.wait_for(run)
    gone(run)


def test_neither_server_nor_child_has_the_token_or_the_address(own_server, worker):
    run = own_server.queue_run(SLEEP)
    begun(own_server, run)

    child, guard = child_and_guard(worker, run)

    for process in (child, guard, guard.parent()):
        held = Path(f"/proc/{process.pid}/environ").read_text()
        assert "NIGHTBOOK" not in held
        assert "nb_wrk" not in held
    files = {str(fd.readlink()) for fd in Path(f"/proc/{child.pid}/fd").iterdir()}
    folder = next((worker.log.parent / "worker-w" / "attempts").iterdir())
    inside = (str(folder), "/dev/null", "socket:", "pipe:", "anon_inode:", "/tmp/nb-", "/dev/urandom")
    assert not [path for path in files if not path.startswith(inside)]


def test_a_child_has_the_environment_folder_and_limits_of_its_attempt(own_server, worker):
    run = own_server.queue_run(SLEEP)
    begun(own_server, run)

    child, _ = child_and_guard(worker, run)

    status = Path(f"/proc/{child.pid}/status").read_text()
    assert "NoNewPrivs:\t1" in status
    assert Path(f"/proc/{child.pid}/oom_score_adj").read_text() == "500\n"
    assert child.rlimit(psutil.RLIMIT_CORE) == (0, 0)
    assert child.cwd() == str(next((worker.log.parent / "worker-w" / "attempts").iterdir()))


def test_a_killed_guard_ends_its_run_as_a_fault_of_the_platform(own_server, worker):
    run = own_server.queue_run("print('one')", ORPHANS + SLEEP, "print('never')")
    begun(own_server, run)

    child_and_guard(worker, run)[1].kill()
    own_server.wait_for(run)

    assert (run.finish.state, run.finish.class_, run.finish.failed_cell) == ("failed", "platform", 1)
    assert run.finish.reason == "The process that guards the run was killed, and the run with it."
    assert run.statuses() == ["completed", "failed", "pending"]
    gone(run)


def test_a_killed_child_server_disturbs_no_run_and_the_next_has_a_new_one(own_server, worker):
    run = own_server.queue_run("import time; print('begun', flush=True); time.sleep(2)", "print('end')")
    begun(own_server, run)
    old = named(worker, "nb-children")[0]

    old.kill()
    own_server.wait_for(run)
    after = own_server.queue_run("print('after')")
    own_server.wait_for(after)

    assert (run.finish.state, after.finish.state) == ("succeeded", "succeeded")
    assert run.printed == "begun\nend\n"
    until(lambda: [one.pid for one in named(worker, "nb-children")] not in ([], [old.pid]), 30)
    gone(run)


def test_a_child_server_that_does_not_answer_fails_no_run(own_server, worker):
    named(worker, "nb-children")[0].suspend()

    run = own_server.queue_run("print('x')")
    own_server.wait_for(run, 60)

    assert run.finish.state == "succeeded"
    gone(run)


def test_where_no_child_server_can_be_a_child_starts_the_ordinary_way_under_a_guard(own_server, worker):
    (worker.log.parent / "worker-w" / "children").rename(worker.log.parent / "elsewhere")
    named(worker, "nb-children")[0].kill()
    run = own_server.queue_run(ORPHANS + SLEEP)
    begun(own_server, run)

    child, guard = child_and_guard(worker, run)

    assert (guard.name(), guard.ppid(), named(worker, "nb-children")) == ("nb-guard", worker.pid, [])
    assert "child_server.not_started" in worker.log.read_text()
    child.kill()
    own_server.wait_for(run)
    assert (run.finish.state, run.finish.class_) == ("failed", "platform")
    assert "SIGKILL" in run.finish.reason
    gone(run)


def test_a_killed_worker_takes_server_guards_children_and_kernels_along(own_server, worker):
    run = own_server.queue_run(ORPHANS + SLEEP)
    begun(own_server, run)
    every = worker.below()
    assert len(every) >= 5

    worker.signal(signal.SIGKILL)

    gone(run, 2.0)
    # A zygote that is still importing looks at its life-line after that.
    until(lambda: not [one for one in every if one.is_running() and one.status() != "zombie"], 30.0)


def test_what_outlived_everybody_is_killed_by_the_next_worker(own_server, worker, start_worker):
    run = own_server.queue_run(ORPHANS + SLEEP)
    begun(own_server, run)
    ours = [psutil.Process(worker.pid), *[one for one in worker.below() if one.name() != "sleep"]]

    for process in ours:
        process.suspend()
    for process in ours:
        process.kill()
    worker.wait()
    until(lambda: {one.name() for one in processes_of(run.order.attempt_id)} == {"sleep"})
    again = start_worker()

    until(lambda: "worker.registered" in again.log.read_text().partition("worker.swept")[2])
    gone(run)
