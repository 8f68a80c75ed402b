"""The worker's side of children: a guarded process per attempt, forked by a server that has imported it all.

The server is never waited for long and never a reason for a run to fail: whoever gets no child from it
starts one the ordinary way, and a server that died is started again.
"""

import contextlib
import json
import logging
import os
import select
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nightbook_executor import sandbox
from nightbook_executor.control import Channel, Message
from nightbook_executor.guard import Limits
from nightbook_executor.processes import Processes

MAX_REQUEST = 128 * 1024
READY = b"ready"
_READY_SECONDS = 20.0  # an ordinary start would have to import the same
_START_SECONDS = 10.0
_LAST_WORD_SECONDS = 10.0  # the guard kills for five
_RESTART_SECONDS = (0.0, 1.0, 5.0, 30.0, 120.0, 600.0)
_SETTLED_SECONDS = 60.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Facts:
    """What the processes of a child did, as its guard saw it; see `guard._Watch.to_the_end`."""

    code: int | None
    why: str | None = None
    peak_memory_bytes: int | None = None
    cpu_seconds: float | None = None
    memory_limit_bytes: int | None = None
    memory_hit_bytes: int | None = None
    unkilled: int = 0

    @classmethod
    def of(cls, message: Message) -> "Facts":
        told: dict[str, Any] = {name: message.get(name) for name in cls.__dataclass_fields__}
        return cls(**told)

    @property
    def usage(self) -> dict[str, Any]:
        return {"peak_memory_bytes": self.peak_memory_bytes, "cpu_seconds": self.cpu_seconds}


class Child:
    """A child under its guard. `pid` is the guard's: with it everything ends."""

    def __init__(
        self, pid: int, link: Channel, processes: Processes, process: "subprocess.Popen[bytes] | None" = None
    ) -> None:
        self.pid = pid
        self._link = link
        self._processes = processes
        self._process = process
        processes.spare(pid)

    def renewed(self) -> None:
        self._link.send("alive")

    def kill(self) -> None:
        """SIGKILL to all of it, by the guard."""
        self._link.send("kill")

    def wait(self) -> Facts | None:
        """Wait until nothing of it is left. Return what the guard said, or None where it was killed."""
        ended: Message | None = None
        with contextlib.suppress(EOFError):
            while (message := self._link.receive(_LAST_WORD_SECONDS)) is not None:
                ended = message if message["k"] == "ended" else None
        if ended is None:
            sandbox.kill_tree(self.pid)
        self._link.close()
        self._collect()
        return Facts.of(ended) if ended is not None else None

    def _collect(self) -> None:
        """Its parent may be the server, or we, if that has died."""
        if self._process is not None:
            self._process.wait()
        else:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(self.pid, 0)
        self._processes.spare_no_more(self.pid)


class UnguardedChild(Child):
    """A child on a system that has no guards: it watches itself."""

    def __init__(self, process: "subprocess.Popen[bytes]", processes: Processes) -> None:
        ours, theirs = Channel.pair()
        theirs.close()
        super().__init__(process.pid, ours, processes, process)
        self._started = process

    def kill(self) -> None:
        if self._started.returncode is None:
            sandbox.kill_tree(self.pid)

    def wait(self) -> Facts | None:
        self._collect()
        return Facts(self._started.returncode)


class ChildServer:
    """The process that forks children. Asked from many threads; it answers each by forking."""

    def __init__(
        self, processes: Processes, environment: Mapping[str, str], folder: Path, level: str
    ) -> None:
        self._processes = processes
        self._environment = dict(environment)
        self._folder = folder
        self._level = level
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._requests: socket.socket | None = None
        self._is_ready = False
        self._failures = 0
        self._started_at = self._next_start = 0.0
        self._closed = False
        with self._lock:
            self._start()

    def fork(
        self, order: Path, environment: Mapping[str, str], limits: Limits, fds: Sequence[int]
    ) -> Child | None:
        """A child for *order*; None where there is none to be had.

        *fds* are control channel, log and journal; they stay open here.
        """
        link, theirs = Channel.pair()
        fields = {"order": str(order), "environment": dict(environment), "limits": limits._asdict()}
        with theirs:
            server = self._ask(json.dumps(fields).encode(), [theirs.fileno(), *fds])
        started = self._answer(link) if server is not None else None
        if server is not None and started is None:
            # Once it is dead and we read the end of the link, nobody has the order any more.
            self._kill(server)
            started = self._answer(link)
        if started is None:
            link.close()
            return None
        return Child(int(started["guard"]), link, self._processes)

    def close(self) -> None:
        """End it; children that still run are their guards' concern."""
        with self._lock:
            self._closed = True
            self._bury()

    def _answer(self, link: Channel) -> Message | None:
        try:
            return link.receive(_START_SECONDS)
        except EOFError:
            return None

    def _ask(self, request: bytes, fds: list[int]) -> "subprocess.Popen[bytes] | None":
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                self._restart()
            if self._requests is None or not self._ready() or len(request) > MAX_REQUEST:
                return None
            try:
                socket.send_fds(self._requests, [request], fds)
            except OSError as error:
                _log.warning("child_server.unreachable why=%s", error.strerror)
                return None
            return self._process

    def _ready(self) -> bool:
        """Whether it has imported everything; it is given its time to."""
        if not self._is_ready and self._requests is not None:
            poll = select.poll()
            poll.register(self._requests, select.POLLIN)
            left = self._started_at + _READY_SECONDS - time.monotonic()
            if poll.poll(max(0.0, left) * 1000):
                with contextlib.suppress(OSError):
                    self._is_ready = self._requests.recv(len(READY)) == READY
        return self._is_ready

    # ------------------------------------------------------------ its life

    def _restart(self) -> None:
        """Start another one, later and later while they die young."""
        if self._closed:
            return
        now = time.monotonic()
        if self._process is not None:
            settled = now - self._started_at > _SETTLED_SECONDS
            self._failures = 1 if settled else self._failures + 1
            pause = _RESTART_SECONDS[min(self._failures, len(_RESTART_SECONDS)) - 1]
            self._next_start = now + pause
            _log.warning("child_server.died code=%s pause=%g", self._process.returncode, pause)
            self._bury()
        if now >= self._next_start:
            self._start()

    def _start(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        argv = [
            sys.executable,
            "-P",
            "-m",
            "nightbook_executor.child_server",
            str(theirs.fileno()),
            self._level,
        ]
        with theirs:
            try:
                self._process = self._processes.start(
                    argv,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    cwd=self._folder,
                    env=self._environment,
                    pass_fds=[theirs.fileno()],
                    start_new_session=True,
                )
            except OSError as error:
                ours.close()
                self._next_start = time.monotonic() + _RESTART_SECONDS[-1]
                _log.warning("child_server.not_started why=%s", error.strerror)
                return
        self._requests, self._is_ready = ours, False
        self._started_at = time.monotonic()

    def _kill(self, server: "subprocess.Popen[bytes]") -> None:
        with contextlib.suppress(ProcessLookupError):
            server.kill()
        server.wait()

    def _bury(self) -> None:
        if self._requests is not None:
            self._requests.close()
            self._requests = None
        if self._process is not None:
            self._kill(self._process)
            self._processes.forget(self._process)
            self._process = None
