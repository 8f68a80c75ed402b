"""Real processes of ours, on one of three stacks, killed on purpose. Speaks to the public API only."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, TypeVar
from uuid import uuid4

import httpx
import pika
import psutil
import psycopg

from nightbook.client import Client

GALLERY = Path(__file__).parents[2] / "notebooks"
POSTGRESQL = os.environ.get("TEST_POSTGRESQL_URL", "postgresql://postgres:postgres@127.0.0.1:5432/postgres")
RABBITMQ = os.environ.get("TEST_RABBITMQ_URL", "amqp://guest:guest@127.0.0.1:5672")
T = TypeVar("T")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(look: Callable[[], T | None], *, seconds: float, what: str) -> T:
    """Ask again and again until the answer is not None or false."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(f"not within {seconds} s: {what}")


# ---------------------------------------------------------------- brokers


class Broker(Protocol):
    url: str
    survives: bool  # whether a restarted broker remembers its messages

    def start(self) -> None: ...
    def kill(self) -> None: ...


class Embedded:
    """The embedded Valkey on its unix socket."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "valkey"
        self._folder.mkdir()
        self._socket = folder / "v.sock"
        self.url = f"unix://{self._socket}?db=0"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._socket.unlink(missing_ok=True)
        command = [
            sys.executable,
            "-m",
            "nightbook.supervisor.embedded",
            str(self._socket),
            str(self._folder),
        ]
        self._process = subprocess.Popen(command, start_new_session=True)
        until(self._socket.exists, seconds=15, what="the embedded broker listens")

    def kill(self) -> None:
        assert self._process is not None
        # The wrapper ends Valkey with itself; kill Valkey first, so that it is the one that dies suddenly.
        for child in psutil.Process(self._process.pid).children(recursive=True):
            child.kill()
        self._process.kill()
        self._process.wait()


class OwnRedis:
    """A Redis of our own: the machine's is not ours to kill."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port()
        self.url = f"redis://127.0.0.1:{self._port}/0"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        program = shutil.which("redis-server") or shutil.which("valkey-server")
        assert program, "redis-server is not installed"
        where = ["--bind", "127.0.0.1", "--port", str(self._port), "--dir", str(self._folder)]
        self._process = subprocess.Popen(
            [program, *where, "--save", "", "--appendonly", "no"], stdout=subprocess.DEVNULL
        )
        until(self._answers, seconds=10, what="Redis listens")

    def _answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self._port), timeout=1).close()
        except OSError:
            return False
        return True

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()


class SharedRabbit:
    """The machine's RabbitMQ. To kill it would harm others, so its death is what our side sees of one:
    a proxy cuts all connections and refuses new ones, and our queue is gone when it answers again."""

    def __init__(self, folder: Path, pool: str) -> None:
        self._log = folder / "proxy.log"
        self._pool = pool
        self._port = free_port()
        credentials = RABBITMQ.removeprefix("amqp://").partition("@")[0]
        self.url = f"amqp://{credentials}@127.0.0.1:{self._port}/%2F"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        host, _, port = RABBITMQ.rpartition("@")[2].partition("/")[0].partition(":")
        program = Path(__file__).with_name("proxy.py")
        self._process = subprocess.Popen(
            [sys.executable, str(program), str(self._port), host, port or "5672"], start_new_session=True
        )
        until(self._answers, seconds=10, what="the proxy listens")

    def _answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self._port), timeout=1).close()
        except OSError:
            return False
        return True

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        self.forget()

    def forget(self) -> None:
        connection = pika.BlockingConnection(pika.URLParameters(f"{RABBITMQ}/%2F"))
        channel = connection.channel()
        for suffix in ("", ".DQ", ".XQ"):
            channel.queue_delete(f"nightbook.{self._pool}{suffix}")
        connection.close()


# ---------------------------------------------------------------- the cluster


