"""What a worker does with the attempts that it holds, with a server that a test plays."""

import threading
import uuid

import pytest
from fake_server import until

from nightbook.schemas import CancelList, LeaseAnswer
from nightbook_executor import lease
from nightbook_executor.lease import Leases


class Holder:
    def __init__(self):
        self.cancelled_by = None

    def cancelled(self, by):
        self.cancelled_by = by


class Cancels:
    """Names what a person wants cancelled and the worker does not know of, or waits."""

    def __init__(self):
        self.wanted, self.changed, self.is_over = [], threading.Condition(), False

    def want(self, attempt_id):
        with self.changed:
            self.wanted.append(attempt_id)
            self.changed.notify_all()

    def cancels(self, _worker, _wait_seconds, known):
        def fresh():
            return [one for one in self.wanted if one not in known]

        with self.changed:
            self.changed.wait_for(lambda: fresh() or self.is_over, 30)
            found = fresh()
        answers = [
            LeaseAnswer(attempt_id=one, lease_seconds=60, cancel=True, cancelled_by="ana") for one in found
        ]
        return CancelList(items=answers)


@pytest.fixture
def server():
    return Cancels()


@pytest.fixture
def leases(server):
    held = Leases(server, uuid.uuid4(), heartbeat_seconds=3600)
    held.start()
    yield held
    held.close()
    with server.changed:
        server.is_over = True
        server.changed.notify_all()


def held_by(leases):
    holder, attempt_id = Holder(), uuid.uuid4()
    leases.hold(attempt_id, 1, 60.0, lease.lease_clock(), holder)
    return holder, attempt_id


def test_a_cancel_right_after_another_one_is_heard_at_once(leases, server, monkeypatch):
    monkeypatch.setattr(lease, "_CANCEL_SECONDS", 3600.0)  # the pause where there is nothing new
    first, first_id = held_by(leases)
    second, second_id = held_by(leases)

    server.want(first_id)
    until(lambda: first.cancelled_by == "ana")
    server.want(second_id)
    until(lambda: second.cancelled_by == "ana")
