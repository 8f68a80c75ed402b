"""`nightbook worker`: claims runs of one pool and supervises their attempts, never more than its slots.

A ring of the doorbell makes it claim at once; every few seconds a free slot asks by itself, so a dead
broker costs latency only. A server that is away never ends a worker. Called by name by the command line.
"""

import fcntl
import logging
import os
import random
import re
import signal
import socket
import sys
import threading
import time
import uuid
from importlib.metadata import version
from pathlib import Path
from types import FrameType
from typing import TextIO

from uuid_utils import compat

from nightbook.schemas import ClaimAnswer, Registered, WorkerKernel, WorkerRegistration
from nightbook.settings import Settings
from nightbook_executor import devices, leftovers, levels, sandbox
from nightbook_executor.api import Api, AwayError, RefusedError
from nightbook_executor.attempt import Attempt
from nightbook_executor.bell import Bell
from nightbook_executor.bubblewrap import Bubblewrap
from nightbook_executor.cgroups import Cgroups, NotDelegatedError
from nightbook_executor.folders import Host
from nightbook_executor.kernels.opening import renew_on_hangup, zygotes_of
from nightbook_executor.launching import child_server_of
from nightbook_executor.lease import Leases, lease_clock
from nightbook_executor.leftovers import Leftovers
from nightbook_executor.processes import Processes

_API_SECONDS = 30.0
_HEARTBEAT_SECONDS = 8.0
_REGISTER_PAUSE = 2.0
_CLAIM_TRIES = 3
_MAX_KERNELS = 200
_log = logging.getLogger(__name__)


