"""The doorbell's listening side: Dramatiq threads that wait for a ring and then try to claim.

A ring carries no authority. While an attempt runs in the actor, its thread takes no further ring, so
that rings go to workers that are free. A broker that is away costs latency and nothing else.
"""

import logging
import time
from collections.abc import Callable

import dramatiq
from dramatiq.worker import Worker

from nightbook.doorbell import ACTOR_NAME, open_broker, queue_of

_WAKE_MS = 100
_QUIET_SECONDS = 60.0


class Bell:
    """Rings of one pool."""

    def __init__(self, url: str, pool: str, slots: int, attend: Callable[[], None]) -> None:
        broker = open_broker(url)

        def answer(**_kwargs: object) -> None:
            attend()

        dramatiq.actor(actor_name=ACTOR_NAME, queue_name=queue_of(pool), broker=broker)(answer)
        self._broker = broker
        self._worker = Worker(broker, queues={queue_of(pool)}, worker_threads=slots, worker_timeout=_WAKE_MS)
        # The default of twice the threads lets a ring wait here beside an idle worker.
        self._worker.queue_prefetch = slots

    def start(self) -> None:
        logging.getLogger("dramatiq").setLevel(logging.WARNING)
        for handler in logging.getLogger().handlers:
            handler.addFilter(_SeldomFilter())
        self._worker.start()

    def stop(self, seconds: float) -> None:
        """Take no more rings, and give back those that were not answered."""
        self._worker.stop(timeout=int(seconds * 1000))
        self._broker.close()


class _SeldomFilter(logging.Filter):
    """Dramatiq reports an absent broker each second; once a minute is enough."""

    def __init__(self) -> None:
        super().__init__()
        self._last = -_QUIET_SECONDS

    def filter(self, record: logging.LogRecord) -> bool:
        if not record.name.startswith("dramatiq."):
            return True
        now = time.monotonic()
        if now - self._last < _QUIET_SECONDS:
            return False
        self._last = now
        first_line = record.getMessage().split("\n", 1)[0]
        record.msg, record.args = f"broker.trouble why={first_line!r}", ()
        record.exc_info = record.exc_text = None
        return True
