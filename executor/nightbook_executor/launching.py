"""How a child is started at the level of its worker: by itself, or inside its sandbox.

The journal's file is opened out here and handed in, append only: inside a sandbox no path leads to a
journal that can be written.
"""

import signal
import sys
from dataclasses import dataclass

from nightbook_executor.bubblewrap import Launch, Room
from nightbook_executor.folders import Folders, Host
from nightbook_executor.order import Order

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


def start_of_child(host: Host, folders: Folders, channel: int, journal: int) -> Start:
    """What starts the child of an attempt; *channel* and *journal* are its two ways out."""
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
    writable = (order.work, order.home, order.made, order.short)
    return Room(folder=order.folder, writable=writable, temporary=order.temporary)


def exit_code(host: Host, code: int) -> int:
    """What the child ended with; bubblewrap tells a signal as a shell does."""
    if host.bubblewrap is not None and code > _SHELL_SIGNALS and code - _SHELL_SIGNALS in set(signal.Signals):
        return _SHELL_SIGNALS - code
    return code
