"""Workers that are drained, starved, robbed of their lease, or killed on purpose."""

import json
import signal
import sys

import nbformat
from conftest import processes_of
from fake_server import until

SLEEP = "import time; print('begun', flush=True); time.sleep(300)"
ORPHANS = "import subprocess; subprocess.Popen(['sh', '-c', 'setsid sleep 300 & setsid sleep 300 &'])\n"


def begun(server, run):
    server.wait(lambda: "begun" in run.printed)


def named(worker, name):
    return [one for one in worker.below() if one.name() == name]


def child_of(worker):
    return named(worker, "nb-child")[0]


def gone(run, seconds=3.0):
    until(lambda: not processes_of(run.order.attempt_id), seconds)


def test_a_killed_child_leaves_a_copy_made_from_the_journal(own_server, start_worker):
    worker = start_worker()
    run = own_server.queue_run("print('one')", ORPHANS + SLEEP, "print('never')")
    begun(own_server, run)

    child_of(worker).kill()
    own_server.wait_for(run)

    assert (run.finish.state, run.finish.class_, run.finish.failed_cell) == ("failed", "platform", 1)
    assert "SIGKILL" in run.finish.reason
    assert run.statuses() == ["completed", "failed", "pending"]
    assert (run.finish.cells_done, run.finish.cells_total) == (1, 3)
    assert run.copy["cells"][3]["outputs"][-1]["ename"] == "RunLost"
    nbformat.validate(nbformat.from_dict(run.copy))
    assert run.records[-1]["k"] == "end"
    gone(run)


def test_a_killed_worker_leaves_no_process_behind(own_server, start_worker):
    worker = start_worker()
    run = own_server.queue_run(ORPHANS + SLEEP)
    begun(own_server, run)
    assert len(processes_of(run.order.attempt_id)) >= 4

    worker.signal(signal.SIGKILL)

    gone(run, 2.0)
    assert run.finish is None


def test_a_restarted_worker_keeps_its_id_and_sweeps_what_its_predecessor_left(own_server, start_worker):
    worker = start_worker()
    run = own_server.queue_run(ORPHANS + SLEEP)
    begun(own_server, run)
    worker.signal(signal.SIGSTOP)
    child_of(worker).kill()
    worker.signal(signal.SIGKILL)
    worker.wait()

    again = start_worker()
    until(lambda: "worker.registered" in again.log.read_text().partition("worker.swept")[2])

    gone(run)
    assert len(own_server.workers) == 1
    until(lambda: not list((again.log.parent / "worker-w" / "attempts").iterdir()))


def test_no_code_runs_when_the_server_refuses_the_begin(own_server, start_worker, tmp_path):
    start_worker()
    run = own_server.queue_run(f"open({str(tmp_path / 'ran')!r}, 'w')", refuse_begin=True)

    own_server.wait(lambda: "PUT journal" in run.seen)
    gone(run, 10)

    assert not (tmp_path / "ran").exists()
    assert run.finish is None
    assert not run.artifacts


def test_no_code_runs_before_the_server_has_answered_the_begin(own_server, start_worker, tmp_path):
    start_worker()
    run = own_server.queue_run(f"open({str(tmp_path / 'ran')!r}, 'w')", hold="journal")
    own_server.wait(lambda: run.seen.count("PUT journal") >= 2)
    assert not (tmp_path / "ran").exists()

    run.hold = None
    own_server.wait_for(run)

    assert run.finish.state == "succeeded"
    assert (tmp_path / "ran").exists()


def test_a_lost_lease_kills_the_attempt_and_publishes_nothing(own_server, start_worker):
    start_worker()
    run = own_server.queue_run(ORPHANS + SLEEP)
    begun(own_server, run)

    run.is_lost = True

    gone(run)
    assert run.finish is None
    assert not run.artifacts


def test_a_worker_that_no_heartbeat_reaches_fences_itself_and_goes_on_later(own_server, start_worker):
    worker = start_worker()
    run = own_server.queue_run(ORPHANS + SLEEP)
    begun(own_server, run)

    own_server.is_away = True
    gone(run, 6.0)  # three quarters of a lease
    own_server.is_away = False
    after = own_server.queue_run("print('alive')")
    own_server.wait_for(after)

    assert run.finish is None
    assert after.finish.state == "succeeded"
    assert "attempt.lost" in worker.log.read_text()


def test_the_runs_of_a_stopped_worker_end_by_themselves_before_their_lease(own_server, start_worker):
    worker = start_worker()
    run = own_server.queue_run(ORPHANS + SLEEP)
    begun(own_server, run)

    worker.signal(signal.SIGSTOP)
    try:
        gone(run, own_server.lease_seconds)
    finally:
        worker.signal(signal.SIGCONT)
    until(lambda: "attempt.ended" in worker.log.read_text())

    # Whether it noticed its lease or the end of its child first, it claims no success.
    assert run.finish is None or (run.finish.state, run.finish.class_) == ("failed", "platform")