class StopSignals:
    """The first SIGTERM or SIGINT drains, the second ends at once."""

    def __init__(self) -> None:
        self.drain = threading.Event()
        self.end = threading.Event()

    def install(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        (self.end if self.drain.is_set() else self.drain).set()


def main(settings: Settings) -> int:
    """Run a worker in the foreground until it is told to stop. Return the exit code."""
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", force=True
    )
    for chatty in ("httpx", "httpcore"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    signals = StopSignals()
    signals.install()
    return run_worker(settings, signals)


def run_worker(settings: Settings, stop: StopSignals) -> int:
    sandbox.adopt_orphans()
    if settings.sandbox != "none":
        sandbox.hide()
    try:
        bubblewrap = levels.made_ready(settings)
        place = _Place.take(settings)
        cgroups = Cgroups.of_worker(str(place.id), settings.cgroup)
    except NotDelegatedError as error:
        _log.error("worker.refused NIGHTBOOK_CGROUP does not work here: %s", error)
        return 1
    except levels.CannotSandboxError as error:
        # Never a lower level than the one that was asked for.
        _log.error("worker.refused NIGHTBOOK_SANDBOX=%s does not work here: %s", settings.sandbox, error)
        return 1
    except _TakenError as error:
        _log.error("worker.refused %s", error)
        return 1
    if bubblewrap is not None and os.getuid() == 0:
        _lend_devices()
    with place:
        swept = leftovers.end_predecessor(place.state)
        if cgroups is not None:
            swept = max(swept, cgroups.sweep())
            _log.info("worker.cgroup cgroup=%s", cgroups.folder)
        if swept:
            _log.warning("worker.swept attempts=%d", swept)
        return _Worker(settings, place, stop, bubblewrap, cgroups).run()


def _lend_devices() -> None:
    try:
        devices.make_read_only()
    except OSError as error:
        _log.warning(
            "worker.devices_lent_writable why=%s; run the worker as a user of its own", error.strerror
        )


class _TakenError(Exception):
    """Another worker holds the state folder."""


class _Place:
    """A worker's name, id and state folder; one process at a time holds it."""

    def __init__(self, name: str, state: Path, lock: TextIO) -> None:
        self.name = name
        self.state = state
        self._lock = lock
        self.id = self._read_id()

    @classmethod
    def take(cls, settings: Settings) -> "_Place":
        """Take the named place, or the first free one of this host. Raises _TakenError."""
        if settings.worker_name:
            return cls._try(settings.home, settings.worker_name)
        base = f"{socket.gethostname()}-{settings.pool}"
        for count in range(1, 1000):
            try:
                return cls._try(settings.home, base if count == 1 else f"{base}-{count}")
            except _TakenError:
                continue
        raise _TakenError("no free state folder")

    @classmethod
    def _try(cls, home: Path, name: str) -> "_Place":
        state = home / f"worker-{re.sub(r'[^A-Za-z0-9._-]', '_', name)}"
        (state / "attempts").mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = (state / "lock").open("w", encoding="ascii")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lock.close()
            raise _TakenError(f"name={name!r} is in use by another worker on this host") from error
        return cls(name, state, lock)

    def _read_id(self) -> uuid.UUID:
        file = self.state / "id"
        try:
            return uuid.UUID(file.read_text(encoding="ascii").strip())
        except (OSError, ValueError):
            made = compat.uuid7()
            file.write_text(f"{made}\n", encoding="ascii")
            return made

    def __enter__(self) -> "_Place":
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.close()


class _Worker:
    """Slots, claims and the end of it all."""

    def __init__(
        self,
        settings: Settings,
        place: _Place,
        stop: StopSignals,
        bubblewrap: Bubblewrap | None,
        cgroups: Cgroups | None,
    ) -> None:
        self._settings = settings
        self._bubblewrap = bubblewrap
        self._cgroups = cgroups
        self._place = place
        self._stop = stop
        self._api = Api(settings.api, settings.read_token, timeout=_API_SECONDS)
        self._free = threading.Semaphore(settings.slots)
        self._attempts: set[Attempt] = set()
        self._lock = threading.Lock()
        self._leases: Leases
        self._leftovers: Leftovers
        self._host: Host

    def run(self) -> int:
        registered = self._register()
        if registered is None:
            return 0
        beats = Api(self._settings.api, self._settings.read_token, timeout=_HEARTBEAT_SECONDS)
        self._leases = Leases(
            beats, self._place.id, registered.heartbeat_seconds, on_unknown=self._register_again
        )
        self._leftovers = Leftovers(self._api, self._place.id, self._place.state)
        self._host = self._made_host()
        if self._host.zygotes is not None:
            renew_on_hangup(self._host.zygotes)
        self._leftovers.start()
        self._leases.start()
        bell = self._open_bell()
        try:
            self._poll(registered.poll_seconds)
            self._drain()
        finally:
            self._leftovers.close()
            self._leases.close()
            if self._host.child_server is not None:
                self._host.child_server.close()
            if self._host.zygotes is not None:
                self._host.zygotes.close()
            if self._cgroups is not None:
                self._cgroups.close()
        if bell is not None:
            # Its threads have nothing left to do; a broker that is away must not hold the exit.
            threading.Thread(target=bell.stop, args=(2.0,), daemon=True).start()
            time.sleep(0.3)
        _log.info("worker.stopped name=%s", self._place.name)
        return 0

    def _made_host(self) -> Host:
        cache = self._place.state / "cache"
        cache.mkdir(exist_ok=True, mode=0o700)
        processes = Processes()
        threads = max(1, (os.cpu_count() or 1) // self._settings.slots)
        return Host(
            name=self._place.name,
            state=self._place.state,
            cache=cache,
            sandbox=self._settings.sandbox,
            bubblewrap=self._bubblewrap,
            threads=threads,
            api=self._api,
            leases=self._leases,
            leftovers=self._leftovers,
            processes=processes,
            child_server=child_server_of(self._settings.sandbox, processes, self._place.state, cache),
            zygotes=zygotes_of(self._settings, processes, self._place.state, cache),
            cgroups=self._cgroups,
        )

    def _open_bell(self) -> Bell | None:
        url = self._settings.broker_url
        if url is None:
            _log.info("worker.no_broker: asking for runs every few seconds")
            return None
        bell = Bell(url, self._settings.pool, self._settings.slots, self._attend)
        bell.start()
        return bell

    # ------------------------------------------------------------ registration

    def _register(self) -> Registered | None:
        """Register, as often as it takes; None when told to stop meanwhile."""
        draft, told = self._registration(), ""
        while not self._stop.drain.is_set():
            try:
                registered = self._api.register(draft)
            except (AwayError, RefusedError) as error:
                if str(error) != told:
                    told = str(error)
                    _log.warning("worker.waits_for_server api=%s why=%s", self._settings.api, told)
                self._stop.drain.wait(_REGISTER_PAUSE)
                continue
            kernels = ",".join(kernel.name for kernel in draft.kernels)
            name, pool, slots = self._place.name, self._settings.pool, self._settings.slots
            _log.info("worker.registered name=%s pool=%s slots=%d kernels=%s", name, pool, slots, kernels)
            return registered
        return None

    def _register_again(self) -> None:
        try:
            self._api.register(self._registration())
        except (AwayError, RefusedError) as error:
            _log.warning("worker.not_registered why=%s", error)

    def _registration(self) -> WorkerRegistration:
        return WorkerRegistration(
            id=self._place.id,
            name=self._place.name,
            pool=self._settings.pool,
            slots=self._settings.slots,
            host=socket.gethostname()[:255],
            pid=os.getpid(),
            version=version("nightbook"),
            kernels=_kernels(),
            sandbox=self._settings.sandbox,
        )

    # ------------------------------------------------------------ claiming

    def _poll(self, seconds: float) -> None:
        """Until told to stop, let a free slot ask by itself."""
        while not self._stop.drain.is_set():
            self._attend_apart()
            self._stop.drain.wait(seconds * random.uniform(0.8, 1.2))  # noqa: S311

    def _attend_apart(self) -> None:
        threading.Thread(target=self._attend, name="slot", daemon=True).start()

    def _attend(self) -> None:
        """Claim and run, again and again while there are runs, if a slot is free."""
        if not self._free.acquire(blocking=False):
            return
        try:
            while not self._stop.drain.is_set() and self._claim_and_run():
                pass
        except Exception:
            _log.exception("worker.slot_failed")
        finally:
            self._free.release()

    def _claim_and_run(self) -> bool:
        claimed = lease_clock()
        answer = self._claim()
        if answer is None or answer.order is None:
            return False
        order = answer.order
        attempt = Attempt(self._host, order, claimed)
        with self._lock:
            self._attempts.add(attempt)
        try:
            if answer.waiting:
                self._attend_apart()
            if self._stop.drain.is_set():
                attempt.hand_back()
            attempt.run()
        finally:
            with self._lock:
                self._attempts.discard(attempt)
        return True

    def _claim(self) -> ClaimAnswer | None:
        """Claim with one key for all tries, so that a lost answer claims nothing twice."""
        key = str(compat.uuid7())
        for _ in range(_CLAIM_TRIES):
            try:
                return self._api.claim(self._place.id, key)
            except AwayError as error:
                _log.warning("claim.unanswered why=%s", error)
                if self._stop.drain.wait(1.0):
                    return None
            except RefusedError as error:
                _log.warning("claim.refused status=%d code=%s", error.status, error.code)
                if error.code == "not_registered":
                    self._register_again()
                return None
        return None

    # ------------------------------------------------------------ the end

    def _running(self) -> list[Attempt]:
        with self._lock:
            return list(self._attempts)

    def _drain(self) -> None:
        """Hand back what has not begun, let the rest end in its time, then kill."""
        self._leases.draining = True
        handed_back = sum(attempt.hand_back() for attempt in self._running())
        _log.info("worker.draining running=%d handed_back=%d", len(self._running()), handed_back)
        threading.Thread(target=self._leases.beat, daemon=True).start()
        until = time.monotonic() + self._settings.drain_seconds
        while self._running() and time.monotonic() < until and not self._stop.end.wait(0.05):
            pass
        for attempt in self._running():
            attempt.kill()
        until = time.monotonic() + 10
        while self._running() and time.monotonic() < until:
            time.sleep(0.05)


def _kernels() -> list[WorkerKernel]:
    from jupyter_client.kernelspec import KernelSpecManager

    specs = sorted(KernelSpecManager().get_all_specs().items())
    return [
        WorkerKernel(
            name=name[:100],
            display_name=str(found["spec"].get("display_name", name))[:200],
            language=str(found["spec"].get("language", ""))[:100],
        )
        for name, found in specs[:_MAX_KERNELS]
    ]
