"""Real processes of ours, on one of three stacks, killed on purpose. Speaks to the public API only.

Two pools: `pool`, whose workers ride out a restart of the server, and `frail_pool`, whose workers are
soon given up. All that the cluster starts lives in one folder, by which what is left of it is found.
"""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from uuid import uuid4

import brokers
import httpx
import psutil
import psycopg
from waiting import free_port, is_listening, until

from nightbook.client import Client

GALLERY = Path(__file__).parents[2] / "notebooks"
POSTGRESQL = os.environ.get("TEST_POSTGRESQL_URL", "postgresql://postgres:postgres@127.0.0.1:5432/postgres")
FRAIL_LEASE_SECONDS = 15
STEADY_LEASE_SECONDS = 60
Process = subprocess.Popen[bytes]


def plain_environment(folder: Path) -> dict[str, str]:
    """This process's environment without settings of ours, at home in *folder*."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("NIGHTBOOK_")}
    temporary = folder / "t"
    temporary.mkdir(exist_ok=True)
    return {**clean, "HOME": str(folder), "TMPDIR": str(temporary)}


def processes_of(folder: Path) -> list[psutil.Process]:
    """Every living process that works in *folder*, wherever it hangs in the tree."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
            is_ours = process.pid != os.getpid() and _names(process, str(folder))
            if is_ours and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def _names(process: psutil.Process, folder: str) -> bool:
    words = process.cmdline()
    # A worker hides its environment from processes without privileges.
    with contextlib.suppress(psutil.AccessDenied):
        words = [*words, *process.environ().values()]
    return any(folder in word for word in words)


@contextmanager
def database_of_its_own() -> Iterator[str]:
    """The URL of a new database on the machine's PostgreSQL, dropped at the end."""
    name = f"nightbook_e2e_{uuid4().hex[:12]}"
    with psycopg.connect(POSTGRESQL, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
    try:
        yield f"{POSTGRESQL.rpartition('/')[0]}/{name}"
    finally:
        with psycopg.connect(POSTGRESQL, autocommit=True) as server:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)")