def test_a_short_absence_of_the_server_costs_nothing(own_server, start_worker):
    start_worker()
    run = own_server.queue_run("import time\nfor n in range(30):\n    print(n, flush=True); time.sleep(0.1)")
    own_server.wait(lambda: "3\n" in run.printed)

    own_server.is_away = True
    own_server.wait(lambda: own_server.refused >= 3)
    own_server.is_away = False
    own_server.wait_for(run)

    assert run.finish.state == "succeeded"
    assert run.printed == "".join(f"{n}\n" for n in range(30))
    assert run.artifacts["journal.jsonl"] == run.journal


def test_a_drain_hands_back_what_has_not_begun_and_lets_the_rest_end(own_server, start_worker):
    worker = start_worker()
    running = own_server.queue_run("import time; print('begun', flush=True); time.sleep(2)")
    begun(own_server, running)
    waiting = own_server.queue_run("print('never')", hold="source")
    own_server.wait(lambda: "GET source" in waiting.seen)

    worker.signal(signal.SIGTERM)
    code = worker.wait()

    assert code == 0
    assert running.finish.state == "succeeded"
    assert waiting.finish.state == "handed_back"
    assert not waiting.journal
    assert own_server.beats[-1].draining


def test_a_second_signal_ends_a_worker_and_its_runs_at_once(own_server, start_worker):
    worker = start_worker()
    run = own_server.queue_run(ORPHANS + SLEEP)
    begun(own_server, run)

    worker.signal(signal.SIGTERM)
    until(lambda: "worker.draining" in worker.log.read_text())
    worker.signal(signal.SIGTERM)
    worker.wait(5)

    gone(run)
    assert run.finish is None


def test_a_cell_that_ignores_the_interrupt_is_terminated(own_server, start_worker):
    own_server.lease_seconds = 60.0
    start_worker()
    stubborn = (
        "import time\nprint('begun', flush=True)\n"
        "while True:\n    try: time.sleep(100)\n    except KeyboardInterrupt: print('no', flush=True)"
    )
    run = own_server.queue_run(stubborn)
    begun(own_server, run)

    run.cancel = True
    own_server.wait_for(run, 25.0)

    assert run.finish.state == "cancelled"
    assert run.finish.reason == "Cancelled by ana in cell 1. It had to be terminated."
    assert [record["step"] for record in run.records if record["k"] == "stop"] == ["interrupt", "terminate"]
    gone(run)


def test_a_worker_never_runs_more_than_its_slots(own_server, start_worker):
    start_worker(slots=2)
    runs = [own_server.queue_run("import time; time.sleep(0.5)") for _ in range(5)]

    for run in runs:
        own_server.wait_for(run)

    held = [len(beat.attempts) for beat in own_server.beats]
    assert max(held) == 2
    assert all(run.finish.state == "succeeded" for run in runs)


def test_a_worker_outlives_a_server_that_refuses_its_token(own_server, start_worker):
    worker = start_worker(token="wrong")
    until(lambda: "waits_for_server" in worker.log.read_text())

    worker.signal(signal.SIGTERM)

    assert worker.wait() == 0
    assert worker.log.read_text().count("waits_for_server") == 1


def test_two_workers_of_one_name_on_one_host_are_refused(own_server, start_worker):
    first = start_worker()
    until(lambda: own_server.workers)

    second = start_worker()

    assert second.wait() == 1
    assert "in use by another worker" in first.log.read_text()


def test_a_kernel_that_dies_at_its_start_is_an_environment_failure_with_its_last_words(
    own_server, start_worker, tmp_path
):
    script = "import sys; print('licence expired', file=sys.stderr); sys.exit(3)"
    folder = tmp_path / "jupyter" / "kernels" / "broken"
    folder.mkdir(parents=True)
    spec = {"argv": [sys.executable, "-c", script], "display_name": "Broken", "language": "python"}
    (folder / "kernel.json").write_text(json.dumps(spec))
    start_worker(environment={"JUPYTER_PATH": str(tmp_path / "jupyter")})
    run = own_server.queue_run("1", kernel="broken")

    own_server.wait_for(run)

    assert (run.finish.state, run.finish.class_) == ("failed", "environment")
    assert "exit code 3" in run.finish.reason
    assert "licence expired" in run.finish.reason
    assert run.statuses() == ["pending"]


def test_a_journal_that_cannot_be_written_ends_the_run_as_storage(own_server, start_worker):
    start_worker()
    # The notebook takes the disk from the process that keeps its record.
    starve = (
        "import os, resource, time; resource.prlimit(os.getppid(), resource.RLIMIT_FSIZE, (3000, 3000))\n"
    )
    run = own_server.queue_run("print('kept')", starve + "print('x' * 9000); time.sleep(100)")

    own_server.wait_for(run)

    assert (run.finish.state, run.finish.class_) == ("failed", "storage")
    assert "EFBIG" in run.finish.reason
    assert run.copy["cells"][1]["outputs"][0]["text"] == "kept\n"
    assert run.copy["metadata"]["nightbook"]["class"] == "storage"
    nbformat.validate(nbformat.from_dict(run.copy))
    gone(run)