class Cluster:
    """A server with its beat, workers of a pool with a short lease, and a broker that may die."""

    def __init__(self, folder: Path, stack: str) -> None:
        self.folder = folder
        self.home = folder / "h"
        self.pool = f"e2e-{uuid4().hex[:8]}"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.database_url = self._make_database() if stack != "embedded" else None
        self.broker: Broker = self._make_broker(stack)
        self.server: subprocess.Popen[bytes] | None = None
        self.workers: list[subprocess.Popen[bytes]] = []

    def _make_database(self) -> str:
        self._database = f"nightbook_e2e_{uuid4().hex[:12]}"
        with psycopg.connect(POSTGRESQL, autocommit=True) as server:
            server.execute(f"CREATE DATABASE {self._database}")
        return f"{POSTGRESQL.rpartition('/')[0]}/{self._database}"

    def _make_broker(self, stack: str) -> Broker:
        if stack == "postgres-redis":
            return OwnRedis(self.folder)
        if stack == "postgres-rabbitmq":
            return SharedRabbit(self.folder, self.pool)
        return Embedded(self.folder)

    @property
    def environment(self) -> dict[str, str]:
        clean = {key: value for key, value in os.environ.items() if not key.startswith("NIGHTBOOK_")}
        database = {"NIGHTBOOK_DATABASE_URL": self.database_url} if self.database_url else {}
        return {
            **clean,
            **database,
            "HOME": str(self.folder),
            "NIGHTBOOK_HOME": str(self.home),
            "NIGHTBOOK_PORT": str(self.port),
            "NIGHTBOOK_BROKER_URL": self.broker.url,
            "NIGHTBOOK_API_URL": self.url,
        }

    def command(self, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "nightbook", *arguments],
            env={**self.environment, **environment},
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def start(self) -> None:
        self.broker.start()
        made = self.command("init")
        assert made.returncode == 0, made.stderr
        self.start_server()
        with self.client() as client:
            client.pools.create(self.pool, lease_seconds=20)
            token = client.tokens.create("worker", ["worker"], kind="wrk", pools=[self.pool]).token
        assert token is not None
        (self.folder / "worker-token").write_text(token)
        self.start_worker()

    def client(self) -> Client:
        return Client(self.url, (self.home / "token").read_text().strip())

    def _spawn(self, name: str, *arguments: str, **environment: str) -> "subprocess.Popen[bytes]":
        with (self.folder / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "nightbook", *arguments],
                env={**self.environment, **environment},
                cwd=self.folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def start_server(self) -> None:
        self.server = self._spawn("server", "serve")
        until(self._is_ready, seconds=30, what=f"the server is ready\n{self.log('server')}")

    def _is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/readyz", timeout=5).status_code == 200
        except httpx.HTTPError:
            return False

    def start_worker(self) -> "subprocess.Popen[bytes]":
        worker = self._spawn(
            "worker",
            "worker",
            "--pool",
            self.pool,
            "--slots",
            "2",
            NIGHTBOOK_TOKEN_FILE=str(self.folder / "worker-token"),
        )
        self.workers.append(worker)
        with self.client() as client:
            until(
                lambda: any(w.state == "alive" for w in client.pools.workers() if w.pool == self.pool),
                seconds=30,
                what="the worker registers",
            )
        return worker

    def kill_server(self) -> None:
        assert self.server is not None
        self.server.kill()
        self.server.wait()

    def kill_worker(self) -> None:
        """As a power cut of one process: nothing of it is asked, its children are left to their guards."""
        worker = self.workers.pop()
        worker.kill()
        worker.wait()

    def processes(self) -> list[psutil.Process]:
        """Every process that works for this cluster, wherever it hangs in the tree."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.pid != os.getpid() and process.environ().get("HOME", "").startswith(
                    str(self.folder)
                ):
                    found.append(process)
            except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
                continue
        return [process for process in found if process.status() != psutil.STATUS_ZOMBIE]

    def log(self, name: str) -> str:
        path = self.folder / f"{name}.log"
        return path.read_text(errors="replace")[-4000:] if path.exists() else ""

    def stop(self) -> None:
        for process in (*self.workers, self.server):
            if process is not None and process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in (*self.workers, self.server):
            if process is not None:
                try:
                    process.wait(timeout=30)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
        self.broker.kill()
        if self.database_url:
            with psycopg.connect(POSTGRESQL, autocommit=True) as server:
                server.execute(f"DROP DATABASE {self._database} WITH (FORCE)")


@contextmanager
def running(stack: str) -> Iterator[Cluster]:
    # A short path: the broker's socket must fit into 107 bytes.
    with tempfile.TemporaryDirectory(prefix="nb-e2e-") as name:
        cluster = Cluster(Path(name), stack)
        try:
            cluster.start()
            yield cluster
        finally:
            cluster.stop()
