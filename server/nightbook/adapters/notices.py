"""Notices: who waits for news of a thing hears of it as soon as the change has committed.

A notice says what changed and never how: the reader looks again. It may be lost, so every wait ends by
itself after some seconds. Within a process a notice needs no row and no connection; between the servers of
one PostgreSQL it travels with the commit (NOTIFY), and `Listener` takes it in.
"""

import asyncio
import logging
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import psycopg
from sqlalchemy import event, text
from sqlalchemy.orm import Session, sessionmaker

log = logging.getLogger("nightbook.notices")

CHANNEL: Final = "nightbook"
#: A payload of NOTIFY must be shorter than 8,000 bytes.
_TOPICS_A_PAYLOAD: Final = 80
_LISTEN_SECONDS: Final = 5.0


class Watch:
    """Waits in one event loop for news of its topics."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._event = asyncio.Event()

    def wake(self) -> None:
        """Wake the one who waits; may be called from any thread."""
        try:
            self._loop.call_soon_threadsafe(self._event.set)
        except RuntimeError:
            return  # the loop has ended, and with it the wait

    async def changed(self, seconds: float) -> bool:
        """Wait for news since the last call, at most *seconds*; say whether there was any."""
        try:
            async with asyncio.timeout(seconds):
                await self._event.wait()
        except TimeoutError:
            return False
        self._event.clear()
        return True


class Board:
    """Where notices are posted and watched. Safe to share between threads."""

    def __init__(self) -> None:
        # A signal handler wakes everybody, in whatever it interrupts.
        self._lock = threading.RLock()
        self._watches: defaultdict[str, set[Watch]] = defaultdict(set)

    @contextmanager
    def watch(self, *topics: str) -> Iterator[Watch]:
        """Watch *topics*. What commits after this is not missed: look once, then wait."""
        watch = Watch()
        with self._lock:
            for topic in topics:
                self._watches[topic].add(watch)
        try:
            yield watch
        finally:
            with self._lock:
                for topic in topics:
                    self._watches[topic].discard(watch)
                    if not self._watches[topic]:
                        del self._watches[topic]

    def post(self, topics: Iterable[str]) -> None:
        with self._lock:
            woken = {watch for topic in topics for watch in self._watches.get(topic, ())}
        for watch in woken:
            watch.wake()

    def wake_all(self) -> None:
        """Let everyone look again, for this process ends."""
        with self._lock:
            woken = {watch for watches in self._watches.values() for watch in watches}
        for watch in woken:
            watch.wake()


#: The board of this process: a commit of any of its sessions is posted here.
BOARD: Final = Board()


def run_topic(run_id: object) -> str:
    """The state of a run, or its journal."""
    return f"run:{run_id}"


def end_topic(run_id: object) -> str:
    """The end of a run, and nothing before it."""
    return f"end:{run_id}"


def worker_topic(worker_id: object) -> str:
    """What is asked of a worker."""
    return f"worker:{worker_id}"


EVENTS_TOPIC: Final = "events"


def tell(session: Session, topic: str) -> None:
    """Post a notice once this session has committed."""
    session.info.setdefault("notices", set()).add(topic)


def post_after_commit(maker: "sessionmaker[Any]") -> None:
    """Let the sessions of *maker* post what they were told, on this board and on PostgreSQL's channel."""
    event.listen(maker, "before_commit", _send_along)
    event.listen(maker, "after_commit", _post)
    event.listen(maker, "after_rollback", _forget)


def _send_along(session: Session) -> None:
    topics = sorted(session.info.get("notices", ()))
    if not topics or session.in_nested_transaction() or session.get_bind().dialect.name != "postgresql":
        return
    for start in range(0, len(topics), _TOPICS_A_PAYLOAD):
        payload = " ".join(topics[start : start + _TOPICS_A_PAYLOAD])
        session.execute(
            text("SELECT pg_notify(:channel, :payload)"), {"channel": CHANNEL, "payload": payload}
        )


def _post(session: Session) -> None:
    if not session.in_nested_transaction():
        BOARD.post(session.info.pop("notices", ()))


def _forget(session: Session) -> None:
    if not session.in_nested_transaction():
        session.info.pop("notices", None)


class Listener:
    """Takes in what other processes post, on a connection of its own.

    While the connection is away nothing is heard; who waits looks again by himself.
    """

    def __init__(self, url: str, board: Board = BOARD) -> None:
        """*url* is one for psycopg: `postgresql://…`."""
        self._url = url
        self._board = board
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="listener", daemon=True)
        self.is_listening = threading.Event()

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._stop.set()

    def _work(self) -> None:
        while not self._stop.is_set():
            try:
                self._listen()
            except psycopg.Error as error:
                log.warning("notices.unheard error=%s", type(error).__name__)
                self._stop.wait(_LISTEN_SECONDS)
            finally:
                self.is_listening.clear()

    def _listen(self) -> None:
        with psycopg.connect(self._url, autocommit=True, connect_timeout=5) as connection:
            connection.execute(f"LISTEN {CHANNEL}")
            self.is_listening.set()
            while not self._stop.is_set():
                for notice in connection.notifies(timeout=_LISTEN_SECONDS, stop_after=1):
                    self._board.post(notice.payload.split(" "))
