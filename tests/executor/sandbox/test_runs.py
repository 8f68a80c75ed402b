"""Runs inside bubblewrap, by a real worker: they end as everywhere else, and all of it at once."""

import signal
from pathlib import Path

import pytest
from fake_server import tagged, until

pytestmark = pytest.mark.usefixtures("needs_bubblewrap")

SLEEP = "import time; print('begun', flush=True); time.sleep(300)"
ORPHANS = "import subprocess; subprocess.Popen(['sh', '-c', 'setsid sleep 300 & setsid sleep 300 &'])\n"


def is_inside(pid):
    """Whether a process is in a PID namespace of its own."""
    try:
        return Path(f"/proc/{pid}/ns/pid").readlink() != Path("/proc/self/ns/pid").readlink()
    except OSError:
        return False


def test_a_run_has_its_parameters_siblings_and_files(own_server, start_worker):
    start_worker(sandbox="bubblewrap")
    code = "from pathlib import Path; Path('outputs/sum.txt').write_text(str(x * 2)); print(x * 2)"
    run = own_server.queue_run(tagged("x = 1", "parameters"), code, parameters={"x": 21})
    own_server.wait_for(run)

    assert (run.finish.state, run.finish.reason) == ("succeeded", None)
    assert run.printed == "42\n"
    assert run.artifacts["outputs/sum.txt"] == b"42"
    assert run.statuses() == ["completed"] * 3
    kernel = next(record for record in run.records if record["k"] == "kernel")
    assert kernel["kernel_start"] == "ordinary"


def test_a_run_finds_nothing_of_the_run_before_it(own_server, start_worker):
    start_worker(sandbox="bubblewrap", slots=1)
    leave = """
import os
from pathlib import Path
named = [os.environ[name] for name in ("HOME", "TMPDIR", "MPLCONFIGDIR")]
for folder in ("/tmp", "/var/tmp", "/dev/shm", *named):
    Path(folder).mkdir(parents=True, exist_ok=True)
    Path(folder, "left-behind").write_text("x")
"""
    look = """
import os
found = []
for folder, below, files in os.walk("/"):
    below[:] = [name for name in below if folder != "/" or name not in ("proc", "sys", "usr")]
    found += [folder for name in files if name == "left-behind"]
print(found)
"""
    first = own_server.queue_run(leave)
    own_server.wait_for(first)
    second = own_server.queue_run(look)
    own_server.wait_for(second)

    assert first.finish.state == "succeeded"
    assert second.printed == "[]\n"


def test_the_devices_of_the_machine_can_be_used_and_not_changed(own_server, start_worker):
    start_worker(sandbox="bubblewrap")
    code = """
import os
print(open("/dev/null", "w").write("x"))
print(*(len(open(f"/dev/{device}", "rb").read(3)) for device in ("zero", "urandom")))
for device in ("null", "zero", "full", "random", "urandom", "tty"):
    try:
        os.chmod(f"/dev/{device}", 0o666)
    except OSError:
        print("no")
"""
    run = own_server.queue_run(code)
    own_server.wait_for(run)

    assert run.printed.split() == ["1", "3", "3", *["no"] * 6]


def test_a_recorder_that_the_notebook_kills_is_told_by_its_signal(own_server, start_worker):
    start_worker(sandbox="bubblewrap")
    once_recorded = """
import os, signal
while b'"k":"cell","i":1' not in open("../journal.jsonl", "rb").read():
    pass
os.kill(os.getppid(), signal.SIGKILL)
"""
    run = own_server.queue_run("print('one')", once_recorded)
    own_server.wait_for(run)

    assert (run.finish.state, run.finish.class_, run.finish.failed_cell) == ("failed", "platform", 1)
    assert "SIGKILL" in run.finish.reason
    assert run.printed == "one\n"


def test_a_killed_worker_takes_the_sandbox_along(own_server, start_worker, processes_of):
    worker = start_worker(sandbox="bubblewrap")
    run = own_server.queue_run(ORPHANS + SLEEP)
    own_server.wait(lambda: "begun" in run.printed)
    inside = [one for one in processes_of(run.order.attempt_id) if is_inside(one.pid)]
    assert len(inside) >= 4  # child, kernel, and two that left their sessions

    worker.signal(signal.SIGKILL)
    worker.wait()

    until(lambda: not processes_of(run.order.attempt_id), 3)


def test_a_cancelled_run_ends_within_its_time(own_server, start_worker, processes_of):
    start_worker(sandbox="bubblewrap")
    run = own_server.queue_run(ORPHANS + SLEEP)
    own_server.wait(lambda: "begun" in run.printed)

    run.cancel = True
    own_server.wait_for(run)

    assert run.finish.state == "cancelled"
    until(lambda: not processes_of(run.order.attempt_id), 3)


def test_a_folder_that_the_operator_shows_can_be_read_and_not_written(own_server, start_worker, tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    (data / "sales.csv").write_text("3\n")
    start_worker(sandbox="bubblewrap", sandbox_readable=f'["{data}"]')
    run = own_server.queue_run(
        f"print(open({str(data / 'sales.csv')!r}).read())",
        f"open({str(data / 'sales.csv')!r}, 'a').write('4')",
    )
    own_server.wait_for(run)

    assert run.printed.strip() == "3"
    assert (run.finish.class_, run.finish.failed_cell) == ("code", 1)
    assert "Read-only file system" in run.finish.reason
    assert (data / "sales.csv").read_text() == "3\n"
