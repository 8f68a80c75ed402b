"""The doorbell at real brokers, at a dead one and at one that never answers."""

import os
import socket
import threading
import time
from uuid import uuid4

import dramatiq
import pika
import pytest
import redis

from nightbook.adapters.broker import Doorbell
from nightbook.doorbell import ACTOR_NAME, open_broker, queue_of

REDIS = os.environ.get("TEST_REDIS_URL", "redis://127.0.0.1:6379/9")
RABBITMQ = os.environ.get("TEST_RABBITMQ_URL", "amqp://guest:guest@127.0.0.1:5672/%2F")


def _reach_redis(url):
    redis.Redis.from_url(url, socket_connect_timeout=2).ping()


def _reach_rabbitmq(url):
    pika.BlockingConnection(pika.URLParameters(url)).close()


def _reachable(url, reach):
    try:
        reach(url)
    except Exception as error:
        # Where the machine is meant to have both brokers, their absence is a failure.
        if os.environ.get("CI"):
            raise
        pytest.skip(f"no broker: {type(error).__name__}")
    return url


@pytest.fixture(params=["redis", "rabbitmq"])
def url(request):
    if request.param == "redis":
        return _reachable(REDIS, _reach_redis)
    return _reachable(RABBITMQ, _reach_rabbitmq)


@pytest.fixture
def pool(url):
    name = f"test-{uuid4().hex[:12]}"
    yield name
    broker = open_broker(url)
    if url.startswith("amqp"):
        for queue in (queue_of(name), f"{queue_of(name)}.DQ", f"{queue_of(name)}.XQ"):
            broker.channel.queue_delete(queue)  # type: ignore[attr-defined]
    else:
        keys = list(broker.client.scan_iter(f"*{name}*"))  # type: ignore[attr-defined]
        if keys:
            broker.client.delete(*keys)  # type: ignore[attr-defined]
    broker.close()


@pytest.fixture
def doorbell(url):
    bell = Doorbell(url)
    yield bell
    bell.close()


def heard(url, pool, count):
    """The first *count* messages that a worker of the pool would get within five seconds."""
    broker = open_broker(url)
    broker.declare_queue(queue_of(pool))
    consumer = broker.consume(queue_of(pool), prefetch=count, timeout=500)
    messages = []
    deadline = time.monotonic() + 5
    while len(messages) < count and time.monotonic() < deadline:
        message = next(consumer)
        if message is not None:
            consumer.ack(message)
            messages.append(message)
    consumer.close()
    broker.close()
    return messages


def test_a_ring_reaches_the_queue_of_its_pool(url, pool, doorbell):
    assert doorbell.ring(pool, "run-1")

    (message,) = heard(url, pool, 1)
    assert (message.actor_name, message.kwargs) == (ACTOR_NAME, {"pool": pool, "hint": "run-1"})


def test_many_threads_may_ring_one_bell(url, pool, doorbell):
    outcomes = []
    threads = [
        threading.Thread(target=lambda n=n: outcomes.append(doorbell.ring(pool, f"run-{n}")))
        for n in range(10)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert outcomes == [True] * 10
    assert {m.kwargs["hint"] for m in heard(url, pool, 10)} == {f"run-{n}" for n in range(10)}


def test_a_broker_that_answers_is_ready(doorbell):
    assert doorbell.check()
    assert doorbell.check()


@pytest.mark.parametrize("url", ["rabbitmq"], indirect=True)
@pytest.mark.parametrize("act", ["ring", "check"])
def test_a_connection_that_the_broker_dropped_is_opened_again(url, pool, doorbell, act):
    assert doorbell.ring(pool, "first")
    for connection in list(doorbell._broker.connections):
        connection._impl._transport._sock.shutdown(socket.SHUT_RDWR)

    assert doorbell.ring(pool, "second") if act == "ring" else doorbell.check()


def test_a_closed_bell_is_silent(doorbell, pool):
    doorbell.close()

    assert not doorbell.ring(pool, "run-1")
    assert not doorbell.check()


def test_without_a_broker_rings_are_lost_and_nothing_is_missing():
    doorbell = Doorbell(None)

    assert not doorbell.ring("default", "run-1")
    assert doorbell.check()
    doorbell.close()


# ---------------------------------------------------------------- brokers that are away


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def unused_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@pytest.fixture(params=["redis://127.0.0.1:{port}/0", "amqp://guest:guest@127.0.0.1:{port}/"])
def dead_url(request):
    return request.param.format(port=unused_port())


@pytest.fixture
def silent_port():
    """A port that takes connections and never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(50)
        yield listener.getsockname()[1]


def test_a_dead_broker_is_a_lost_ring_and_no_error(dead_url, caplog):
    doorbell = Doorbell(dead_url)

    assert not doorbell.ring("default", "run-1")
    assert not doorbell.check()
    assert "doorbell.silent" in caplog.text
    assert "guest" not in caplog.text
    doorbell.close()


def test_after_a_failure_the_broker_is_left_alone_for_a_while(dead_url, caplog):
    clock = Clock()
    doorbell = Doorbell(dead_url, rest_seconds=5, clock=clock)
    doorbell.ring("default", "run-1")
    tries = caplog.text.count("doorbell.silent")

    clock.now = 4.9
    doorbell.ring("default", "run-2")
    assert caplog.text.count("doorbell.silent") == tries

    clock.now = 5.1
    doorbell.ring("default", "run-3")
    assert caplog.text.count("doorbell.silent") == tries + 1
    doorbell.close()


@pytest.mark.parametrize("scheme", ["redis://127.0.0.1:{port}/0", "amqp://guest:guest@127.0.0.1:{port}/"])
def test_a_broker_that_never_answers_holds_up_no_caller(silent_port, scheme):
    doorbell = Doorbell(scheme.format(port=silent_port), patience_seconds=0.2)
    began = time.monotonic()

    assert not doorbell.ring("default", "run-1")
    assert not doorbell.ring("default", "run-2")
    assert not doorbell.check()

    assert time.monotonic() - began < 5
    doorbell.close()


def test_a_check_that_succeeds_ends_the_rest(url, pool):
    clock = Clock()
    doorbell = Doorbell(url, rest_seconds=60, clock=clock)
    doorbell._silent_until = 60

    assert not doorbell.ring(pool, "run-1")
    assert doorbell.check()
    assert doorbell.ring(pool, "run-2")
    doorbell.close()


def test_a_url_that_no_broker_serves_is_a_lost_ring():
    doorbell = Doorbell("gopher://127.0.0.1/")

    assert not doorbell.ring("default", "run-1")
    doorbell.close()


def test_the_process_wide_broker_of_dramatiq_is_left_alone(doorbell, pool):
    before = dramatiq.get_broker() if dramatiq.broker.global_broker else None

    doorbell.ring(pool, "run-1")

    assert (dramatiq.get_broker() if dramatiq.broker.global_broker else None) is before
