"""Loop: the only place of the beat that sleeps. Calls each tick in its rhythm, for ever.

An error in one tick is logged and the next one goes on; several beats may run at once.
"""

import logging
import random
import threading
import time
from collections.abc import Callable

from sqlalchemy.orm import sessionmaker
from sqlmodel import Session

from nightbook.adapters import metrics
from nightbook.adapters.broker import Doorbell
from nightbook.adapters.database import moment_of, open_engine, reading_sessions, sessions
from nightbook.adapters.storage import ArtifactStore
from nightbook.beat import copier, dispatcher, planner, reaper, sweeper, tallier, zoner
from nightbook.beat.trust import Trust
from nightbook.core.clock import utc_now
from nightbook.settings import Settings

log = logging.getLogger(__name__)

COPIER_SECONDS = 2.0
#: What a copy that is being made gets at the end; one that is cut off is made by the next beat.
COPIER_PATIENCE = 5.0
#: How long nobody looks for schedules of other zones once all have been seen.
ZONER_REST = 600.0
#: How long the planner may go on while there is always more to fire.
PLANNER_PATIENCE = 2.0


def run(settings: Settings, stop: threading.Event) -> None:
    """Be a beat of its own (`nightbook beat`) until *stop* is set."""
    engine = open_engine(settings.database, pool_size=4)
    try:
        Beat(
            sessions(engine),
            reading_sessions(engine),
            Doorbell(settings.broker_url),
            ArtifactStore(settings.artifacts),
        ).run(stop)
    finally:
        engine.dispose()


class Beat:
    """The movers and their rhythm."""

    def __init__(
        self,
        sessions: sessionmaker[Session],
        reading: sessionmaker[Session],
        doorbell: Doorbell,
        store: ArtifactStore,
        *,
        planner_seconds: float = 0.25,
    ) -> None:
        self._sessions = sessions
        self._reading = reading
        self._doorbell = doorbell
        self._store = store
        self._trust = Trust(utc_now(), time.monotonic())
        self._zones_at = float("-inf")
        self._rhythm: dict[str, tuple[float, Callable[[], None]]] = {
            "zoner": (1.0, self._reread_zones),
            "planner": (planner_seconds, self._plan),
            "dispatcher": (5.0, self._dispatch),
            "reaper": (5.0, self._reap),
            "sweeper": (5.0, self._sweep),
            "tallier": (60.0, self._tally),
            "tidier": (600.0, self._tidy),
        }

    def run(self, stop: threading.Event) -> None:
        """Tick until *stop* is set."""
        # Apart from the others: a copy may take minutes, and fire times wait for nobody.
        copies = threading.Thread(target=self._copy_always, args=(stop,), name="copier", daemon=True)
        copies.start()
        due = {name: time.monotonic() + random.random() * 0.2 for name in self._rhythm}  # noqa: S311
        while not stop.is_set():
            for name, (seconds, act) in self._rhythm.items():
                if time.monotonic() >= due[name]:
                    self._once(name, act)
                    due[name] = time.monotonic() + seconds
            stop.wait(max(0.01, min(due.values()) - time.monotonic()))
        copies.join(COPIER_PATIENCE)

    def _copy_always(self, stop: threading.Event) -> None:
        while not stop.wait(COPIER_SECONDS):
            self._once("copier", self._copy)

    def _once(self, name: str, act: Callable[[], None]) -> None:
        try:
            with metrics.LOOP_DURATION.labels(name).time():
                act()
        except Exception:  # the edge: log, and let the next tick go on
            metrics.LOOP_ERRORS.labels(name).inc()
            if name == "reaper":
                self._trust.lose(time.monotonic())
            log.exception("loop.failed loop=%s", name)
        else:
            metrics.LOOP_LAST_SUCCESS.labels(name).set_to_current_time()

    def _plan(self) -> None:
        until = time.monotonic() + PLANNER_PATIENCE
        # A burst is fired in many small transactions without a pause, and what else is to be done is not
        # put off for longer than this.
        while self._plan_once() and time.monotonic() < until:
            pass

    def _plan_once(self) -> bool:
        """Return whether runs were queued, so that there may be more."""
        with self._reading() as session:
            if not planner.has_work(session, utc_now()):
                return False  # an idle look takes no write lock
        with self._sessions.begin() as session:
            queued = planner.tick(session, utc_now())
        if queued:
            self._dispatch()
        return queued > 0

    def _reread_zones(self) -> None:
        """One round at a time: after an upgrade all are looked at, and no fire time may be late for that."""
        if time.monotonic() < self._zones_at:
            return
        with self._sessions.begin() as session:
            looked_at = zoner.tick(session, utc_now())
        if looked_at < zoner.ROUND:
            self._zones_at = time.monotonic() + ZONER_REST

    def _dispatch(self) -> None:
        with self._sessions.begin() as session:
            rings = dispatcher.tick(session, utc_now())
        for pool, run_id in rings:
            self._doorbell.ring(pool, str(run_id))

    def _reap(self) -> None:
        trusted_for = self._trust.look(utc_now(), time.monotonic())
        with self._sessions.begin() as session:
            # A span, because the clock of the database is not ours.
            now = moment_of(session, utc_now())
            reaper.tick(session, now, now - trusted_for)

    def _sweep(self) -> None:
        with self._sessions.begin() as session:
            sweeper.tick(session, utc_now())

    def _tally(self) -> None:
        with self._sessions.begin() as session:
            tallier.tick(session, utc_now())

    def _copy(self) -> None:
        copier.tick(self._sessions, self._reading, self._store, utc_now())

    def _tidy(self) -> None:
        with self._sessions.begin() as session:
            sweeper.tidy(session, utc_now())