class Cluster:
    """A server with its beat, a worker of each pool that a test asks for, and a broker that may die."""

    def __init__(self, folder: Path, stack: str, database_url: str | None) -> None:
        self.folder = folder
        self.home = folder / "h"
        self.pool, self.frail_pool = (f"e2e-{kind}-{uuid4().hex[:8]}" for kind in ("steady", "frail"))
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._environment = plain_environment(folder)
        self.broker = brokers.made_for(stack, folder, dict(self._environment), (self.pool, self.frail_pool))
        self._environment |= {
            "NIGHTBOOK_HOME": str(self.home),
            "NIGHTBOOK_PORT": str(self.port),
            "NIGHTBOOK_BROKER_URL": self.broker.url,
            "NIGHTBOOK_API_URL": self.url,
        }
        if database_url:
            self._environment["NIGHTBOOK_DATABASE_URL"] = database_url
        self._server: Process | None = None
        self._workers: dict[str, Process] = {}

    # ------------------------------------------------------------ start

    def start(self) -> None:
        self.broker.start()
        made = subprocess.run(
            [sys.executable, "-m", "nightbook", "init"],
            env=self._environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert made.returncode == 0, made.stderr
        self.start_server()
        pools = [self.pool, self.frail_pool]
        with self.client() as client:
            client.pools.create(self.pool, lease_seconds=STEADY_LEASE_SECONDS)
            client.pools.create(self.frail_pool, lease_seconds=FRAIL_LEASE_SECONDS)
            token = client.tokens.create("worker", ["worker"], kind="wrk", pools=pools).token
        assert token is not None
        (self.folder / "worker-token").write_text(token)
        self.start_worker(self.pool)

    def client(self) -> Client:
        return Client(self.url, (self.home / "token").read_text().strip())

    def start_server(self) -> None:
        self._server = self._spawn("server", "serve")
        until(self._is_ready, seconds=60, what=lambda: f"the server is ready\n{self.log('server')}")

    def _is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/readyz", timeout=5).status_code == 200
        except httpx.HTTPError:
            return False

    def start_worker(self, pool: str) -> Process:
        log = f"worker-{pool}"
        token = str(self.folder / "worker-token")
        words = ("worker", "--pool", pool, "--slots", "2")
        worker = self._workers[pool] = self._spawn(log, *words, NIGHTBOOK_TOKEN_FILE=token)
        with self.client() as client:
            until(
                lambda: any(w.state == "alive" for w in client.pools.workers() if w.pool == pool),
                seconds=60,
                what=lambda: f"the worker registers\n{self.log(log)}",
            )
        return worker

    def _spawn(self, log_name: str, *arguments: str, **environment: str) -> Process:
        with (self.folder / f"{log_name}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "nightbook", *arguments],
                env={**self._environment, **environment},
                cwd=self.folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def log(self, name: str) -> str:
        path = self.folder / f"{name}.log"
        return path.read_text(errors="replace")[-4000:] if path.exists() else ""

    # ------------------------------------------------------------ look, kill, end

    def broker_state(self) -> str:
        """What the server thinks of its broker: `ok` or `away`."""
        return str(httpx.get(f"{self.url}/readyz", timeout=10).json()["broker"])

    def kernels(self) -> list[psutil.Process]:
        """Those that run a notebook: started by themselves, or forked and marked by their attempt."""
        return [process for process in processes_of(self.folder) if _is_kernel(process)]

    def kill_server(self) -> None:
        assert self._server is not None
        self._server.kill()
        self._server.wait()

    def kill_worker(self, pool: str) -> None:
        """As a power cut of one process: nothing of it is asked, its children are left to their guards."""
        worker = self._workers.pop(pool)
        worker.kill()
        worker.wait()

    def drain_worker(self, pool: str) -> Process:
        worker = self._workers.pop(pool)
        worker.terminate()
        return worker

    def heal(self) -> None:
        """Bring back what an earlier test left dead, so that one failure is not told many times."""
        assert self._server is not None
        if self._server.poll() is not None:
            self.start_server()
        worker = self._workers.get(self.pool)
        if worker is None or worker.poll() is not None:
            self.start_worker(self.pool)

    def stop(self) -> None:
        """Ask all to end, workers first as they report to the server; kill what does not."""
        for process in (*self._workers.values(), self._server):
            if process is not None and process.poll() is None:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(timeout=30)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()


def _words(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""


def _is_kernel(process: psutil.Process) -> bool:
    words = _words(process)
    if "zygote" not in words:
        return "ipykernel" in words
    try:
        mark = process.environ().get("NB_ATTEMPT", "")
    except psutil.Error:
        return False
    return mark.strip("0-") != ""


@contextmanager
def running(stack: str) -> Iterator[Cluster]:
    """A cluster that has started; afterwards nothing of it is left, which is asserted."""
    with ExitStack() as ends:
        # A short path: the broker's socket must fit into 107 bytes.
        folder = Path(ends.enter_context(tempfile.TemporaryDirectory(prefix="nb-e2e-")))
        database = None if stack == "embedded" else ends.enter_context(database_of_its_own())
        cluster = Cluster(folder, stack, database)
        ends.callback(cluster.broker.kill)
        ends.callback(cluster.stop)
        cluster.start()
        yield cluster
        cluster.stop()
        cluster.broker.kill()
        left = until_gone(folder)
        assert [(process.pid, _words(process)) for process in left] == []
        assert sorted(path.name for path in (folder / "t").iterdir()) == []
        assert not is_listening(cluster.port)


def until_gone(folder: Path, *, seconds: float = 15) -> list[psutil.Process]:
    """Wait until no process works in *folder* any more. Return those that still do."""
    with contextlib.suppress(AssertionError):
        until(lambda: not processes_of(folder), seconds=seconds, what="all are gone")
    return processes_of(folder)
