"""How a child is started at the level of its worker: forked by its server, by itself, or in its sandbox.

The journal's file is opened out here and handed in, append only: inside a sandbox no path leads to a
journal that can be written.
"""

import json
import os
import signal
import subprocess
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from nightbook_executor import guard, sandbox
from nightbook_executor.bubblewrap import Launch, Room
from nightbook_executor.children import Child, ChildServer, UnguardedChild
from nightbook_executor.control import Channel
from nightbook_executor.folders import Folders, Host
from nightbook_executor.guard import Limits
from nightbook_executor.order import Order
from nightbook_executor.processes import Processes

_SHELL_SIGNALS = 128


@dataclass(frozen=True)
class Start:
    """A command line, its environment, and the files that go along by their numbers."""

    argv: list[str]
    environment: dict[str, str]
    files: list[int]
    launch: Launch | None = None

    def close(self) -> None:
        """To be called once the process runs, or could not be started."""
        if self.launch is not None:
            self.launch.close()


def child_server_of(level: str, processes: Processes, state: Path, cache: Path) -> ChildServer | None:
    """The server that forks the children of a worker; none where a child is started inside its sandbox."""
    if not guard.IS_HERE or level == "bubblewrap":
        return None
    folder = state / "children"
    folder.mkdir(exist_ok=True, mode=0o700)
    environment = sandbox.environment(os.environ, home=folder, temp=folder, cache=cache, threads=1)
    # A fork shows the environment that its server was started with: room for the mark of its attempt.
    return ChildServer(processes, {**environment, sandbox.MARK: str(uuid.UUID(int=0))}, folder, level)


def launched(host: Host, folders: Folders, channel: int, journal: int, limits: Limits) -> Child:
    """Start the child of an attempt; *channel* and *journal* are its two ways out. Raises OSError."""
    order = folders.order
    with order.log.open("ab") as log:
        if host.child_server is not None:
            fds = [channel, log.fileno(), journal]
            child = host.child_server.fork(order.file, folders.environment(host), limits, fds)
            if child is not None:
                return child
        start = start_of_child(host, folders, channel, journal)
        try:
            return _started(host.processes, start, order.folder, log, limits)
        finally:
            start.close()


def _started(processes: Processes, start: Start, folder: Path, log: BinaryIO, limits: Limits) -> Child:
    """The ordinary way: a program of its own, under a guard where there are such."""
    link, theirs = Channel.pair()
    argv, files = start.argv, start.files
    if guard.IS_HERE:
        lead = [sys.executable, "-I", "-S", guard.__file__, str(theirs.fileno())]
        argv = [*lead, json.dumps(limits._asdict()), "--", *argv]
        files = [*files, theirs.fileno()]
    with theirs:
        process = processes.start(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=folder,
            env=start.environment,
            pass_fds=files,
            start_new_session=True,
        )
    if guard.IS_HERE:
        return Child(process.pid, link, processes, process)
    link.close()
    return UnguardedChild(process, processes)


def start_of_child(host: Host, folders: Folders, channel: int, journal: int) -> Start:
    """What starts the child of an attempt without the server."""
    argv = [sys.executable, "-P", "-m", "nightbook_executor.child"]
    argv += [str(folders.order.file), str(channel), str(journal)]
    environment = folders.environment(host)
    if host.bubblewrap is None:
        return Start(argv, environment, [channel, journal])
    launch = host.bubblewrap.launch(argv, environment, room_of(folders.order))
    # Its init shows everybody inside the environment that it was started with.
    return Start(launch.argv, {}, [channel, journal, *launch.files], launch)


def room_of(order: Order) -> Room:
    """The places of one attempt: what the child reads cannot be written inside."""
    shown = (order.cgroup,) if order.cgroup is not None else ()
    writable = (order.work, order.home, order.made, order.short)
    return Room(folder=order.folder, writable=writable, temporary=order.temporary, shown=shown)


def exit_code(host: Host, code: int) -> int:
    """What the child ended with; bubblewrap tells a signal as a shell does."""
    if host.bubblewrap is not None and code > _SHELL_SIGNALS and code - _SHELL_SIGNALS in set(signal.Signals):
        return _SHELL_SIGNALS - code
    return code
