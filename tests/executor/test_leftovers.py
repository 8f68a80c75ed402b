"""What a dead worker leaves on its disk: evidence for the server, and nothing for ever."""

import os
import shutil
import signal
import time
import uuid

import pytest
from fake_server import until

from nightbook_executor import leftovers, places
from nightbook_executor.leftovers import Owner

TWO_PARTS = (
    "print('begun', flush=True); import time; time.sleep(1); print('the rest', flush=True); time.sleep(300)"
)


def attempts_of(worker):
    return worker.log.parent / "worker-w" / "attempts"


def killed_with_a_tail(server, start_worker):
    """A run whose worker was killed when the server had only the first part of what is on the disk."""
    worker = start_worker()
    run = server.queue_run(TWO_PARTS)
    server.wait(lambda: "begun" in run.printed)
    run.hold = "journal"
    folder = attempts_of(worker) / f"{run.order.run_id}-{run.order.fence}"
    until(lambda: b"the rest" in (folder / "journal.jsonl").read_bytes())
    worker.signal(signal.SIGKILL)
    worker.wait()
    run.hold, run.is_lost = None, True
    return worker, run, folder


def test_the_next_worker_sends_what_its_killed_predecessor_could_not(own_server, start_worker):
    _, run, folder = killed_with_a_tail(own_server, start_worker)
    whole = (folder / "journal.jsonl").read_bytes()
    assert len(run.journal) < len(whole)

    start_worker()
    until(lambda: not folder.exists())

    assert run.journal == whole
    assert "the rest" in run.printed
    assert run.finish is None
    assert not run.artifacts


def test_without_its_state_folder_nothing_is_sent(own_server, start_worker):
    worker, run, _ = killed_with_a_tail(own_server, start_worker)
    shutil.rmtree(attempts_of(worker).parent)

    start_worker()
    own_server.wait_for(own_server.queue_run("print(1)"))

    assert "the rest" not in run.printed
    assert "PUT evidence" not in run.seen


def test_evidence_waits_for_a_server_that_is_away(own_server, start_worker):
    _, run, folder = killed_with_a_tail(own_server, start_worker)
    run.hold = "evidence"

    worker = start_worker()
    until(lambda: "evidence.waits" in worker.log.read_text())
    assert folder.is_dir()
    run.hold = None

    until(lambda: not folder.exists())
    assert "the rest" in run.printed


def test_refused_evidence_is_thrown_away(own_server, start_worker):
    _, run, folder = killed_with_a_tail(own_server, start_worker)
    run.refuse_evidence = True

    start_worker()

    until(lambda: not folder.exists())
    assert "the rest" not in run.printed


def test_an_attempt_that_was_lost_by_a_living_worker_leaves_its_journal_too(own_server, start_worker):
    worker = start_worker()
    run = own_server.queue_run(TWO_PARTS)
    own_server.wait(lambda: "begun" in run.printed)
    run.hold = "journal"
    journal = attempts_of(worker) / f"{run.order.run_id}-{run.order.fence}" / "journal.jsonl"
    until(lambda: b"the rest" in journal.read_bytes())

    run.is_lost, run.hold = True, None

    until(lambda: not journal.exists())
    assert "the rest" in run.printed
    assert run.finish is None


def test_the_temporary_folders_of_a_killed_worker_are_removed(own_server, start_worker, tmp_path):
    temporary = tmp_path / "t"
    temporary.mkdir()
    worker = start_worker(environment={"TMPDIR": str(temporary)})
    run = own_server.queue_run(TWO_PARTS)
    own_server.wait(lambda: "begun" in run.printed)
    assert list(temporary.glob("nb-*"))
    worker.signal(signal.SIGKILL)
    worker.wait()

    left = {one for one in temporary.glob("nb-*") if not one.name.startswith("nb-z")}
    assert left
    own_server.workers.clear()
    start_worker(environment={"TMPDIR": str(temporary)})
    own_server.wait(lambda: own_server.workers)

    assert not [place for place in left if place.exists()]


# ---------------------------------------------------------------- on the disk


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "attempts" / "run-1"
    made.mkdir(parents=True)
    return made


def test_only_the_evidence_of_a_dead_attempt_is_kept(folder):
    Owner(uuid.uuid4(), 1).write(folder)
    (folder / "journal.jsonl").write_bytes(b"{}\n")
    (folder / "work").mkdir()
    (folder / "work" / "big.bin").write_bytes(b"x")
    (folder / "source.json").write_bytes(b"{}")

    assert leftovers.end_predecessor(folder.parents[1]) == 1

    assert sorted(one.name for one in folder.iterdir()) == ["journal.jsonl", "owner.json"]


@pytest.mark.parametrize("what", ["no journal", "no owner", "a link"])
def test_what_is_no_evidence_is_removed(folder, tmp_path, what):
    secret = tmp_path / "token"
    secret.write_text("nb_wrk")
    if what != "no owner":
        Owner(uuid.uuid4(), 1).write(folder)
    if what == "no owner":
        (folder / "journal.jsonl").write_bytes(b"{}\n")
    if what == "a link":
        (folder / "journal.jsonl").symlink_to(secret)

    leftovers.end_predecessor(folder.parents[1])

    assert not folder.exists()
    assert secret.exists()


class Nobody:
    """An API that must not be asked."""

    def put_evidence(self, *_):
        raise AssertionError("it was asked")


def test_evidence_of_the_day_before_yesterday_is_not_sent(folder):
    Owner(uuid.uuid4(), 1).write(folder)
    (folder / "journal.jsonl").write_bytes(b"{}\n")
    long_ago = time.time() - leftovers.KEPT_SECONDS - 60
    os.utime(folder / "journal.jsonl", (long_ago, long_ago))

    sender = leftovers.Leftovers(Nobody(), uuid.uuid4(), folder.parents[1])
    sender.start()

    until(lambda: not folder.exists())
    sender.close()


def test_a_place_is_noted_before_it_is_made_and_forgotten_once_it_is_gone(tmp_path):
    place = places.make(tmp_path)
    (place / "k").mkdir()
    assert len(str(place / "k" / "kernel-12345")) < 100

    assert places.sweep(tmp_path) == 1
    assert places.sweep(tmp_path) == 0
    assert not place.exists()


def test_a_note_that_names_another_folder_removes_nothing(tmp_path):
    kept = tmp_path / "kept"
    kept.mkdir()
    place = places.make(tmp_path)
    (tmp_path / "places" / place.name).write_text(str(kept))

    places.sweep(tmp_path)

    assert kept.is_dir()
    place.rmdir()
