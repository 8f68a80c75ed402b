"""Leases: proof of life for every attempt of this worker, and the end of those that cannot prove it.

Counted from the moment the last *answered* heartbeat was sent, on a clock that runs through suspend,
so that our view is never longer than the server's. Three threads: one that beats, one that asks for
cancels, and one that does no I/O and kills what has not been renewed for three quarters of its lease.
"""

import logging
import random
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from nightbook.schemas import Heartbeat, HeartbeatAnswer, HeldAttempt, LeaseAnswer
from nightbook_executor.api import Api, AwayError, RefusedError

_SELF_FENCE = 0.75
_WATCH_SECONDS = 0.25
_CANCEL_SECONDS = 1.0  # at most so often, where there is nothing new and the server does not wait
_MOST_KNOWN = 100  # as the server takes
_CANCEL_WAIT_SECONDS = 5.0  # less than the time-out of a heartbeat's connection
_RETRY_SECONDS = 2.0
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
_log = logging.getLogger(__name__)


def lease_clock() -> float:
    """Seconds on a clock that does not stop while the host sleeps."""
    return time.clock_gettime(_CLOCK)


class Holder(Protocol):
    """What an attempt does when its lease moves; none of these may wait for a network."""

    def renewed(self) -> None: ...
    def cancelled(self, by: str | None) -> None: ...
    def lost(self, why: str) -> None: ...


@dataclass
class _Held:
    attempt_id: uuid.UUID
    fence: int
    lease_seconds: float
    since: float
    holder: Holder
    is_lost: bool = False
    is_cancelled: bool = False

    @property
    def fenced_at(self) -> float:
        return self.since + _SELF_FENCE * self.lease_seconds


@dataclass
class Leases:
    """The attempts that this worker holds."""

    api: Api
    worker_id: uuid.UUID
    heartbeat_seconds: float
    on_unknown: Callable[[], None] = lambda: None  # the server does not know this worker: register again
    draining: bool = False
    _held: dict[uuid.UUID, _Held] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _closed: threading.Event = field(default_factory=threading.Event)
    _holding: threading.Event = field(default_factory=threading.Event)
    _refusals: int = 0

    def start(self) -> None:
        for loop in (self._beat_always, self._watch_always, self._ask_always):
            threading.Thread(target=loop, name=loop.__name__.strip("_"), daemon=True).start()

    def close(self) -> None:
        self._closed.set()
        self._holding.set()

    def hold(
        self, attempt_id: uuid.UUID, fence: int, lease_seconds: float, since: float, holder: Holder
    ) -> None:
        with self._lock:
            self._held[attempt_id] = _Held(attempt_id, fence, lease_seconds, since, holder)
        self._holding.set()

    def release(self, attempt_id: uuid.UUID) -> None:
        with self._lock:
            self._held.pop(attempt_id, None)

    def _all(self) -> list[_Held]:
        with self._lock:
            return list(self._held.values())

    # ------------------------------------------------------------ the heartbeat

    def _beat_always(self) -> None:
        pause = self.heartbeat_seconds
        while not self._closed.wait(pause):
            answered = self.beat()
            jitter = random.uniform(-0.5, 0.5)  # noqa: S311
            pause = self.heartbeat_seconds if answered else _RETRY_SECONDS + jitter

    def beat(self) -> bool:
        """Send one heartbeat for all attempts; say whether it was answered."""
        held = self._all()
        alive = [HeldAttempt(attempt_id=one.attempt_id, fence=one.fence) for one in held if not one.is_lost]
        sent = lease_clock()
        draft = Heartbeat(worker_id=self.worker_id, draining=self.draining, attempts=alive)
        try:
            answer = self.api.heartbeat(draft)
        except AwayError as error:
            _log.warning("heartbeat.unanswered why=%s attempts=%d", error, len(alive))
            return False
        except RefusedError as error:
            self._refused(held, error)
            return False
        self._refusals = 0
        self._take(held, answer, sent)
        return True

    def _refused(self, held: list[_Held], error: RefusedError) -> None:
        self._refusals += 1
        _log.warning("heartbeat.refused status=%d code=%s", error.status, error.code)
        # A revoked token must act, but one odd answer of a proxy must not: 401 and 403 count from the second.
        if error.status in (401, 403) and self._refusals < 2:
            return
        for one in held:
            self._lose(one, f"the server refused the heartbeat ({error.code})")
        if error.status in (404, 409):
            self.on_unknown()

    def _take(self, held: list[_Held], answer: HeartbeatAnswer, sent: float) -> None:
        answers = {lease.attempt_id: lease for lease in answer.attempts}
        for one in held:
            lease = answers.get(one.attempt_id)
            if lease is None:
                continue  # not renewed: the self-fence will act
            if lease.lost:
                self._lose(one, "the server gave the attempt up")
                continue
            one.since, one.lease_seconds = sent, lease.lease_seconds
            one.holder.renewed()
            self._tell_cancel(one, lease)

    def _tell_cancel(self, one: _Held, lease: LeaseAnswer) -> None:
        if lease.cancel:
            one.is_cancelled = True
            one.holder.cancelled(lease.cancelled_by)

    def _lose(self, one: _Held, why: str) -> None:
        if not one.is_lost:
            one.is_lost = True
            _log.warning("attempt.lost attempt_id=%s fence=%d why=%s", one.attempt_id, one.fence, why)
            one.holder.lost(why)

    # ------------------------------------------------------------ the watch, and cancels

    def _watch_always(self) -> None:
        while not self._closed.wait(_WATCH_SECONDS):
            now = lease_clock()
            for one in self._all():
                if now >= one.fenced_at:
                    self._lose(one, "no heartbeat was answered in time")

    def _ask_always(self) -> None:
        while not self._closed.is_set():
            self._holding.wait()
            self._holding.clear()
            while not self._closed.is_set() and self._all():
                asked = time.monotonic()
                if not self._ask_once():
                    self._closed.wait(max(0.0, _CANCEL_SECONDS - (time.monotonic() - asked)))

    def _ask_once(self) -> bool:
        """Ask for cancels, and tell their holders. Return whether there was one that was not known."""
        known = [one.attempt_id for one in self._all() if one.is_cancelled]
        try:
            # A cancelled attempt takes a while to end. Those that are not named are told again, slowly.
            wanted = self.api.cancels(self.worker_id, _CANCEL_WAIT_SECONDS, known[:_MOST_KNOWN]).items
        except (AwayError, RefusedError):
            return False  # the heartbeat judges
        held = {one.attempt_id: one for one in self._all()}
        is_new = False
        for lease in wanted:
            if one := held.get(lease.attempt_id):
                is_new = is_new or not one.is_cancelled
                self._tell_cancel(one, lease)
        return is_new
