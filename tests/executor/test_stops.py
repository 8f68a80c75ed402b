"""Runs that must be stopped: code that will not, kernels that are not there yet, cells that are over."""

import json
import sys

import nbformat
import pytest
from conftest import WorkerProcess, processes_of
from fake_server import FakeServer, until

BEGUN = "print('begun', flush=True)\n"
#: Code, what stops it, and the steps that it takes.
STUBBORN = {
    "endless loop": ("while True: pass", "cell limit", ["interrupt"]),
    "regex": ("import re; re.match('(a+)+$', 'a' * 60 + 'b')", "cancel", ["interrupt"]),
    "long call that holds the GIL": (
        "import ctypes; ctypes.PyDLL(None).sleep(100)\nimport time; time.sleep(100)",
        "cancel",
        ["interrupt"],
    ),
    "goes on after each interrupt": (
        "import time\nwhile True:\n    try: time.sleep(100)\n    except KeyboardInterrupt: continue",
        "cell limit",
        ["interrupt", "terminate"],
    ),
    "ignores both signals": (
        "import signal, time\nfor number in (signal.SIGINT, signal.SIGTERM):\n"
        "    signal.signal(number, signal.SIG_IGN)\ntime.sleep(100)",
        "cancel",
        ["interrupt", "terminate", "kill"],
    ),
}
ENDS = {"cell limit": "CellTimeoutError", "cancel": "RunCancelled"}
EFFORT = {"interrupt": "", "terminate": "It had to be terminated.", "kill": "It had to be killed."}


def is_in_its_cell(run):
    return any(record["k"] == "cell" and record["i"] == 1 for record in run.records)


@pytest.fixture(scope="module")
def stubborn(tmp_path_factory):
    """All of them at once, as most of their time is waiting."""
    server = FakeServer()
    worker = WorkerProcess(server, tmp_path_factory.mktemp("home"), slots=len(STUBBORN))
    runs = {
        name: server.queue_run(
            "'before'", BEGUN + source, "'after'", cell_timeout_seconds=2 if act == "cell limit" else None
        )
        for name, (source, act, _) in STUBBORN.items()
    }
    for name, (_, act, _) in STUBBORN.items():
        if act == "cancel":
            server.wait(
                lambda run=runs[name]: any(one["k"] == "cell" and one["i"] == 1 for one in run.records)
            )
            runs[name].cancel = True
    for run in runs.values():
        server.wait_for(run, 60)
    yield runs
    worker.stop()
    server.close()


@pytest.mark.parametrize("name", STUBBORN)
def test_code_that_will_not_stop_is_stopped_by_as_much_as_it_takes(stubborn, name):
    _, act, steps = STUBBORN[name]
    run = stubborn[name]

    assert [record["step"] for record in run.records if record["k"] == "stop"] == steps
    assert run.finish.state == ("cancelled" if act == "cancel" else "timed_out")
    assert run.finish.class_ == (None if act == "cancel" else "timeout")
    assert run.finish.reason.endswith(EFFORT[steps[-1]])
    assert run.statuses() == ["completed", "failed", "pending"]
    errors = [one for cell in run.copy["cells"] for one in cell.get("outputs", []) if "ename" in one]
    assert [error["ename"] for error in errors] == [ENDS[act]]
    assert run.printed == "begun\n"
    nbformat.validate(nbformat.from_dict(run.copy))
    until(lambda: not processes_of(run.order.attempt_id), 5)


def test_a_cancel_while_the_kernel_starts_runs_no_cell(own_server, start_worker, tmp_path):
    folder = tmp_path / "jupyter" / "kernels" / "slow"
    folder.mkdir(parents=True)
    nap = "import time; time.sleep(300)"
    spec = {"argv": [sys.executable, "-c", nap], "display_name": "Slow", "language": "python"}
    (folder / "kernel.json").write_text(json.dumps(spec))
    own_server.lease_seconds = 60.0
    start_worker(environment={"JUPYTER_PATH": str(tmp_path / "jupyter")})
    run = own_server.queue_run("1", "2", kernel="slow")
    until(lambda: [one for one in processes_of(run.order.attempt_id) if nap in one.cmdline()], 60)

    run.cancel = True
    own_server.wait_for(run)

    assert (run.finish.state, run.finish.class_) == ("cancelled", None)
    assert run.finish.reason == "Cancelled by ana before a cell ran."
    assert run.statuses() == ["pending", "pending"]
    nbformat.validate(nbformat.from_dict(run.copy))
    until(lambda: not processes_of(run.order.attempt_id), 5)


@pytest.mark.usefixtures("worker")
def test_a_cancel_between_cells_leaves_those_before_completed_and_those_after_pending(server):
    run = server.queue_run(*["import time; time.sleep(0.05)"] * 100)
    server.wait(lambda: sum(record["k"] == "done" for record in run.records) >= 5)

    run.cancel = True
    server.wait_for(run)

    done = sum(record["k"] == "done" and record["status"] == "completed" for record in run.records)
    assert run.finish.state == "cancelled"
    assert 5 <= done < 100
    assert run.statuses()[:done] == ["completed"] * done
    assert set(run.statuses()[done + 1 :]) == {"pending"}


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize("route", ["artifacts", "finish"])
def test_a_cancel_that_comes_when_all_cells_have_run_takes_nothing_away(server, route):
    run = server.queue_run(
        "print('all of it')", "open('outputs/big', 'wb').write(bytes(300_000))", hold=route
    )
    server.wait(lambda: any(seen.partition(" ")[2].startswith(route) for seen in run.seen))

    run.cancel = True
    run.hold = None
    server.wait_for(run)

    assert (run.finish.state, run.finish.reason) == ("succeeded", None)
    assert run.statuses() == ["completed", "completed"]
    assert run.copy["metadata"]["nightbook"]["state"] == "succeeded"
