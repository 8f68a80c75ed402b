"""The server's end of the doorbell: ring for a pool, and never wait long or fail because of it.

A ring that gets lost costs seconds, since the dispatcher rings again and idle workers ask by themselves.
So a broker that is away is noticed once, left alone for a few seconds, and tried again.
"""

import contextlib
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import dramatiq
import pika.exceptions
from dramatiq.brokers.rabbitmq import RabbitmqBroker
from dramatiq.brokers.redis import RedisBroker

from nightbook.doorbell import open_broker, queue_of, ring_message

log = logging.getLogger("nightbook.doorbell")


class Doorbell:
    """The doorbell behind a broker URL; without one every ring is lost. Safe to share between threads.

    All calls to the broker are made by one thread: a connection to RabbitMQ belongs to the thread that
    opened it, and a stalled broker then holds up that thread and no caller.
    """

    def __init__(
        self,
        url: str | None,
        *,
        patience_seconds: float = 2.0,
        rest_seconds: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = url
        self._patience = patience_seconds
        self._rest = rest_seconds
        self._clock = clock
        self._broker: dramatiq.Broker | None = None
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="doorbell")
        self._lock = threading.Lock()
        self._is_closed = False
        self._silent_until = float("-inf")

    def ring(self, pool: str, hint: str) -> bool:
        """Ring for *pool* because of the run *hint*; say whether the broker has taken it."""
        if self._url is None or self._clock() < self._silent_until:
            return False
        return self._done(lambda broker: _send(broker, pool, hint))

    def check(self) -> bool:
        """Say whether the broker answers now; true without a broker, since nothing is missing then."""
        return self._url is None or self._done(_ask)

    def close(self) -> None:
        """Close the connection; rings after this are lost."""
        with self._lock:
            if not self._is_closed:
                self._is_closed = True
                self._thread.submit(self._hang_up)
        self._thread.shutdown(wait=False)

    def _done(self, act: Callable[[dramatiq.Broker], None]) -> bool:
        call = self._submit(act)
        if call is None:
            return False
        try:
            call.result(timeout=self._patience)
        except Exception as error:
            call.cancel()  # it may still wait behind one that is stuck
            log.warning("doorbell.silent error=%s", type(error).__name__)
            self._silent_until = self._clock() + self._rest
            return False
        self._silent_until = float("-inf")
        return True

    def _submit(self, act: Callable[[dramatiq.Broker], None]) -> "Future[None] | None":
        with self._lock:
            return None if self._is_closed else self._thread.submit(self._act, act)

    def _act(self, act: Callable[[dramatiq.Broker], None]) -> None:
        try:
            act(self._open())
        except Exception:
            # Whatever state the connection is in now, the next call begins with a new one.
            self._hang_up()
            raise

    def _hang_up(self) -> None:
        broker, self._broker = self._broker, None
        if broker is not None:
            with contextlib.suppress(Exception):
                broker.close()

    def _open(self) -> dramatiq.Broker:
        if self._broker is None:
            assert self._url is not None
            self._broker = open_broker(self._url)
        return self._broker


def _send(broker: dramatiq.Broker, pool: str, hint: str) -> None:
    broker.declare_queue(queue_of(pool))
    broker.enqueue(ring_message(pool, hint))


def _ask(broker: dramatiq.Broker) -> None:
    """One round trip. Raises whatever the broker's library raises."""
    if isinstance(broker, RedisBroker):
        broker.client.ping()
    elif isinstance(broker, RabbitmqBroker):
        try:
            broker.channel.basic_qos(prefetch_count=1)
        except pika.exceptions.AMQPError:
            # The server drops a connection that was idle for long; only a new one tells whether it is there.
            del broker.connection
            broker.channel.basic_qos(prefetch_count=1)
