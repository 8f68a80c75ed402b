"""A RabbitMQ of our own, with settings that nobody would want: the machine's is shared."""

import os
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

from waiting import free_port, is_listening, until

_PROGRAM = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")


def is_there() -> bool:
    return _PROGRAM.exists()


class OwnRabbit:
    """A node in *folder* that takes back a message which is not acknowledged for *consumer_seconds*."""

    def __init__(self, folder: Path, *, consumer_seconds: int) -> None:
        self._folder = folder
        self._port, distribution = free_port(), free_port()
        self.url = f"amqp://guest:guest@127.0.0.1:{self._port}/%2F"
        self._process: subprocess.Popen[bytes] | None = None
        (folder / "rabbit.conf").write_text(
            f"listeners.tcp.1 = 127.0.0.1:{self._port}\nloopback_users = none\n"
        )
        # It looks only at every tick, which is a minute by default.
        (folder / "advanced.config").write_text(
            f"[{{rabbit,[{{consumer_timeout,{consumer_seconds * 1000}}},{{channel_tick_interval,2000}}]}}]."
        )
        (folder / "plugins").write_text("[].")
        places = {
            "BASE": "",
            "MNESIA_BASE": "m",
            "LOG_BASE": "l",
            "CONFIG_FILE": "rabbit.conf",
            "ADVANCED_CONFIG_FILE": "advanced.config",
            "ENABLED_PLUGINS_FILE": "plugins",
            "PID_FILE": "pid",
            "CONF_ENV_FILE": "none",
            "FEATURE_FLAGS_FILE": "features",
        }
        self._environment: Mapping[str, str] = {
            **os.environ,
            "HOME": str(folder),
            "RABBITMQ_NODENAME": f"chaos{os.getpid()}@localhost",
            "RABBITMQ_DIST_PORT": str(distribution),
            **{f"RABBITMQ_{name}": str(folder / place) for name, place in places.items()},
        }

    def start(self) -> None:
        with (self._folder / "words").open("ab") as told:
            self._process = subprocess.Popen(
                [str(_PROGRAM)], env=self._environment, stdout=told, stderr=told, start_new_session=True
            )
        until(lambda: is_listening(self._port), seconds=120, what=self._words)

    def kill(self) -> None:
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def timeouts(self) -> int:
        """How often it has taken back a message."""
        return self._words().count("has timed out waiting")

    def _words(self) -> str:
        logs = [path.read_text(errors="replace") for path in (self._folder / "l").glob("*.log")]
        return "\n".join([(self._folder / "words").read_text(errors="replace"), *logs])
