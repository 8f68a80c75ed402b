"""Endings with their evidence: real kernels that die, and what is known about why."""

import json

import nbformat
import pytest
from conftest import processes_of
from fake_server import until

from nightbook_executor import endings
from nightbook_executor.endings import Death

GB = 1000**3


@pytest.mark.parametrize(
    ("death", "class_", "reason"),
    [
        (Death(-9), "kernel_died", "The kernel ended with signal SIGKILL in cell 7."),
        (Death(-9, peak=4 * GB), "kernel_died", "The kernel ended with signal SIGKILL in cell 7."),
        (Death(-9, 2 * GB, 4 * GB), "kernel_died", "The kernel ended with signal SIGKILL in cell 7."),
        (Death(-11, 4 * GB, 4 * GB), "kernel_died", "The kernel ended with signal SIGSEGV in cell 7."),
        (
            Death(-9, 3_900_000_000, 4 * GB),
            "out_of_memory",
            "The kernel ended with signal SIGKILL in cell 7, usually sent by the out-of-memory killer, "
            "at 3.9 GB of 4.0 GB.",
        ),
        (
            Death(-9, 1, 4 * GB, hit=4_100_000_000),
            "out_of_memory",
            "The kernel ended with signal SIGKILL in cell 7, as the run took more memory than its limit: "
            "4.1 GB of 4.0 GB.",
        ),
    ],
)
def test_a_death_is_called_out_of_memory_only_with_evidence(death, class_, reason):
    ending = endings.kernel_died(6, death)

    assert (ending.class_, ending.reason, ending.cell) == (class_, reason, 6)


def ended(server, run):
    server.wait_for(run)
    nbformat.validate(nbformat.from_dict(run.copy))
    until(lambda: not processes_of(run.order.attempt_id), 10)
    return run.finish


@pytest.mark.usefixtures("worker")
def test_a_run_that_takes_more_memory_than_its_pool_allows_is_ended_and_named(server):
    grow = "held = []\nfor n in range(40):\n    held.append(bytearray(b'x') * 25_000_000); time.sleep(0.05)"
    run = server.queue_run(
        "print('one')", f"import time\n{grow}", "print('never')", limits={"memory_bytes": 400_000_000}
    )

    finish = ended(server, run)

    assert (finish.state, finish.class_) == ("failed", "out_of_memory")
    assert "0.4 GB" in finish.reason or "400 MB" in finish.reason
    assert run.statuses() == ["completed", "failed", "pending"]
    assert finish.usage.peak_memory_bytes > 200_000_000


@pytest.mark.usefixtures("worker")
def test_what_a_run_took_is_recorded_at_its_end(server):
    run = server.queue_run("held = bytearray(b'x') * 150_000_000\nsum(range(3_000_000))")

    finish = ended(server, run)

    used = [record for record in run.records if record["k"] == "usage"]
    assert used[-1]["peak_memory_bytes"] > 150_000_000
    assert finish.usage.peak_memory_bytes > 150_000_000
    assert finish.usage.cpu_seconds > 0


@pytest.mark.usefixtures("worker")
def test_a_kernel_lives_under_the_limits_of_its_pool(server):
    look = (
        "import resource as r\n"
        "print(*(r.getrlimit(n)[0] for n in (r.RLIMIT_NOFILE, r.RLIMIT_FSIZE, r.RLIMIT_CORE)))\n"
        "print(r.getrlimit(r.RLIMIT_NPROC)[0] >= 40)"
    )
    limits = {"open_files": 300, "file_bytes": 2**29, "processes": 40}
    run = server.queue_run(look, limits=limits)

    ended(server, run)

    assert run.printed == f"300 {2**29} 0\nTrue\n"


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize(
    ("source", "named"),
    [
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("import getpass; getpass.getpass()", "StdinNotImplemented"),
    ],
)
def test_an_interrupt_of_its_own_or_a_question_is_the_cells_own_error(server, source, named):
    run = server.queue_run("1", source, "2")

    finish = ended(server, run)

    assert (finish.state, finish.class_, finish.failed_cell) == ("failed", "code", 1)
    assert named in json.dumps(run.copy["cells"])
    assert run.statuses() == ["completed", "failed", "pending"]
