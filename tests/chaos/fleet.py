"""A fleet: servers, beats and workers of one platform, each a real process with a name.

Any of them can be killed, stopped and let go on, and cut off from the others: whatever speaks TCP goes
through a line of ours. All that a fleet starts lives in one folder, by which what is left of it is found.
"""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import brokers
import httpx
import psutil
from cluster import Process, database_of_its_own, plain_environment, until_gone
from lines import Line
from waiting import free_port, until

from nightbook.client import Client
from nightbook.schemas import WorkerView

#: The shortest that the platform allows: every wait of these experiments scales with it.
LEASE_SECONDS = 15
STACKS = ("embedded", "postgres-redis", "postgres-rabbitmq")
_PROGRAM = ("-m", "nightbook")


@dataclass(frozen=True)
class Size:
    """How many of each. SQLite serves one server."""

    servers: int = 1
    beats: int = 2
    workers: int = 2
    slots: int = 2


@dataclass
class Part:
    """One process by its name, and how to start it again."""

    name: str
    words: Sequence[str]
    environment: dict[str, str]
    program: Sequence[str]
    process: Process | None = None
    was_killed: bool = False
    started_at: datetime | None = None

    @property
    def is_up(self) -> bool:
        return self.process is not None and self.process.poll() is None


class Fleet:
    """Real processes on one database and one broker."""

    def __init__(
        self,
        folder: Path,
        stack: str,
        database_url: str | None,
        size: Size,
        *,
        programs: Mapping[str, Sequence[str]] | None = None,
        broker: brokers.Broker | None = None,
        environment: Mapping[str, str] | None = None,
        environments: Mapping[str, Mapping[str, str]] | None = None,
    ) -> None:
        """*programs* is what parts of a kind run in place of `-m nightbook`, *environment* what all get."""
        self.folder = folder
        self.home = folder / "h"
        self.stack = stack
        self.size = size
        self.pool = f"chaos-{uuid4().hex[:8]}"
        self._programs, self._environments = programs or {}, environments or {}
        self._environment = plain_environment(folder)
        self.broker = broker or brokers.made_for(stack, folder, dict(self._environment), [self.pool])
        ports = [free_port() for _ in range(size.servers)]
        servers = [("127.0.0.1", port) for port in ports]
        #: The address of people, which nobody disturbs, and that of workers.
        self.front, self.workers_line = Line(servers), Line(servers)
        self.url = f"http://127.0.0.1:{self.front.port}"
        self.database_line, database_url = _lined(database_url)
        self.broker_line, broker_url = _lined(self.broker.url)
        self._environment |= {
            "NIGHTBOOK_HOME": str(self.home),
            "NIGHTBOOK_BROKER_URL": broker_url or "",
            "NIGHTBOOK_BEAT": "false",
            "NIGHTBOOK_PRELOAD": "[]",
            **(environment or {}),
        }
        if database_url:
            self._environment["NIGHTBOOK_DATABASE_URL"] = database_url
        self.parts: dict[str, Part] = {}
        for number, port in enumerate(ports, 1):
            self._add(f"server-{number}", ("serve",), NIGHTBOOK_PORT=str(port))
        for number in range(1, size.beats + 1):
            self._add(f"beat-{number}", ("beat",))
        for number in range(1, size.workers + 1):
            self._add_worker(f"worker-{number}")

    def _add(self, name: str, words: Sequence[str], **own: str) -> None:
        kind = name.partition("-")[0]
        environment = {**self._environment, **self._environments.get(kind, {}), **own}
        self.parts[name] = Part(name, words, environment, self._programs.get(kind, _PROGRAM))

    def _add_worker(self, name: str) -> None:
        words = ("worker", "--pool", self.pool, "--slots", str(self.size.slots))
        self._add(
            name,
            words,
            NIGHTBOOK_WORKER_NAME=name,
            NIGHTBOOK_API_URL=f"http://127.0.0.1:{self.workers_line.port}",
            NIGHTBOOK_TOKEN_FILE=str(self.folder / "worker-token"),
        )

    def names(self, kind: str) -> list[str]:
        """The parts of a kind: `server`, `beat` or `worker`."""
        return [name for name in self.parts if name.startswith(kind)]

    # ------------------------------------------------------------ start and end

    def begin(self) -> None:
        """Make database, tokens and pool, and start every part."""
        self.broker.start()
        self.command("init")
        for name in (*self.names("server"), *self.names("beat")):
            self.start(name)
        self.until_ready()
        with self.client() as client:
            client.pools.create(self.pool, lease_seconds=LEASE_SECONDS)
            token = client.tokens.create("worker", ["worker"], kind="wrk", pools=[self.pool]).token
        assert token is not None
        (self.folder / "worker-token").write_text(token)
        for name in self.names("worker"):
            self.start(name)
        self.until_whole()

    def command(self, *words: str) -> str:
        """What an operator types on the server's machine. Return what it says."""
        done = subprocess.run(
            [sys.executable, "-m", "nightbook", *words],
            env=self._environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def client(self) -> Client:
        return Client(self.url, (self.home / "token").read_text().strip())

    def start(self, name: str) -> None:
        part = self.parts[name]
        assert not part.is_up, f"{name} is up already"
        with (self.folder / f"{name}.log").open("ab") as log:
            part.process = subprocess.Popen(
                [sys.executable, *part.program, *part.words],
                env=part.environment,
                cwd=self.folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        part.was_killed = False
        part.started_at = datetime.now(UTC)

    def until_ready(self) -> None:
        until(self._is_ready, seconds=90, what=lambda: f"a server is ready\n{self.log('server-1')}")

    def _is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/readyz", timeout=5).status_code == 200
        except httpx.HTTPError:
            return False

    def start_worker(self, name: str) -> None:
        """Start one worker, and wait until it has registered."""
        self.start(name)
        self._until_registered({name})

    def until_whole(self) -> None:
        """Wait until every worker has registered since its last start, and is alive."""
        self.revive()
        self._until_registered(set(self.names("worker")))

    def _until_registered(self, wanted: set[str]) -> None:
        with self.client() as client:

            def are_alive() -> bool:
                for name in wanted:
                    if not self.parts[name].is_up:
                        self.start(name)
                found = [one for one in client.pools.workers() if one.name in wanted and one.state == "alive"]
                return wanted == {one.name for one in found if self._is_new(one)}

            until(are_alive, seconds=90, what=lambda: "\n".join(self.log(name) for name in sorted(wanted)))

    def _is_new(self, worker: WorkerView) -> bool:
        started_at = self.parts[worker.name].started_at
        return started_at is not None and worker.registered_at > started_at

    def revive(self) -> list[str]:
        """Start whatever is not up, as systemd would. Return their names."""
        down = [name for name, part in self.parts.items() if not part.is_up]
        for name in down:
            self.start(name)
        return down

    def heal(self) -> None:
        """Undo every fault, so that one failure is not told many times."""
        for line in (self.front, self.workers_line, self.database_line, self.broker_line):
            if line is not None:
                line.seconds = 0.0
                line.lose_answers(0)
                line.open()
        for part in self.parts.values():
            if part.is_up:
                self.go_on(part.name)
        self.revive()
        self.until_ready()
        self.until_whole()

    def stop(self) -> None:
        """Ask all to end, workers first as they report to the server; kill what does not."""
        for name in (*self.names("worker"), *self.names("beat"), *self.names("server")):
            process = self.parts[name].process
            if process is not None and process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.terminate()
        for part in self.parts.values():
            if part.process is not None:
                try:
                    part.process.wait(timeout=30)
                except subprocess.TimeoutExpired:
                    part.process.kill()
                    part.process.wait()

    def close(self) -> None:
        for line in (self.front, self.workers_line, self.database_line, self.broker_line):
            if line is not None:
                line.close()

    def log(self, name: str) -> str:
        path = self.folder / f"{name}.log"
        return f"{name}:\n{path.read_text(errors='replace')[-3000:]}" if path.exists() else ""

    # ------------------------------------------------------------ faults of processes

    def kill(self, name: str) -> None:
        """As a power cut of one process: its children are left to their guards."""
        part = self.parts[name]
        if part.is_up:
            assert part.process is not None
            part.process.kill()
            part.process.wait()
        part.was_killed = True

    def pause(self, name: str, *, whole: bool = False) -> None:
        """SIGSTOP; *whole*: with everything that hangs below it, as a suspended machine."""
        self._signal(name, signal.SIGSTOP, whole=whole)

    def go_on(self, name: str) -> None:
        self._signal(name, signal.SIGCONT, whole=True)

    def _signal(self, name: str, number: signal.Signals, *, whole: bool) -> None:
        process = self.parts[name].process
        assert process is not None
        top = psutil.Process(process.pid)
        for one in (top, *(top.children(recursive=True) if whole else ())):
            with contextlib.suppress(psutil.NoSuchProcess):
                os.kill(one.pid, number)

    def died_by_themselves(self) -> list[str]:
        """Parts that ended without being told to, with the end of their logs."""
        return [
            self.log(part.name)
            for part in self.parts.values()
            if part.process is not None and part.process.poll() is not None and not part.was_killed
        ]


def _lined(url: str | None) -> tuple[Line | None, str | None]:
    """A line to where *url* leads, and the URL that goes through it; none for what is no TCP."""
    parts = urlsplit(url or "")
    if url is None or parts.port is None:
        return None, url
    line = Line([(parts.hostname or "127.0.0.1", parts.port)])
    through = parts.netloc.rpartition("@")
    return line, parts._replace(netloc=f"{through[0]}{through[1]}127.0.0.1:{line.port}").geturl()


@contextmanager
def running(
    stack: str,
    size: Size | None = None,
    *,
    database_url: str | None = None,
    **wishes: Any,
) -> Iterator[Fleet]:
    """A fleet that is whole; afterwards nothing of it is left, which is asserted. *wishes*: see Fleet."""
    with ExitStack() as ends:
        # A short path: the broker's socket must fit into 107 bytes.
        folder = Path(ends.enter_context(tempfile.TemporaryDirectory(prefix="nb-chaos-")))
        if stack != "embedded" and database_url is None:
            database_url = ends.enter_context(database_of_its_own())
        fleet = Fleet(folder, stack, database_url, size or Size(), **wishes)
        ends.callback(fleet.close)
        ends.callback(fleet.broker.kill)
        ends.callback(fleet.stop)
        fleet.begin()
        yield fleet
        fleet.stop()
        fleet.broker.kill()
        left = until_gone(folder)
        assert [(process.pid, process.name()) for process in left] == []
        left = sorted(str(path) for path in (folder / "t").rglob("*"))
        assert left == []
