"""Real worker processes against a server in memory; every test leaves no process behind."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from nightbook_executor import sandbox

# Tests are imported by file, so what stands beside them is found only if we say so.
sys.path.insert(0, str(Path(__file__).parent))
from fake_server import TOKEN, FakeServer, until

_START = (
    "import sys; from nightbook.settings import load; from nightbook_executor.worker import main; "
    "sys.exit(main(load()))"
)
# What root may is not what a worker's user may: without capabilities, uid 0 owns its files and no more.
_ORDINARY = """
import ctypes, os, sys
if os.getuid() == 0 and "NIGHTBOOK_TEST_IS_ORDINARY" not in os.environ:
    drop, libc = 24, ctypes.CDLL(None)
    for capability in range(int(open("/proc/sys/kernel/cap_last_cap").read()) + 1):
        libc.prctl(drop, capability, 0, 0, 0)
    os.environ["NIGHTBOOK_TEST_IS_ORDINARY"] = "1"
    os.execv(sys.executable, [sys.executable, "-c", sys.orig_argv[2]])
os.environ.pop("NIGHTBOOK_TEST_IS_ORDINARY", None)
"""


class WorkerProcess:
    """A worker as an operator starts it."""

    def __init__(self, server: FakeServer, home: Path, slots: int = 2, **settings: Any) -> None:
        environment = settings.pop("environment", {})
        ordinary = settings.pop("ordinary", False)
        fields = {
            "home": home,
            "api_url": server.address,
            "token": TOKEN,
            "slots": slots,
            "worker_name": "w",
            **settings,
        }
        named = {f"NIGHTBOOK_{name.upper()}": str(value) for name, value in fields.items()}
        self.log = home / "worker.log"
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _ORDINARY + _START if ordinary else _START],
                env={**os.environ, **environment, **named},
                stderr=log,
                stdout=log,
            )
        self.pid = self._process.pid

    def below(self) -> list[psutil.Process]:
        return psutil.Process(self.pid).children(recursive=True)

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def wait(self, seconds: float = 20.0) -> int:
        return self._process.wait(seconds)

    def stop(self) -> None:
        if self._process.poll() is None:
            for _ in range(2):
                self.signal(signal.SIGTERM)
                until(lambda: self._process.poll() is not None or "draining" in self.log.read_text())
            self.wait()


def processes_of(attempt_id: object) -> list[psutil.Process]:
    """All processes of an attempt, wherever they hang in the tree."""
    found = []
    for process in psutil.process_iter():
        try:
            if (
                process.environ().get(sandbox.MARK) == str(attempt_id)
                and process.status() != psutil.STATUS_ZOMBIE
            ):
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


@pytest.fixture(name="processes_of")
def _processes_of() -> Any:
    """For folders below: there may be many modules of the name of this one."""
    return processes_of


@pytest.fixture(scope="module")
def server() -> Iterator[FakeServer]:
    """A server and a worker that the tests of a module share."""
    server = FakeServer()
    yield server
    server.close()


@pytest.fixture(scope="module")
def worker(server: FakeServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkerProcess]:
    worker = WorkerProcess(server, tmp_path_factory.mktemp("home"))
    yield worker
    worker.stop()


@pytest.fixture
def own_server() -> Iterator[FakeServer]:
    """A server of one test: short leases, so that losing one takes seconds."""
    server = FakeServer(lease_seconds=6.0, heartbeat_seconds=0.5)
    yield server
    server.close()


@pytest.fixture
def start_worker(own_server: FakeServer, tmp_path: Path) -> Iterator[Any]:
    """Start workers of one test."""
    started: list[WorkerProcess] = []

    def start(**settings: Any) -> WorkerProcess:
        home = tmp_path / "home"
        home.mkdir(exist_ok=True)
        started.append(WorkerProcess(own_server, home, **settings))
        return started[-1]

    yield start
    for worker in started:
        worker.stop()
