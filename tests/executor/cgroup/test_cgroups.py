"""Memory and processes of a run, kept by cgroups: on a Linux of its own, see tools/run_on_own_linux.py."""

import os
from pathlib import Path

import pytest
from conftest import WorkerProcess, processes_of
from fake_server import until

MIB = 1024 * 1024
#: More at once than a look four times a second would ever see coming.
LEAP = (
    "import time\nprint('before', flush=True)\ntime.sleep(0.5)\n"
    "held = bytearray(700 * 2**20)\nheld[::4096] = b'x' * len(held[::4096])"
)
_CALL = f"subprocess.run([sys.executable, '-c', {LEAP!r}])"
IN_A_CHILD = f"import subprocess, sys\nprint('begun')\n{_CALL}\nprint('after')"
STARTS = """
import subprocess
started = []
try:
    for _ in range(200):
        started.append(subprocess.Popen(["sleep", "100"]))
except OSError as error:
    print(len(started), error.errno)
"""


@pytest.fixture(scope="session")
def base() -> Path:
    """The cgroup that systemd would delegate: this process is in it, or in its leaf `main`."""
    own = Path("/proc/self/cgroup").read_text(encoding="ascii").strip().removeprefix("0::")
    folder = Path(f"/sys/fs/cgroup{own.removesuffix('/main')}")
    assert os.getxattr(folder, "user.delegate") == b"1", "start it with tools/run_on_own_linux.py"
    return folder


@pytest.fixture(scope="module")
def worker(base, server, tmp_path_factory):
    started = WorkerProcess(server, tmp_path_factory.mktemp("home"), preload="[]")
    yield started
    started.stop()
    assert "worker.cgroup " in started.log.read_text()


def ended(base, server, *sources, **fields):
    run = server.queue_run(*sources, **fields)
    server.wait_for(run, 300)
    until(lambda: not processes_of(run.order.attempt_id), 20)
    until(lambda: not list(base.glob(f"*/{run.order.attempt_id}")), 20)
    return run


def test_a_child_that_leaps_over_the_limit_ends_with_its_kernel_and_the_record_is_kept(base, worker, server):
    run = ended(base, server, IN_A_CHILD, "1", limits={"memory_bytes": 400 * MIB})

    assert (run.finish.state, run.finish.class_, run.finish.failed_cell) == ("failed", "out_of_memory", 0)
    assert "of 419 MB" in run.finish.reason
    assert run.statuses() == ["failed", "pending"]
    assert run.printed == "begun\nbefore\n"


def test_processes_are_counted_for_the_run_alone(base, worker, server):
    run = ended(base, server, STARTS, limits={"processes": 64})

    assert run.finish.state == "succeeded", run.finish
    started, number = run.printed.split()
    assert 20 < int(started) < 100
    assert number == "11"


def test_in_a_sandbox_the_limit_ends_the_kernel_as_well(base, own_server, start_worker):
    start_worker(sandbox="bubblewrap")

    run = ended(base, own_server, LEAP, limits={"memory_bytes": 400 * MIB})

    assert (run.finish.state, run.finish.class_) == ("failed", "out_of_memory")
    assert run.printed == "before\n"


def test_what_a_killed_worker_left_is_removed_by_the_next(base, own_server, start_worker):
    worker = start_worker(fork_kernels=False)
    run = own_server.queue_run("import time; time.sleep(600)")
    until(lambda: list(base.glob(f"*/{run.order.attempt_id}/kernel/cgroup.procs")), 60)
    worker.signal(9)
    worker.wait()

    start_worker(fork_kernels=False)

    until(lambda: not list(base.glob(f"*/{run.order.attempt_id}")), 60)


def test_a_worker_does_not_start_without_the_cgroup_that_it_was_given(start_worker, tmp_path):
    worker = start_worker(cgroup=tmp_path)

    assert worker.wait(60) == 1
    assert "NIGHTBOOK_CGROUP does not work here" in worker.log.read_text()
    assert "is no cgroup (v2)" in worker.log.read_text()
