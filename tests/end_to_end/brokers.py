"""The brokers that a cluster can stand on, each of which can be killed and comes back empty."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Protocol

import pika
import psutil
from waiting import free_port, is_listening, until

RABBITMQ = os.environ.get("TEST_RABBITMQ_URL", "amqp://guest:guest@127.0.0.1:5672")


class Broker(Protocol):
    url: str

    def start(self) -> None: ...
    def kill(self) -> None: ...


class _OwnProcess:
    """One process of ours, told from others by the environment of its cluster."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None

    def _spawn(self, *command: str) -> None:
        self._process = subprocess.Popen(
            command, env=dict(self._environment), stdout=subprocess.DEVNULL, start_new_session=True
        )

    def kill(self) -> None:
        if self._process is None:
            return
        # Valkey's keeper would end it politely: so Valkey is killed before its keeper.
        for child in psutil.Process(self._process.pid).children(recursive=True):
            child.kill()
        self._process.kill()
        self._process.wait()
        self._process = None


class Embedded(_OwnProcess):
    """The embedded Valkey on its unix socket."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        super().__init__(environment)
        self._folder = folder / "valkey"
        self._folder.mkdir()
        self._socket = folder / "v.sock"
        self.url = f"unix://{self._socket}?db=0&socket_timeout=5&socket_connect_timeout=5"

    def start(self) -> None:
        self._socket.unlink(missing_ok=True)
        keeper = "nightbook.supervisor.embedded"
        self._spawn(sys.executable, "-m", keeper, str(self._socket), str(self._folder))
        until(self._answers, seconds=20, what="the embedded broker listens")

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
            return line.connect_ex(str(self._socket)) == 0


class OwnRedis(_OwnProcess):
    """A Redis of our own: the machine's is not ours to kill."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        super().__init__(environment)
        self._folder = folder
        self._port = free_port()
        self.url = f"redis://127.0.0.1:{self._port}/0?socket_timeout=5&socket_connect_timeout=5"

    def start(self) -> None:
        program = shutil.which("redis-server") or shutil.which("valkey-server")
        assert program, "this stack needs the program redis-server or valkey-server"
        where = ("--bind", "127.0.0.1", "--port", str(self._port), "--dir", str(self._folder))
        self._spawn(program, *where, "--save", "", "--appendonly", "no")
        until(lambda: is_listening(self._port), seconds=20, what="Redis listens")


class SharedRabbit(_OwnProcess):
    """The machine's RabbitMQ. To kill it would harm others, so its death is what our side sees of one:
    a proxy cuts all connections and refuses new ones, and our queues are gone when it answers again."""

    def __init__(self, environment: Mapping[str, str], pools: Iterable[str]) -> None:
        super().__init__(environment)
        self._pools = [*pools]
        self._port = free_port()
        credentials, _, address = RABBITMQ.removeprefix("amqp://").partition("@")
        host, _, port = address.partition("/")[0].partition(":")
        self._to = (host, port or "5672")
        self.url = f"amqp://{credentials}@127.0.0.1:{self._port}/%2F"

    def start(self) -> None:
        program = Path(__file__).with_name("proxy.py")
        self._spawn(sys.executable, str(program), str(self._port), *self._to)
        until(lambda: is_listening(self._port), seconds=20, what="the proxy listens")

    def kill(self) -> None:
        super().kill()
        connection = pika.BlockingConnection(pika.URLParameters(f"{RABBITMQ}/%2F"))
        channel = connection.channel()
        for pool in self._pools:
            for suffix in ("", ".DQ", ".XQ"):
                channel.queue_delete(f"nightbook.{pool}{suffix}")
        connection.close()


def made_for(stack: str, folder: Path, environment: Mapping[str, str], pools: Iterable[str]) -> Broker:
    """The broker of *stack*, not yet started; *pools* are those whose queues a shared one forgets."""
    if stack == "postgres-redis":
        return OwnRedis(folder, environment)
    if stack == "postgres-rabbitmq":
        return SharedRabbit(environment, pools)
    return Embedded(folder, environment)
